"""Judging finished runs from their records: metrics, findings, comparisons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from phoropter.comparison.looks import threshold
from phoropter.comparison.paired import compare, proper_score_test, within
from phoropter.comparison.plan import plan
from phoropter.core.errors import UsageError
from phoropter.core.events import Listener, silent
from phoropter.core.files import write_json
from phoropter.core.predictions import Predictions
from phoropter.core.records import Comparison, Dataset, Finding, Metric
from phoropter.diagnosis.diagnose import diagnose
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.limits import budget, limits
from phoropter.diagnosis.scores import BALANCED_METRICS
from phoropter.improvement.prescriptions.experience import informed
from phoropter.improvement.prescriptions.making import remaining_error
from phoropter.improvement.prescriptions.prescribe import prescribe
from phoropter.improvement.trial import Judgement
from phoropter.metrics import named
from phoropter.project.collecting import measure_curve
from phoropter.project.combination import ALPHA
from phoropter.project.combination import CODE as ENSEMBLE
from phoropter.project.experience import experience
from phoropter.project.folder import Folder, locked, run_folder
from phoropter.project.notebook import Notebook
from phoropter.project.opened import existing
from phoropter.project.repeating import compared_again, read_over, spread_known, whole_runs
from phoropter.project.results import DiagnoseResult, RunResult
from phoropter.project.run_record import RunRecord, read_run
from phoropter.project.slicing import slices_of
from phoropter.project.yardsticks import measured_against
from phoropter.report.figure_page import write_learning_curves

CURVES = "curves.html"
SHARES = BALANCED_METRICS | {"accuracy"}
"""Metrics whose gain is a fall of the error that a learning curve is made of."""


def evaluate_run(
    run: str | Path, project: str | Path | None, *, by: Sequence[str] = ()
) -> RunResult:
    """The metrics of a finished run, from its recorded predictions; with `by`, on slices too."""
    folder, path = run_folder(run, project)
    record = read_run(path)
    result = run_result(folder, record)
    if not by:
        return result
    with existing(folder) as opened:
        return with_slices(result, record, opened.dataset, by)


def with_slices(
    result: RunResult, record: RunRecord, dataset: Dataset, by: Sequence[str]
) -> RunResult:
    """The result with what the record's predictions are worth by these properties."""
    slices = slices_of(record.predictions, dataset, by=by, primary=record.summary.metric)
    return replace(result, slices=slices)


def run_result(folder: Folder, record: RunRecord) -> RunResult:
    """A run's record as the command line shows it."""
    summary = record.summary
    return RunResult(
        run=summary.run,
        project=str(folder.path),
        epochs=summary.epochs,
        steps=summary.steps,
        seconds=summary.seconds,
        samples_per_second=summary.samples_per_second,
        primary=summary.metric,
        metrics=record.metrics,
        stopped_by=summary.stopped_by,
        epoch=record.summary.best_epoch if record.epoch is None else record.epoch,
        kept=summary.kept,
        curves=str(record.path / CURVES) if (record.path / CURVES).exists() else "",
        decoding=record.decoding,
    )


def write_curves(record: RunRecord, findings: tuple[Finding, ...], *, lang: str) -> None:
    """Writes the run's learning curves, with the findings where they happened, as a page."""
    if record.history:
        summary = record.summary
        write_learning_curves(
            record.path / CURVES,
            summary.run,
            record.history,
            findings,
            metric=summary.metric,
            best_epoch=summary.best_epoch,
            lang=lang,
        )


def diagnose_run(
    run: str | Path,
    project: str | Path | None,
    *,
    human: str | None = None,
    collect: bool = False,
    listener: Listener = silent,
) -> DiagnoseResult:
    """The findings of a run with what may cure them, and its error budget.

    Args:
        run: Its folder or the beginning of its identifier.
        project: Folder of the project.
        human: The error of people: a share, or mistakes among samples ("3/150").
        collect: Train on parts of the data first.
        listener: Told what is going on.
    """
    folder, path = run_folder(run, project)
    record = read_run(path)
    if collect:
        with existing(folder, listener=listener) as opened:
            measure_curve(opened, record)
    notebook = Notebook(folder.notebook)
    try:
        evidence = evidence_of(record, read_ladder(folder, notebook, like=record))
        evidence = measured_against(evidence, record, folder, notebook, human=human)
        steps, tried = notebook.steps(), experience(notebook)
    finally:
        notebook.close()
    found = informed(prescribed(evidence), record.recipe, tried, error=remaining_error(evidence))
    write_findings(record, found)
    result = diagnosis(record.summary.run, evidence, found)
    if evidence.forecast is None:
        return result
    alike = [step for step in steps if step.metric in SHARES]
    tuned = sum(step.delta for step in alike if step.accepted)
    seconds = sum(step.seconds for step in alike)
    return replace(result, plan=plan(evidence.forecast, tuned=tuned, tuning_s=seconds))


def diagnosis(name: str, evidence: RunEvidence, found: tuple[Finding, ...]) -> DiagnoseResult:
    """The findings of one run and its error budget."""
    known = budget(evidence)
    return DiagnoseResult(
        run=name,
        findings=found,
        limits=limits(evidence),
        budget=tuple(known.parts.values()),
        unknown=known.unknown,
        forecast=evidence.forecast,
    )


def read_ladder(
    folder: Folder, notebook: Notebook, *, like: RunRecord | None
) -> dict[str, RunRecord]:
    """The finished classic baselines of a project, by model name.

    Args:
        folder: Of the project.
        notebook: Of the project.
        like: A run that they are set against: those on labels that were others are left out.
    """
    records: dict[str, RunRecord] = {}
    for run in dict.fromkeys(run for run, role, _ in notebook.runs() if role == "ladder"):
        if (folder.runs / run / "run.json").exists():
            record = read_run(folder.runs / run)
            if like is None or record.is_on(like.summary.made_of):
                records[record.recipe.model.name] = record
    return records


def evidence_of(record: RunRecord, ladder: Mapping[str, RunRecord]) -> RunEvidence:
    """A run's records as the rules want them."""
    scores: dict[str, Metric] = {name: other.score for name, other in ladder.items()}
    return RunEvidence(
        summary=record.summary,
        recipe=record.recipe,
        history=record.history,
        gates=record.gates,
        predictions=record.predictions,
        train_predictions=record.train_predictions,
        metric=record.summary.metric,
        greater_is_better=named(record.summary.metric).greater_is_better,
        ladder=scores,
        ladder_recipes={name: other.recipe for name, other in ladder.items()},
        signals=record.signals,
        dynamics=record.dynamics,
        images=not record.preprocessing.columns,
    )


def prescribed(evidence: RunEvidence) -> tuple[Finding, ...]:
    """What is wrong with a run, prescriptions attached."""
    return tuple(prescribe(finding, evidence) for finding in diagnose(evidence))


def write_findings(record: RunRecord, findings: tuple[Finding, ...]) -> None:
    """Keeps what was found beside the run that it is about (`findings.json`)."""
    write_json(record.path / "findings.json", findings)


def compare_runs(
    a: str | Path,
    b: str | Path,
    project: str | Path | None,
    *,
    over: str = "samples",
    rope: float | None = None,
    listener: Listener = silent,
) -> Comparison:
    """The verdict on two runs of one project; recorded, and counted as a look.

    Args:
        a: The reference.
        b: The challenger.
        project: Folder of the project.
        over: "samples", "seeds", "seeds=N" or "folds=K".
        rope: Differences smaller than this do not matter; None asks nothing.
        listener: Told what is going on.

    Raises:
        UsageError: If the runs belong to different projects.
    """
    wanted = read_over(over)
    folder, first = run_folder(a, project)
    other, second = run_folder(b, project or folder.path)
    if folder.path != other.path:
        raise UsageError(
            f"{str(a)!r} and {str(b)!r} belong to different projects.",
            hint="Only runs on the same validation samples can be compared.",
        )
    if wanted.what != "samples":
        with existing(folder, listener=listener) as opened:
            sides = read_run(first), read_run(second)
            return within(compared_again(opened, *sides, wanted), rope)
    with locked(folder):
        notebook = Notebook(folder.notebook)
        try:
            comparison = judge(read_run(first), read_run(second), notebook).comparison
            rivals = whole_runs(folder, notebook)
        finally:
            notebook.close()
    own = {path.name: read_run(path) for path in (first, second)}
    return within(spread_known(comparison, {**rivals, **own}), rope)


def judge_ensemble(reference: RunRecord, challenger: RunRecord, notebook: Notebook) -> Judgement:
    """The same of an ensemble of finished runs.

    Such have looks of their own to spend (see `combination.ALPHA`).
    """
    asked = sum(step.finding == ENSEMBLE for step in notebook.steps())
    judgement = judge(reference, challenger, notebook)
    return replace(judgement, threshold=threshold(asked + 1, ALPHA))


def judge(
    reference: RunRecord, challenger: RunRecord, notebook: Notebook, *, among: int = 1
) -> Judgement:
    """The paired tests of two runs; a pair that was compared before is no new look.

    One that has gone on since then, with more time, is. Ensembles that were chosen on the
    validation part are judged by what they say of samples that did not choose their members.

    Args:
        reference: To be beaten.
        challenger: The best of `among` runs that were looked at; it counts as so many looks.
        notebook: Counts them.
        among: How many.
    """
    names = (reference.summary.run, challenger.summary.run)
    sides = _said(reference, challenger)
    known = notebook.comparison(*names)
    if known is not None and not _is_of(known, *sides):
        known = None
    looks = known.looks if known is not None else notebook.looks + among
    comparison = known or compare(*sides, reference.summary.metric, names=names, looks=looks)
    if known is None:
        notebook.record_comparison(comparison)
    limit = threshold(looks)
    proper = proper_score_test(*sides, decisive=limit)
    return Judgement(comparison, proper.delta, proper.p_value, limit)


def _said(reference: RunRecord, challenger: RunRecord) -> tuple[Predictions, Predictions]:
    """What is compared of the two; the same networks are flattered alike, and may say all."""
    networks = [[one.trained_as for one in run.recipe.members] for run in (reference, challenger)]
    if networks[0] == networks[1]:
        return reference.predictions, challenger.predictions
    return reference.compared, challenger.compared


def _is_of(known: Comparison, reference: Predictions, challenger: Predictions) -> bool:
    """Whether a comparison on record is of what the two runs say today."""
    metric = named(known.metric)
    delta = metric(challenger) - metric(reference)
    if math.isnan(delta) or math.isnan(known.delta):
        return math.isnan(delta) and math.isnan(known.delta)
    return math.isclose(delta, known.delta, rel_tol=0.0, abs_tol=1e-9)
