"""Damaged files give a data set or one clear error: never a crash, a hang or another exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phoropter.core import registry
from phoropter.core.errors import PhoropterError
from phoropter.data.open import open_dataset

FUZZED = {
    "arrays": ("arrays", "set.npz", 60, 4_000),
    "csv": ("csv", "labels.csv", 60, 4_000),
    "instances": ("instances", "stage1_train/01/masks/mask 0.png", 20, 1_000),
    "npy": ("arrays", "images.npy", 60, 4_000),
    "voc lists": ("voc", "ImageSets/Main/val.txt", 20, 1_000),
    "table": ("table", "measured.csv", 60, 4_000),
    "text": ("text", "reviews.csv", 60, 4_000),
    "lines": ("text", "reviews.jsonl", 60, 4_000),
    "webdataset": ("webdataset", "train-0000.tar", 60, 4_000),
    "hf": ("hf", "data-00000-of-00001.arrow", 4, 500),  # another process reads each of these
    "hf state": ("hf", "state.json", 40, 1_000),
    "hf info": ("hf", "dataset_info.json", 40, 1_000),
    "parquet": ("table", "measured.parquet", 4, 500),
}
"""Of each example the reader, the file that is damaged, and how often: shortly and nightly."""

NEVER_REFUSED = {"instances", "voc lists"}
"""What is damaged there costs an object or a part's word, never the whole."""

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


def fuzz(name: str, examples, folder: Path, *, nightly: bool) -> dict[str, int]:
    reader, file, *rounds = FUZZED[name]
    place = examples[name.split(maxsplit=1)[0]](folder)
    target = place if place.is_file() else folder / file
    content = target.read_bytes()
    outcomes = {"read": 0, "refused": 0}
    rng = np.random.default_rng(sorted(FUZZED).index(name))
    for _ in range(rounds[nightly]):
        outcomes[survive(reader, place, target, mutated(content, rng))] += 1
    return outcomes


@pytest.mark.parametrize("name", FUZZED)
def test_damaged_files_are_read_or_refused(name, examples, tmp_path):
    outcomes = fuzz(name, examples, tmp_path, nightly=False)
    assert sum(outcomes.values()) == FUZZED[name][2]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FUZZED)
def test_many_damaged_files_are_read_or_refused(name, examples, tmp_path):
    outcomes = fuzz(name, examples, tmp_path, nightly=True)
    assert outcomes["read"] > 0
    assert outcomes["refused"] > 0 or name in NEVER_REFUSED
