"""Copies among pictures, found once for the same pictures: the split and the look both ask."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.tables import read_table, write_table
from phoropter.look.copies import Copies, CopyRule, find_copies

_VERSION = 2
"""To be raised when other pairs are found among the same pictures."""

WORTH_KEEPING = 500
"""Pictures from which finding copies takes longer than reading them."""


def kept_copies(thumbnails: NDArray[np.uint8], *, seed: int, folder: Path | None) -> Copies:
    """What `find_copies` finds among thumbnails (n, 32, 32), from a file where it is there already.

    Args:
        thumbnails: None of them flat.
        seed: Of the search for candidates.
        folder: Where it is kept; None: nowhere.
    """
    if folder is None or len(thumbnails) < WORTH_KEEPING:
        return find_copies(thumbnails, seed=seed)
    sums = hashlib.blake2b(json.dumps([_VERSION, seed, thumbnails.shape]).encode(), digest_size=16)
    sums.update(np.ascontiguousarray(thumbnails).data)  # a million are a gigabyte: no copy of them
    file = folder / f"copies-{sums.hexdigest()}.parquet"
    known = _read(file)
    if known is None:
        known = find_copies(thumbnails, seed=seed)
        _write(file, known)
    return known


def _write(file: Path, copies: Copies) -> None:
    columns = {
        "first": copies.pairs[:, 0],
        "second": copies.pairs[:, 1],
        "distance": copies.distances,
        "how": np.asarray(copies.how or [""] * len(copies.pairs), dtype=np.str_),
    }
    rule = "" if copies.rule is None else json.dumps(asdict(copies.rule))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_table(file, pl.DataFrame(columns), {"rule": rule})


def _read(file: Path) -> Copies | None:
    """What is kept; None where there is no sound file."""
    if not file.exists():
        return None
    try:
        table, about = read_table(file)
    except (ValueError, OSError):  # it is found again
        return None
    rule = CopyRule(**json.loads(about["rule"])) if about["rule"] else None
    pairs = table.select("first", "second").to_numpy().astype(np.int64).reshape(-1, 2)
    return Copies(pairs, table["distance"].to_numpy(), rule, tuple(table["how"]))
