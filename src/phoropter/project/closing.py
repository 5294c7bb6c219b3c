"""The last stages: the seal is opened, the bundle and the report are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from phoropter.bundle.export import Exported, export
from phoropter.bundle.model_card import BundleCard
from phoropter.core.errors import MissingExtraError
from phoropter.core.events import Note
from phoropter.core.records import PARTS
from phoropter.core.seed import generator
from phoropter.improvement.loop import Loop
from phoropter.metrics import named
from phoropter.models.catalog import card as model_card
from phoropter.project.bench import ProjectBench
from phoropter.project.conclusion import best_simple, concluded
from phoropter.project.judging import read_ladder
from phoropter.project.opened import Project
from phoropter.project.outcome import Outcome
from phoropter.project.reference import baseline_run
from phoropter.project.reporting import write_project_report
from phoropter.project.results import ProjectResult, Scores
from phoropter.project.run_record import RunRecord
from phoropter.project.seal import open_seal, read_opening
from phoropter.project.yardsticks import chosen_among
from phoropter.training.execute import restored
from phoropter.training.problem import Problem
from phoropter.training.sources import open_images

_GOLDEN_SAMPLES = 8


def close_project(
    project: Project,
    problem: Problem,
    bench: ProjectBench,
    loop: Loop,
    *,
    spent_s: Callable[[], float],
    lang: str,
) -> ProjectResult:
    """Opens the seal for the loop's reference and hands over model, report and record.

    A run that the seal was opened for before is not tested again: nothing new could be learnt.
    """
    final = bench.of(loop.reference)
    ladder = read_ladder(project.folder, project.notebook, like=final)
    steps = project.notebook.steps()
    opening = read_opening(project, final) or open_seal(project, problem, final)
    among = chosen_among(final, project.folder, project.notebook)
    told = concluded(final, ladder, steps, among=among, unsearched=loop.unsearched)
    outcome = Outcome(final, ladder, opening, told)
    bundle = try_bundle(project, problem, outcome)
    report = write_project_report(
        project, problem, outcome, bundle=bundle, seconds=spent_s(), lang=lang
    )
    baseline = bench.record(project.folder.runs / baseline_run(project))
    choice = project.choice(problem.split)
    return ProjectResult(
        project=str(project.folder.path),
        primary=problem.metric,
        why_primary=choice.reason,
        run=final.summary.run,
        baseline=Scores(baseline.score, baseline.metrics),
        validation=Scores(final.score, final.metrics),
        test=opening.scores,
        test_parts=opening.parts,
        steps=steps,
        conclusion=tuple(outcome.conclusion),
        looks=project.notebook.looks,
        openings=project.notebook.openings,
        seconds=spent_s(),
        stopped_by=loop.stopped_by,
        bundle=bundle,
        report=str(report),
    )


def try_bundle(project: Project, problem: Problem, outcome: Outcome) -> str:
    """Writes the bundle; without the packages for it, says so and goes on without one."""
    try:
        exported = write_bundle(project, problem, outcome, to=project.folder.bundle)
    except MissingExtraError as error:
        project.listener(Note(f"No bundle was written: {error}"))
        return ""
    return str(exported.folder)


def write_bundle(project: Project, problem: Problem, outcome: Outcome, *, to: Path) -> Exported:
    """The chosen run as a bundle, checked on a few real samples of the validation part."""
    record = outcome.final
    network, recipe, summary, preprocessing = restored(record.path, epoch=record.epoch)
    images = open_images(recipe, problem, listener=project.listener)
    rows = problem.rows("val")
    chosen = generator(recipe.seed, "golden").choice(
        rows, size=min(_GOLDEN_SAMPLES, len(rows)), replace=False
    )
    golden = images.inputs.batch(np.sort(chosen)).numpy()
    return export(
        network,
        folder=to,
        recipe=recipe,
        schema=summary.schema,
        preprocessing=preprocessing,
        golden=golden,
        card=bundle_card(project, problem, outcome),
    )


def bundle_card(project: Project, problem: Problem, outcome: Outcome) -> BundleCard:
    """The facts of the model card."""
    record, opening = outcome.final, outcome.opening
    simple = best_simple(outcome.ladder)
    weights, licence = started_from(record)
    return BundleCard(
        name=project.folder.path.stem,
        description=project.dataset.description,
        parts={part: len(problem.rows(part)) for part in PARTS},
        primary=named(problem.metric).name,
        measured_on="test" if opening is not None else "val",
        metrics=opening.scores.metrics if opening is not None else record.metrics,
        baseline=simple.score if simple is not None else None,
        looks=project.notebook.looks,
        openings=project.notebook.openings,
        limits=tuple(outcome.conclusion),
        weights=weights,
        licence=licence,
        decoding=record.decoding,
    )


def started_from(record: RunRecord) -> tuple[str, str]:
    """The pretrained weights that a run started from and their licence, "" where there are none."""
    recipe, features = record.recipe.model, record.summary.features
    trunk = features if features not in {"", "pixels"} else recipe.name
    if not (recipe.pretrained or trunk == features):
        return "", ""
    if recipe.weights is not None:
        return Path(recipe.weights).name, ""
    card = model_card(trunk)
    return (trunk, card.licence) if card.weights else ("", "")
