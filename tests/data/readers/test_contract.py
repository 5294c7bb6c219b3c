"""Every reader runs the contract that is published for those of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from phoropter.core import registry
from phoropter.core.records import Dataset
from phoropter.data.open import open_dataset
from phoropter.testing.reader_contract import broken_promises

NAMES = sorted(registry.names("phoropter.readers"))


@pytest.mark.parametrize("name", NAMES)
def test_readers_keep_their_promises(name, examples, tmp_path):
    path = examples[name](tmp_path)
    reader = registry.load("phoropter.readers", name)
    assert broken_promises(reader, path) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_is_found(name, examples, tmp_path):
    path = examples[name](tmp_path)
    found = open_dataset(path)
    assert found.layout == ("arrays" if name == "unpacked" else name)
    assert len(found) == 12


def test_the_contract_notices(tmp_path, examples):
    path = examples["table"](tmp_path)
    reader = registry.load("phoropter.readers", "table")
    calls: list[Dataset] = []

    def careless(path: Path, *, target: str | None) -> Dataset:
        (path / "left_behind.txt").write_text("x")
        dataset = reader.read(path, target=None)
        table = dataset.table.with_columns(
            id=pl.lit("same"), part=pl.lit("learn"), label=pl.lit(len(calls))
        ).drop("digest")
        calls.append(dataset)
        return replace(dataset, description="two\nlines", table=table, sources=("gone.csv",))

    wrong = SimpleNamespace(detects=lambda path: 2.0, read=careless)
    told = "; ".join(broken_promises(wrong, path))
    for promise in (
        "2.0 sure", "claims", "twice", "description", "repeated", "learn", "label is Int32",
        "digest", "is accepted", "was changed", "'gone.csv', which it says", "left out without",
    ):  # fmt: skip
        assert promise in told, promise
