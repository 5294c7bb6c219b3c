"""Damaged files give a data set or one clear error: never a crash, a hang or another exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phoropter.core import registry
from phoropter.core.errors import PhoropterError
from phoropter.data.open import open_dataset

FUZZED = {
    "arrays": "set.npz",
    "csv": "labels.csv",
    "hf": "data-00000-of-00001.arrow",
    "table": "measured.csv",
    "text": "reviews.csv",
    "webdataset": "train-0000.tar",
}
TELLING = (b"\x00", b"\xff", b'"', b"\n", b",", b"\t", b"99999999", b"-1", b"{", b"PK", b"nan")


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with some of them changed, cut out, repeated or replaced by telling ones."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        if not data:
            break
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 40))
        match int(rng.integers(6)):
            case 0:
                data[at] = int(rng.integers(256))
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length] * int(rng.integers(1, 4))
            case 3:
                data[at : at + 1] = TELLING[int(rng.integers(len(TELLING)))]
            case 4:
                data = data[:at]
            case _:
                data[at : at + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
    return bytes(data)


def survive(name: str, place: Path, target: Path, content: bytes) -> str:
    target.write_bytes(content)
    reader = registry.load("phoropter.readers", name)
    sure = reader.detects(place)
    assert 0 <= sure <= 1
    try:
        found = reader.read(place, target=None)
        assert found.table["id"].n_unique() == len(found)
        open_dataset(place)
    except PhoropterError:
        return "refused"
    return "read"


def fuzz(name: str, examples, folder: Path, rounds: int) -> dict[str, int]:
    place = examples[name](folder)
    target = place if place.is_file() else folder / FUZZED[name]
    content = target.read_bytes()
    outcomes = {"read": 0, "refused": 0}
    rng = np.random.default_rng(sorted(FUZZED).index(name))
    for _ in range(rounds):
        outcomes[survive(name, place, target, mutated(content, rng))] += 1
    return outcomes


@pytest.mark.parametrize("name", FUZZED)
def test_damaged_files_are_read_or_refused(name, examples, tmp_path):
    outcomes = fuzz(name, examples, tmp_path, 60)
    assert sum(outcomes.values()) == 60


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FUZZED)
def test_many_damaged_files_are_read_or_refused(name, examples, tmp_path):
    outcomes = fuzz(name, examples, tmp_path, 4_000)
    assert min(outcomes.values()) > 0
