"""Texts, tables and objects through the public functions: looked at, split, and not trained on."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import phoropter
from phoropter.core.errors import UsageError
from phoropter.core.files import plain

WORDS = [
    "the",
    "a",
    "good",
    "bad",
    "old",
    "new",
    "film",
    "story",
    "actor",
    "never",
    "always",
    "liked",
]


def texts(count, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 12)) for _ in range(count)]


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(text, "pos" if n % 2 else "neg") for n, text in enumerate(texts(80))]
    rows += rows[:20] + [(f"{text}!", label) for text, label in rows[20:40]]
    with (tmp_path / "reviews.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return tmp_path / "reviews.csv"


def test_look_and_split_of_texts(reviews):
    result = phoropter.look(reviews)
    assert (result.layout, result.modality, result.samples) == ("text", "text", 120)
    assert result.classes == {"neg": 60, "pos": 60}
    assert plain(result)["modality"] == "text"
    codes = {finding.code for finding in result.findings}
    assert {"exact-duplicates", "near-duplicates", "text-statistics"} <= codes
    assert "split-leak" not in codes
    made = phoropter.split(reviews)
    assert sum(made.parts.values()) == 120
    assert any("20 exact copies" in reason for reason in made.reasons)
    assert any("20 families of near copies" in reason for reason in made.reasons)


@pytest.mark.parametrize("start", [phoropter.train, phoropter.run])
def test_training_on_texts_is_refused_in_one_line(reviews, start):
    with pytest.raises(UsageError, match="but not train on them") as caught:
        start(reviews)
    assert "\n" not in str(caught.value)


def test_the_layout_is_kept_with_the_project(reviews):
    table = phoropter.look(reviews, layout="table", target="label", project="p")
    assert (table.modality, table.layout) == ("table", "table")
    assert phoropter.look(reviews, project="p").modality == "table"
    with pytest.raises(UsageError, match="started with layout 'table', got 'text'"):
        phoropter.look(reviews, layout="text", project="p")
    with pytest.raises(UsageError, match="Unknown reader 'tablo'"):
        phoropter.look(reviews, layout="tablo", project="q")


@pytest.mark.parametrize(
    ("name", "samples", "task"),
    [
        ("iris", 150, "classification"),
        ("diabetes", 442, "regression"),
        ("blobs", 1000, "classification"),
    ],
)
def test_built_in_tables(tmp_path, monkeypatch, name, samples, task):
    monkeypatch.chdir(tmp_path)
    result = phoropter.look(name)
    assert (result.samples, result.task, result.modality) == (samples, task, "table")
    assert {finding.severity for finding in result.findings} <= {"info"}


def test_an_object_is_data_for_as_long_as_the_project_lasts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOROPTER_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 256, (10, 9), dtype=np.uint8), n % 3) for n in range(60)]
    result = phoropter.look(pairs, project="p")
    assert (result.samples, result.classes) == (60, {"0": 20, "1": 20, "2": 20})
    del pairs[:]
    assert (
        phoropter.split(tmp_path / "cache", project="q", layout="unlabelled").parts["train"] == 36
    )
    with pytest.raises(UsageError, match="no samples"):
        phoropter.look(pairs, project="p")
