"""Rows of numbers and categories: CSV, TSV, Parquet or JSON lines."""

from __future__ import annotations

from pathlib import Path

from phoropter.core.records import Dataset
from phoropter.data.row_dataset import dataset_of_rows
from phoropter.data.row_files import confidence, gather


def detects(path: Path) -> float:
    """How sure this reader is that the rows at `path` are neither images nor texts, in [0, 1]."""
    return confidence(path, "rows")


def read(path: Path, *, target: str | None) -> Dataset:
    """The rows of a file, or of the files train.csv, test.csv, ... of a folder.

    Every column but the target, the part and the group is an input. A column is numbers where all
    its filled cells are numbers, else text.

    Args:
        path: The file or folder.
        target: The column to predict, several columns of numbers separated by commas.

    Raises:
        InputError: If a file cannot be read.
        UsageError: If the target is not clear or not there.
    """
    return dataset_of_rows(gather(path), modality="table", layout="table", target=target)
