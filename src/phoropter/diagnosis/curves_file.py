"""Learning curves of a foreign training loop, read from a file or a dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from phoropter.core.errors import InputError
from phoropter.diagnosis.curve_columns import by_epoch, evidence_from
from phoropter.diagnosis.curve_names import chosen, standard_name
from phoropter.diagnosis.curves_json import json_columns, keras_columns
from phoropter.diagnosis.curves_tensorboard import has_events, tensorboard_columns
from phoropter.diagnosis.evidence import RunEvidence

REQUIRED = ("epoch", "train_loss", "val_loss")
_WORDS_FOR_MISSING = ["", "None", "null", "NA"]


def read_curves(curves: Path | Mapping[str, Sequence[Any]]) -> RunEvidence:
    """The evidence in learning curves.

    Args:
        curves: A CSV `epoch,train_loss,val_loss[,train_METRIC,val_METRIC,lr]` or what the loggers
            of Keras and Lightning write as CSV; a folder or file of TensorBoard's; a JSON file with
            Keras' history or the Hugging Face Trainer's state; or Keras' `History.history`.

    Raises:
        InputError: If the file cannot be read, lacks a column, has no row, or holds words where
            numbers belong.
    """
    if isinstance(curves, Mapping):
        return evidence_from(keras_columns(curves), name="The history")
    if has_events(curves):
        columns = tensorboard_columns(curves)
    elif curves.suffix == ".json":
        columns = json_columns(curves)
    else:
        columns = _csv_columns(curves)
    return evidence_from(columns, name=str(curves))


def _csv_columns(path: Path) -> dict[str, list[float | None]]:
    hint = "Expected a CSV with the header epoch,train_loss,val_loss[,train_METRIC,val_METRIC,lr]."
    try:
        table = pl.read_csv(path, infer_schema=False, null_values=_WORDS_FOR_MISSING)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"Cannot read the curves {str(path)!r}: {reason}.", hint=hint) from error
    known = [raw for raw in table.columns if standard_name(raw) is not None]
    for name in REQUIRED:
        if name not in map(standard_name, known):
            raise InputError(f"{str(path)!r} has no column {name!r}.", hint=hint)
    if not table.height:
        raise InputError(f"{str(path)!r} has no rows.", hint=hint)
    series = {raw: _column(table[raw], path, standard_name(raw)) for raw in known}
    columns = {name: series[raw] for name, raw in chosen(series).items()}
    columns["epoch"] = _epochs(columns["epoch"], path, stepwise="step" in columns)
    # Keras and Lightning count epochs from 0; for us 0 is the state before the first one.
    of_logger = "loss" in {raw.strip() for raw in known} or "step" in columns
    if of_logger and min(epoch or 0.0 for epoch in columns["epoch"]) == 0:
        columns["epoch"] = [(epoch or 0.0) + 1 for epoch in columns["epoch"]]
    return by_epoch(columns)


def _column(words: pl.Series, path: Path, name: str | None) -> list[float | None]:
    numbers = words.str.strip_chars().cast(pl.Float64, strict=False)
    wrong = words.filter(numbers.is_null() & words.is_not_null())
    if len(wrong):
        raise InputError(
            f"{str(path)!r}: {wrong[0]!r} in the column {name!r} is no number.",
            hint="Leave a cell empty where nothing was measured.",
        )
    return numbers.to_list()


def _epochs(known: Sequence[float | None], path: Path, *, stepwise: bool) -> list[float | None]:
    """The epoch of each row; Lightning logs rates by step alone, ahead of their epoch's losses."""
    epochs = pl.Series(known, dtype=pl.Float64)
    if stepwise:
        epochs = epochs.fill_null(strategy="backward").fill_null(strategy="forward")
    if epochs.is_null().any() or not epochs.is_finite().all():
        raise InputError(f"{str(path)!r} has a row without an epoch.", hint="Number the epochs.")
    return epochs.to_list()
