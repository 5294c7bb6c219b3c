"""Learning curves of a foreign training loop, read from a CSV file."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from phoropter.core.errors import InputError
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch, RunSummary
from phoropter.diagnosis.evidence import RunEvidence

REQUIRED = ("epoch", "train_loss", "val_loss")
_LOWER_IS_BETTER = ("loss", "mse", "mae", "rmse", "mape", "error", "perplexity")
_WORDS_FOR_MISSING = ["", "None", "null", "NA"]


def read_curves(path: Path) -> RunEvidence:
    """The evidence in a CSV `epoch,train_loss,val_loss[,train_METRIC,val_METRIC,lr]`.

    The recipe is unknown and stands at its defaults; the run has no identifier, by which
    prescriptions know to give advice instead of recipe keys.

    Raises:
        InputError: If the file cannot be read, lacks a column, has no row, or holds words where
            numbers belong.
    """
    table = _numbers(path)
    metric = next(
        (name[4:] for name in table.columns if name.startswith("val_") and name != "val_loss"),
        "loss",
    )
    rates = [row.get("lr") for row in table.iter_rows(named=True)]
    recipe = Recipe()
    known = [rate for rate in rates if rate is not None and math.isfinite(rate) and rate > 0]
    if known:
        recipe = recipe.changed({"train.lr": max(known)})
    history = tuple(_epoch(row, metric) for row in table.iter_rows(named=True))
    return RunEvidence(
        summary=_summary(history, metric),
        recipe=recipe,
        history=history,
        gates=(),
        predictions=None,
        train_predictions=None,
        metric=metric,
        greater_is_better=not any(word in metric.lower() for word in _LOWER_IS_BETTER),
    )


def _numbers(path: Path) -> pl.DataFrame:
    hint = "Expected a CSV with the header epoch,train_loss,val_loss[,train_METRIC,val_METRIC,lr]."
    try:
        table = pl.read_csv(path, infer_schema=False, null_values=_WORDS_FOR_MISSING)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"Cannot read the curves {str(path)!r}: {reason}.", hint=hint) from error
    table = table.rename({name: name.strip() for name in table.columns})
    for name in REQUIRED:
        if name not in table.columns:
            raise InputError(f"{str(path)!r} has no column {name!r}.", hint=hint)
    if not table.height:
        raise InputError(f"{str(path)!r} has no rows.", hint=hint)
    return table.with_columns([_column(table[name], path) for name in table.columns]).sort("epoch")


def _column(words: pl.Series, path: Path) -> pl.Series:
    numbers = words.str.strip_chars().cast(pl.Float64, strict=False)
    wrong = words.filter(numbers.is_null() & words.is_not_null())
    if len(wrong):
        raise InputError(
            f"{str(path)!r}: {wrong[0]!r} in the column {words.name!r} is no number.",
            hint="Leave a cell empty where nothing was measured.",
        )
    if words.name == "epoch" and (numbers.is_null().any() or not numbers.is_finite().all()):
        raise InputError(f"{str(path)!r} has a row without an epoch.", hint="Number the epochs.")
    return numbers


def _epoch(row: dict[str, float | None], metric: str) -> Epoch:
    epoch = int(row["epoch"] or 0)
    return Epoch(
        epoch=epoch,
        step=epoch,
        lr=_or_nan(row.get("lr")),
        running_loss=None,
        train_loss=row["train_loss"],
        val_loss=row["val_loss"],
        train_metric=row.get(f"train_{metric}"),
        val_metric=row.get(f"val_{metric}"),
        grad_norm=row.get("grad_norm"),
        worst_loss=None,
    )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _summary(history: tuple[Epoch, ...], metric: str) -> RunSummary:
    losses = {row.epoch: row.val_loss for row in history if row.val_loss is not None}
    finite = {epoch: loss for epoch, loss in losses.items() if math.isfinite(loss)}
    return RunSummary(
        run="",
        metric=metric,
        epochs=history[-1].epoch,
        steps=0,
        best_epoch=min(finite, key=finite.__getitem__) if finite else 0,
        seconds=0.0,
        samples_per_second=0.0,
        stopped_by="finished",
        numerics={},
        schema=TargetSchema(kind="", names=()),
        features="",
    )
