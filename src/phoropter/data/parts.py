"""The words people use for the training, validation and test part."""

from __future__ import annotations

import re

from phoropter.core.records import Part

_WORDS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "tst": "test",
}
_NAME = re.compile(r"([a-z]+)(?:\d+|[ _.\-].*)?")


def part_of(name: str) -> Part | None:
    """The part that a folder name or a cell of a split column stands for, or None.

    >>> part_of("Validation"), part_of("test_shifted"), part_of("train2017"), part_of("trainer")
    ('val', 'test', 'train', None)
    """
    match = _NAME.fullmatch(name.strip().casefold())
    return _WORDS.get(match.group(1)) if match else None
