"""From the project's records to the content of its page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from phoropter.core.errors import CorruptFileError
from phoropter.core.events import Note
from phoropter.core.recipe import difference
from phoropter.data.decode import decode
from phoropter.metrics import named
from phoropter.project.checklist import checklist
from phoropter.project.collecting import ROLE
from phoropter.project.explaining import maps_of
from phoropter.project.judging import evidence_of, prescribed
from phoropter.project.machine import examine
from phoropter.project.opened import Project
from phoropter.project.outcome import Outcome
from phoropter.project.repeating import ROLE as REPEAT
from phoropter.project.results import Step
from phoropter.project.run_record import RunRecord, read_run
from phoropter.project.slicing import ALL, slices_of
from phoropter.report.content import ReportContent, ReportRun, ReportStep
from phoropter.report.page import write_report
from phoropter.report.pictures import THUMBNAIL_PX, thumbnail, wanted_pictures, worst_rows
from phoropter.training.problem import Problem
from phoropter.training.summary import TEST_PREDICTIONS

_PACKAGES = ("phoropter", "torch", "timm", "scikit-learn", "numpy")


def write_project_report(
    project: Project,
    problem: Problem,
    outcome: Outcome,
    *,
    bundle: str,
    seconds: float,
    lang: str = "en",
) -> Path:
    """Writes the page of a project and returns its path."""
    content = report_content(project, problem, outcome, bundle=bundle, seconds=seconds)
    content = replace(
        content,
        pictures=pictures_of(project, wanted_pictures(content)),
        slices=slices_of(content.validation, project.dataset, by=[ALL], primary=problem.metric),
        checklist=checklist(project, outcome.final).items,
        maps=maps_of(outcome.final, problem, worst_rows(content.validation)),
    )
    write_report(content, project.folder.report, lang=lang)
    return project.folder.report


def report_content(
    project: Project, problem: Problem, outcome: Outcome, *, bundle: str, seconds: float
) -> ReportContent:
    """Everything the page tells, from records alone."""
    choice = project.choice(problem.split)
    opening = outcome.opening
    found, left_out = project.notebook.last_look()
    return ReportContent(
        name=project.folder.path.stem,
        dataset=project.dataset,
        split=problem.split,
        final=report_run(outcome.final, outcome.ladder, {}),
        validation=outcome.final.predictions,
        primary=named(problem.metric).name,
        greater_is_better=named(problem.metric).greater_is_better,
        why_primary=choice.reason,
        runs=tuple(_runs(project, outcome)),
        ladder={name: record.score for name, record in outcome.ladder.items()},
        data_findings=found,
        checks_left_out=left_out,
        steps=tuple(report_step(step) for step in project.notebook.steps()),
        conclusion=tuple(outcome.conclusion),
        rests={**outcome.conclusion, **sources(problem, outcome)},
        test=opening.scores.metrics if opening else (),
        test_parts={name: part.metrics for name, part in opening.parts.items()} if opening else {},
        test_predictions=opening.predictions if opening else None,
        looks=project.notebook.looks,
        openings=project.notebook.openings,
        seconds=seconds,
        bundle=bundle,
        commands=commands(project, outcome),
        machine={name: str(value) for name, value in _machine().items()},
        versions={name: version(name) for name in _PACKAGES},
    )


def sources(problem: Problem, outcome: Outcome) -> dict[str, tuple[str, ...]]:
    """What each part of the page rests on: runs, or files of the project with their hashes."""
    own = outcome.final.summary.run
    ladder = (record.summary.run for record in outcome.ladder.values())
    tested = f"{own}/{TEST_PREDICTIONS}"
    return {
        "data": (f"data/index.parquet {problem.made_of.get('data', '')}".strip(),),
        "split": (f"data/split.parquet {problem.made_of.get('split', '')}".strip(),),
        "ladder": tuple(dict.fromkeys((*ladder, own))),
        "final": (own,),
        "mistakes": (f"{own}/predictions.parquet",),
        "test": (tested,) if outcome.opening is not None else (),
    }


def report_run(
    record: RunRecord, ladder: Mapping[str, RunRecord], changed: Mapping[str, object]
) -> ReportRun:
    """A run as the page shows it."""
    return ReportRun(
        run=record.summary.run,
        recipe=record.recipe,
        summary=record.summary,
        metrics=record.metrics,
        changed=changed,
        history=record.history,
        gates=record.gates,
        findings=prescribed(evidence_of(record, ladder)),
        decoding=record.decoding,
    )


def report_step(step: Step) -> ReportStep:
    """A turn of the loop as the page shows it."""
    facts = asdict(step)
    for name in ("delta", "low", "high"):
        facts[name] = facts[name] if math.isfinite(facts[name]) else None
    facts["run"] = facts.pop("b")
    del facts["a"], facts["number"]
    return ReportStep(**facts)


def commands(project: Project, outcome: Outcome) -> tuple[str, ...]:
    """What to type to get the chosen run again, and to look at what entered it."""
    recipe = outcome.final.path / "recipe.yaml"
    how = f"{project.settings.data} --recipe {recipe}"
    if project.settings.target is not None:
        how += f" --target {project.settings.target}"
    final = outcome.final.path
    seen = (f"phoropter augment {how}",) if project.dataset.modality == "image" else ()
    return (
        f"phoropter train {how}",
        f"phoropter replay {final}",
        f"phoropter diagnose {final}",
        *seen,
    )


def pictures_of(project: Project, identifiers: Iterable[str]) -> dict[str, bytes]:
    """Small JPEG files of some samples, by identifier."""
    wanted = set(identifiers)
    table = project.dataset.table
    chosen = table.filter(table["id"].is_in(list(wanted)))
    return {
        str(identifier): _thumbnail(project.dataset.root / str(path))
        for identifier, path in chosen.select("id", "path").iter_rows()
    }


def _thumbnail(path: Path) -> bytes:
    pixels = decode(path, min_side_px=THUMBNAIL_PX)
    return thumbnail(pixels.transpose(2, 0, 1))


def _runs(project: Project, outcome: Outcome) -> Iterable[ReportRun]:
    """Every trained run, oldest first, each with what it changed against the first."""
    first: RunRecord | None = None
    apart = {"ladder", ROLE, REPEAT}
    for run in dict.fromkeys(run for run, role, _ in project.notebook.runs() if role not in apart):
        path = project.folder.runs / run
        if not (path / "run.json").exists():
            continue
        try:
            record = read_run(path)
        except CorruptFileError as error:  # it may be going on, and is not what the page is about
            project.listener(Note(f"Left out of the report: {error}"))
            continue
        first = first or record
        yield report_run(record, outcome.ladder, difference(first.recipe, record.recipe))


def _machine() -> dict[str, object]:
    facts = examine()
    return {
        "device": facts.device,
        "cores": facts.cores,
        "threads": facts.threads,
        "memory (GiB)": facts.memory_gib,
        "python": facts.python,
    }
