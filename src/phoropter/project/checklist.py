"""The checklist of a project, ticked by its records: problem, data, baseline, improvement, use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from phoropter.bundle.manifest import MANIFEST
from phoropter.core.checklist import Checklist, Item, Stage
from phoropter.core.records import Finding
from phoropter.metrics import named
from phoropter.project.bench import ProjectBench
from phoropter.project.collecting import read_collected
from phoropter.project.conclusion import best_simple
from phoropter.project.folder import project_of
from phoropter.project.judging import evidence_of, prescribed, read_ladder
from phoropter.project.opened import Project, existing
from phoropter.project.replaying import FILE as REPLAY
from phoropter.project.replaying import replayed
from phoropter.project.run_record import RunRecord, read_run
from phoropter.project.steps import reference_so_far
from phoropter.training.execute import is_classic
from phoropter.training.gates import FILE as GATES
from phoropter.training.summary import TEST_PREDICTIONS

SPLIT = "data/split.parquet"
ISSUES = "data/issues.csv"


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What the items are ticked by.

    Args:
        project: The opened project.
        chosen: The run that leads, or None before the first one.
        ladder: The simple models by name.
        findings: Of the chosen run.
    """

    project: Project
    chosen: RunRecord | None
    ladder: Mapping[str, RunRecord]
    findings: tuple[Finding, ...]


def checklist_of(place: str | Path | None) -> Checklist:
    """The checklist of a project, from its records alone; nothing is trained or opened."""
    folder = project_of(place)
    with existing(folder) as project:
        return checklist(project, leading(project))


def checklist(project: Project, chosen: RunRecord | None) -> Checklist:
    """The items in the order of the work.

    Args:
        project: The opened project.
        chosen: The run that the latter stages are about.
    """
    ladder = read_ladder(project.folder, project.notebook)
    found = () if chosen is None else prescribed(evidence_of(chosen, ladder))
    known = Known(project, chosen, ladder, found)
    items = (
        *_problem(known),
        *_data(known),
        *_baseline(known),
        *_improvement(known),
        *_prediction(known),
    )
    return Checklist(str(project.folder.path), sum(item.done for item in items), items)


def leading(project: Project) -> RunRecord | None:
    """The run that the loop has led to, else the latest single one; None before the first."""
    roles = project.notebook.runs()
    finished = [
        (run, role) for run, role in roles if (project.folder.runs / run / "run.json").exists()
    ]
    if any(role == "baseline" for _, role in finished):
        bench = ProjectBench(project, project.problem(), lambda: 0.0, None)
        return bench.of(reference_so_far(project, bench))
    singles = [run for run, role in finished if role == "single"]
    return read_run(project.folder.runs / singles[-1]) if singles else None


def _item(  # one line an item below
    stage: Stage, what: str, *, evidence: str, rests_on: str, todo: str, done: bool
) -> Item:
    return Item(stage, what, done, evidence, rests_on, "" if done else todo)


def _problem(known: Known) -> Iterator[Item]:
    project = known.project
    data = project.settings.data
    yield _item(
        "problem",
        "It is settled what is to be predicted.",
        done=True,
        evidence=f"{project.dataset.description}, task {project.dataset.task}.",
        rests_on="project.yaml",
        todo="",
    )
    split = project.folder.split.exists()
    choice = project.choice(project.split()) if split else None
    yield _item(
        "problem",
        "One metric decides, and there is a reason for it.",
        done=choice is not None,
        evidence=f"{choice.name}: {choice.reason}" if choice else "",
        rests_on="project.yaml" if project.settings.metric else (SPLIT if choice else ""),
        todo=f"phoropter split {data}",
    )


def _data(known: Known) -> Iterator[Item]:
    project = known.project
    data, findings = project.settings.data, project.notebook.data_findings()
    looked = project.folder.issues.exists()
    yield _item(
        "data",
        "The data have been looked at.",
        done=looked,
        evidence=f"{len(findings)} findings, {len(project.dataset.rejected)} rejected files."
        if looked
        else "",
        rests_on=ISSUES if looked else "",
        todo=f"phoropter look {data}",
    )
    grave = [finding.code for finding in findings if finding.severity == "critical"]
    yield _item(
        "data",
        "Nothing grave was found in the data.",
        done=looked and not grave,
        evidence=f"Critical: {', '.join(grave)}." if grave else "No critical finding.",
        rests_on=ISSUES if looked else "",
        todo=f"phoropter look {data}" if not looked else "Mend what is critical, in a new project.",
    )
    parts = _parts(project)
    held = bool(parts.get("val")) and bool(parts.get("test"))
    yield _item(
        "data",
        "Validation and test samples are kept apart from training.",
        done=held,
        evidence=", ".join(f"{count} {part}" for part, count in parts.items()) + "."
        if parts
        else "",
        rests_on=SPLIT if parts else "",
        todo=f"phoropter split {data}" if not parts else "Start a project with a test part.",
    )


def _parts(project: Project) -> dict[str, int]:
    if not project.folder.split.exists():
        return {}
    counts = project.split().table["part"].value_counts()
    return {str(part): int(count) for part, count in sorted(counts.iter_rows())}


def _baseline(known: Known) -> Iterator[Item]:
    project, chosen = known.project, known.chosen
    run = f"phoropter run {project.settings.data}"
    simple = best_simple(known.ladder)
    yield _item(
        "baseline",
        "Simple models have been measured on the same samples.",
        done=simple is not None,
        evidence=f"{len(known.ladder)} models, the best {_scored(simple)}." if simple else "",
        rests_on=simple.summary.run if simple else "",
        todo=run,
    )
    gates = () if chosen is None else chosen.gates
    failed = [gate.name for gate in gates if not gate.passed]
    exempt = chosen is not None and is_classic(chosen.recipe)
    yield _item(
        "baseline",
        "The set-up passed the checks before training.",
        done=exempt or (bool(gates) and not failed),
        evidence="A simple model has no set-up to check."
        if exempt
        else f"Failed: {', '.join(failed)}."
        if failed
        else f"{len(gates)} checks passed."
        if gates
        else "",
        rests_on=f"{chosen.summary.run}/{GATES}" if chosen and gates else "",
        todo=run if not gates else "Mend what failed before anything is tuned.",
    )
    better = chosen is not None and simple is not None and _ahead(chosen, simple)
    yield _item(
        "baseline",
        "The chosen model is no worse than the best simple one.",
        done=better,
        evidence=f"{_scored(chosen)} against {_scored(simple)}." if chosen and simple else "",
        rests_on=chosen.summary.run if chosen and simple else "",
        todo=run if simple is None or chosen is None else "Take the simple model.",
    )


def _ahead(chosen: RunRecord, simple: RunRecord) -> bool:
    """Whether the chosen run's score is at least the simple model's, or it is that model."""
    sign = 1.0 if named(chosen.summary.metric).greater_is_better else -1.0
    return sign * (chosen.score.value - simple.score.value) >= 0


def _scored(record: RunRecord | None) -> str:
    if record is None:
        return ""
    score = record.score
    return f"{record.recipe.model.name} with {score.name} {score.value:.4g}"


def _improvement(known: Known) -> Iterator[Item]:
    project, chosen = known.project, known.chosen
    place, run = project.folder.path, "" if chosen is None else chosen.summary.run
    diagnosed = chosen is not None and (chosen.path / "findings.json").exists()
    yield _item(
        "improvement",
        "The chosen run has been diagnosed.",
        done=diagnosed,
        evidence=_told(known.findings) if diagnosed else "",
        rests_on=f"{run}/findings.json" if diagnosed else "",
        todo=f"phoropter diagnose {run or 'RUN'} --project {place}",
    )
    open_ones = [item.code for item in known.findings if item.severity != "info"]
    yield _item(
        "improvement",
        "Nothing is left that holds the chosen run back for certain.",
        done=diagnosed and not open_ones,
        evidence=f"Left: {', '.join(open_ones)}." if open_ones else "No warning.",
        rests_on=f"{run}/findings.json" if diagnosed else "",
        todo=f"phoropter improve {place}",
    )
    steps = project.notebook.steps()
    accepted = sum(step.accepted for step in steps)
    yield _item(
        "improvement",
        "Changes have been tried one at a time and compared on the same samples.",
        done=bool(steps),
        evidence=f"{len(steps)} changes, {accepted} adopted, after {project.notebook.looks} looks."
        if steps
        else "",
        rests_on=", ".join(step.b for step in steps if step.b),
        todo=f"phoropter improve {place}",
    )
    collected = None if chosen is None else read_collected(chosen.path)
    yield _item(
        "improvement",
        "It is known what more data would bring.",
        done=collected is not None,
        evidence="Continued from parts of the training data." if collected else "",
        rests_on=run if collected else "",
        todo=f"phoropter diagnose {run or 'RUN'} --project {place} --collect",
    )


def _told(findings: tuple[Finding, ...]) -> str:
    return f"Found: {', '.join(item.code for item in findings)}." if findings else "Nothing found."


def _prediction(known: Known) -> Iterator[Item]:
    project, chosen = known.project, known.chosen
    place, run = project.folder.path, "" if chosen is None else chosen.summary.run
    openings = project.notebook.openings
    tested = chosen is not None and (chosen.path / TEST_PREDICTIONS).exists()
    yield _item(
        "prediction",
        "The sealed test part was opened once, for the chosen run.",
        done=tested and openings == 1,
        evidence=f"Opened {openings} times." if openings else "",
        rests_on=run if tested else "",
        todo="What was opened stays open: a new test part alone would tell more."
        if openings
        else f"phoropter test {place}",
    )
    doubtful = [item.code for item in known.findings if item.code == "miscalibrated"]
    yield _item(
        "prediction",
        "Stated probabilities come true.",
        done=chosen is not None and not doubtful,
        evidence="The run is miscalibrated." if doubtful else "No miscalibration was found.",
        rests_on=f"{run}/findings.json" if run else "",
        todo=f"phoropter improve {place}",
    )
    manifest = project.folder.bundle / MANIFEST
    yield _item(
        "prediction",
        "The model is a bundle that gave the same answers as the network on real samples.",
        done=manifest.exists(),
        evidence="Written and checked." if manifest.exists() else "",
        rests_on=f"{project.folder.bundle.name}/{MANIFEST}" if manifest.exists() else "",
        todo=f"phoropter export {run or 'RUN'} --project {place}",
    )
    same = None if chosen is None else replayed(chosen.path)
    yield _item(
        "prediction",
        "The chosen run was made again and gave the same numbers.",
        done=bool(same),
        evidence="" if same is None else "To the bit." if same else "The numbers differed.",
        rests_on=f"{run}/{REPLAY}" if same is not None else "",
        todo=f"phoropter replay {run or 'RUN'} --project {place}",
    )
