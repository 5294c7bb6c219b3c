"""Judging loops of others: watched while they ran, or by the curves that they left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from phoropter.core.errors import UsageError
from phoropter.core.files import write_json
from phoropter.core.predictions import Predictions
from phoropter.core.records import Finding, TargetSchema
from phoropter.core.run_records import Epoch
from phoropter.diagnosis.curves_file import read_curves
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.missing import unjudged
from phoropter.metrics import named
from phoropter.metrics.primary import is_greater_better
from phoropter.project.judging import CURVES, diagnosis, prescribed
from phoropter.project.results import DiagnoseResult
from phoropter.report.figure_page import write_learning_curves
from phoropter.watching.folder import WatchedRun, read_watched
from phoropter.watching.outcomes import metric_of


def diagnose_curves(curves: Path | Mapping[str, Sequence[float]]) -> DiagnoseResult:
    """The findings of learning curves, as far as the recorded signals allow."""
    evidence = read_curves(curves)
    name = curves.name if isinstance(curves, Path) else "curves"
    return _of_others(name, evidence, prescribed(evidence))


def diagnose_watched(folder: Path, *, lang: str) -> DiagnoseResult:
    """The findings of a watched loop, so far or at its end; its curves are drawn beside it."""
    watched = read_watched(folder)
    evidence = evidence_of_watched(watched)
    found = prescribed(evidence)
    write_json(folder / "findings.json", found)
    if watched.history:
        write_learning_curves(
            folder / CURVES,
            folder.name,
            watched.history,
            found,
            metric=watched.facts.metric or "val_metric",
            best_epoch=evidence.summary.best_epoch,
            lang=lang,
        )
    return _of_others(folder.name, evidence, found)


def evidence_of_watched(watched: WatchedRun) -> RunEvidence:
    """A watched loop's records as the rules want them.

    If the loss did not begin where a cross-entropy of the classes does, it is none, or a sum: then
    its own beginning is all that it can be measured by.
    """
    metric, history = _judged_by(watched)
    summary = replace(watched.summary, metric=metric)
    if any(gate.name == "loss-at-init" and not gate.passed for gate in watched.gates):
        summary = replace(summary, schema=TargetSchema("", ()))
    return RunEvidence(
        summary=summary,
        recipe=watched.recipe,
        history=history,
        gates=watched.gates,
        predictions=watched.predictions,
        train_predictions=None,
        metric=metric,
        greater_is_better=is_greater_better(metric),
        signals=watched.signals,
        # What the weights were before cannot be seen, and without a step no rate.
        unknown=frozenset({"model.pretrained"} | ({"train.lr"} - watched.facts.recipe.keys())),
    )


def _judged_by(watched: WatchedRun) -> tuple[str, tuple[Epoch, ...]]:
    """The metric that rules judge by, and the history as they may see it.

    Where there are answers, rules compute the metric from them. A number that nobody named says
    nothing to them, and one that is computed otherwise nothing beside those answers.
    """
    name, predictions = watched.facts.metric, watched.predictions
    if name and (predictions is None or _computes(name, predictions)):
        return name, watched.history
    hidden = tuple(replace(row, train_metric=None, val_metric=None) for row in watched.history)
    return "loss" if predictions is None else metric_of(predictions, None)[0], hidden


def _computes(name: str, predictions: Predictions) -> bool:
    """Whether a metric of ours has that name, and is one of such predictions."""
    try:
        return named(name).kind == predictions.kind
    except UsageError:
        return False


def _of_others(name: str, evidence: RunEvidence, found: tuple[Finding, ...]) -> DiagnoseResult:
    told = {finding.code for finding in found}
    silent = {code: words for code, words in unjudged(evidence).items() if code not in told}
    return replace(diagnosis(name, evidence, found), unjudged=silent)
