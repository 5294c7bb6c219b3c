"""Columns of somebody else's learning curves: one row an epoch, and the evidence in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from phoropter.core.errors import InputError
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch, RunSummary
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.metrics.primary import is_greater_better

Columns = Mapping[str, Sequence[float | None]]


def by_epoch(columns: Columns) -> dict[str, list[float | None]]:
    """One row an epoch, rising: the mean of training's numbers, the last of all others."""
    epochs = np.array([math.nan if value is None else value for value in columns["epoch"]])
    rows = np.ceil(epochs - 1e-9)
    order = np.unique(rows)
    merged: dict[str, list[float | None]] = {"epoch": [float(row) for row in order]}
    for name, values in columns.items():
        if name == "epoch":
            continue
        merged[name] = []
        for row in order:
            here = [values[at] for at in np.flatnonzero(rows == row).tolist()]
            numbers = [value for value in here if value is not None]
            mean = name.startswith("train_") and len(numbers) > 1
            last = numbers[-1] if numbers else None
            merged[name].append(math.fsum(numbers) / len(numbers) if mean else last)
    return merged


def evidence_from(columns: Columns, *, name: str) -> RunEvidence:
    """The evidence in curves whose columns have their standard names.

    The recipe is unknown and stands at its defaults; the run has no identifier, by which
    prescriptions know to give advice instead of recipe keys.

    Args:
        columns: `epoch` and `train_loss` at least.
        name: Of the source, for the error.

    Raises:
        InputError: If there is no training loss.
    """
    if "train_loss" not in columns:
        raise InputError(
            f"{name!r} has no training loss.", hint=f"Found: {', '.join(columns) or 'nothing'}."
        )
    metrics = [key[4:] for key in columns if key.startswith("val_") and key != "val_loss"]
    metric = metrics[0] if metrics else "loss"
    known = [rate for rate in columns.get("lr", ()) if rate is not None and 0 < rate < math.inf]
    recipe = Recipe().changed(
        {"model.pretrained": False, "model.transfer": "finetune", "data.augment.preset": "none"}
        | ({"train.lr": max(known)} if known else {})
    )
    history = tuple(_row(columns, at, metric) for at in range(len(columns["epoch"])))
    return RunEvidence(
        summary=_summary(history, metric),
        recipe=recipe,
        history=history,
        gates=(),
        predictions=None,
        train_predictions=None,
        metric=metric,
        greater_is_better=is_greater_better(metric),
    )


def _row(columns: Columns, at: int, metric: str) -> Epoch:
    def cell(name: str) -> float | None:
        return columns[name][at] if name in columns else None

    epoch, step, rate = int(cell("epoch") or 0), cell("step"), cell("lr")
    return Epoch(
        epoch=epoch,
        step=epoch if step is None else int(step),
        lr=math.nan if rate is None else rate,
        running_loss=None,
        train_loss=cell("train_loss"),
        val_loss=cell("val_loss"),
        train_metric=cell(f"train_{metric}"),
        val_metric=cell(f"val_{metric}"),
        grad_norm=cell("grad_norm"),
        worst_loss=None,
    )


def _summary(history: tuple[Epoch, ...], metric: str) -> RunSummary:
    losses = {row.epoch: row.val_loss for row in history if row.val_loss is not None}
    finite = {epoch: loss for epoch, loss in losses.items() if math.isfinite(loss)}
    last = history[-1]
    return RunSummary(
        run="",
        metric=metric,
        epochs=last.epoch,
        steps=last.step if last.step > last.epoch else 0,
        best_epoch=min(finite, key=finite.__getitem__) if finite else 0,
        seconds=0.0,
        samples_per_second=0.0,
        stopped_by="finished",
        numerics={},
        schema=TargetSchema(kind="", names=()),
        features="",
    )
