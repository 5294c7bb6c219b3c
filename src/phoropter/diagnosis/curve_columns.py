"""Columns of somebody else's learning curves: one row an epoch, and the evidence in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from phoropter.core.errors import InputError
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch, RunSummary
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.norms import likely_optimizer
from phoropter.metrics.primary import is_greater_better

PEAK = "peak_lr"
"""The column of each row's highest rate, beside its last one in `lr`, which learning time needs."""

T = TypeVar("T")
Columns = Mapping[str, Sequence[float | None]]


def by_epoch(columns: Columns) -> dict[str, list[float | None]]:
    """One row an epoch, rising (see `of_row`)."""
    epochs = np.array([math.nan if value is None else value for value in columns["epoch"]])
    rows = np.ceil(epochs - 1e-9)
    order = np.unique(rows)
    merged: dict[str, list[float | None]] = {"epoch": [float(row) for row in order]}
    for name, values in with_peak(columns).items():
        if name == "epoch":
            continue
        merged[name] = []
        for row in order:
            here = [values[at] for at in np.flatnonzero(rows == row).tolist()]
            merged[name].append(of_row(name, [value for value in here if value is not None]))
    return merged


def with_peak(columns: Mapping[str, T]) -> dict[str, T]:
    """The columns, with the rates a second time: for the highest one of each row."""
    return {**columns, PEAK: columns["lr"]} if "lr" in columns else dict(columns)


def of_row(name: str, numbers: Sequence[float]) -> float | None:
    """What a row keeps of a column: training's mean, the highest rate, else the last number."""
    if not numbers:
        return None
    if name == PEAK:
        return max(numbers)
    mean = name.startswith("train_") and len(numbers) > 1
    return math.fsum(numbers) / len(numbers) if mean else numbers[-1]


def evidence_from(columns: Columns, *, name: str) -> RunEvidence:
    """The evidence in curves whose columns have their standard names.

    The recipe is unknown and stands at its defaults, but for the passes, the highest rate and an
    optimiser that would stand it; the run has no identifier, by which prescriptions know to give
    advice instead of recipe keys.

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
    rates = columns.get(PEAK, columns.get("lr", ()))
    known = [rate for rate in rates if rate is not None and 0 < rate < math.inf]
    peak = (
        {"train.lr": max(known), "train.optimizer": likely_optimizer(max(known))} if known else {}
    )
    history = tuple(_row(columns, at, metric) for at in range(len(columns["epoch"])))
    made = min(max(history[-1].epoch, 1), 100_000)  # the most that a recipe may have
    recipe = Recipe().changed(
        {"model.pretrained": False, "model.transfer": "finetune", "data.augment.preset": "none"}
        | {"train.epochs": made}
        | peak
    )
    return RunEvidence(
        summary=_summary(history, metric),
        recipe=recipe,
        history=history,
        gates=(),
        predictions=None,
        train_predictions=None,
        metric=metric,
        greater_is_better=is_greater_better(metric),
        unknown=frozenset(
            {"model.pretrained", "train.optimizer"} | (set() if known else {"train.lr"})
        ),
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
