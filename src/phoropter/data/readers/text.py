"""Texts with or without a label, one a row: CSV, TSV, Parquet or JSON lines."""

from __future__ import annotations

from pathlib import Path

from phoropter.core.records import Dataset
from phoropter.data.row_dataset import dataset_of_rows
from phoropter.data.row_files import confidence, gather


def detects(path: Path) -> float:
    """How sure this reader is that the rows at `path` are texts, in [0, 1]."""
    return confidence(path, "texts")


def read(path: Path, *, target: str | None) -> Dataset:
    """The texts of a file, or of the files train.csv, test.csv, ... of a folder.

    Columns of language are the inputs, several where there are several (a title and a body, a
    question and an answer). The label is the column named as the target or by a usual name, or
    the only one left.

    Args:
        path: The file or folder.
        target: The column to predict.

    Raises:
        InputError: If a file cannot be read or no column holds text.
        UsageError: If the target is not clear or not there.
    """
    return dataset_of_rows(gather(path), modality="text", layout="text", target=target)
