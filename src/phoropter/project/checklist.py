"""The checklist of a project, ticked by its records: problem, data, baseline, improvement, use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from phoropter.bundle.manifest import MANIFEST
from phoropter.core.checklist import Checklist, Item, Stage
from phoropter.core.records import PARTS, Finding
from phoropter.metrics import named
from phoropter.project.collecting import read_collected
from phoropter.project.conclusion import best_simple
from phoropter.project.judging import evidence_of, prescribed, read_ladder
from phoropter.project.opened import Project
from phoropter.project.replaying import FILE as REPLAY
from phoropter.project.replaying import replayed
from phoropter.project.run_record import RunRecord
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


def checklist(project: Project, chosen: RunRecord | None) -> Checklist:
    """The items in the order of the work.

    Args:
        project: The opened project.
        chosen: The run that the latter stages are about.
    """
    ladder = read_ladder(project.folder, project.notebook, like=chosen)
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


def _item(  # one line an item below
    stage: Stage, what: str, *, evidence: str, rests_on: str, todo: str, done: bool
) -> Item:
    return Item(stage, what, done, evidence, rests_on, "" if done else todo)


def _problem(known: Known) -> Iterator[Item]:
    project = known.project
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
        todo=_on_data(project, "split"),
    )


def _on_data(project: Project, command: str) -> str:
    words = ("phoropter", command, project.settings.data, "--project", str(project.folder.path))
    return " ".join(words)


def _on_run(project: Project, command: str, run: str, *options: str) -> str:
    words = ("phoropter", command, run or "RUN", "--project", str(project.folder.path), *options)
    return " ".join(words)


def _on_project(project: Project, command: str) -> str:
    return " ".join(("phoropter", command, str(project.folder.path)))


def _data(known: Known) -> Iterator[Item]:
    project = known.project
    findings, left_out = project.notebook.last_look()
    looked = project.folder.issues.exists()
    yield _item(
        "data",
        "The data have been looked at.",
        done=looked and not left_out,
        evidence=f"{len(findings)} findings, {len(project.dataset.rejected)} rejected files."
        + (f" Not looked for: {', '.join(left_out)}." if left_out else "")
        if looked
        else "",
        rests_on=ISSUES if looked else "",
        todo=_on_data(project, "look"),
    )
    grave = [finding.code for finding in findings if finding.severity == "critical"]
    yield _item(
        "data",
        "Nothing grave was found in the data.",
        done=looked and not grave,
        evidence=_grave(grave) if looked else "",
        rests_on=ISSUES if looked else "",
        todo=_on_data(project, "look")
        if not looked
        else "Mend what is critical, in a new project.",
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
        todo=_on_data(project, "split") if not parts else "Start a project with a test part.",
    )


def _grave(codes: list[str]) -> str:
    return f"Critical: {', '.join(codes)}." if codes else "No critical finding."


def _parts(project: Project) -> dict[str, int]:
    if not project.folder.split.exists():
        return {}
    given = project.split().table["part"].to_list()
    return {part: given.count(part) for part in PARTS}


def _baseline(known: Known) -> Iterator[Item]:
    project, chosen = known.project, known.chosen
    run = _on_data(project, "run")
    simple = best_simple(known.ladder)
    yield _item(
        "baseline",
        "Simple models have been measured on the same samples.",
        done=simple is not None,
        evidence=f"{len(known.ladder)} models, the best {_scored(simple)}." if simple else "",
        rests_on=simple.summary.run if simple else "",
        todo=run,
    )
    sound, told = _set_up(chosen)
    yield _item(
        "baseline",
        "The set-up passed the checks before training.",
        done=sound,
        evidence=told,
        rests_on=f"{chosen.summary.run}/{GATES}" if chosen and chosen.gates else "",
        todo="Mend what failed before anything is tuned." if told else run,
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


def _set_up(chosen: RunRecord | None) -> tuple[bool, str]:
    """Whether the checks before training passed, and what they say."""
    if chosen is None:
        return False, ""
    if is_classic(chosen.recipe):
        return True, "A simple model has no set-up to check."
    failed = [gate.name for gate in chosen.gates if not gate.passed]
    if failed:
        return False, f"Failed: {', '.join(failed)}."
    return bool(chosen.gates), f"{len(chosen.gates)} checks passed." if chosen.gates else ""


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
    run = "" if chosen is None else chosen.summary.run
    diagnosed = chosen is not None and (chosen.path / "findings.json").exists()
    yield _item(
        "improvement",
        "The chosen run has been diagnosed.",
        done=diagnosed,
        evidence=_told(known.findings) if diagnosed else "",
        rests_on=f"{run}/findings.json" if diagnosed else "",
        todo=_on_run(project, "diagnose", run),
    )
    open_ones = [item.code for item in known.findings if item.severity != "info"]
    yield _item(
        "improvement",
        "Nothing that is found for certain holds the chosen run back.",
        done=diagnosed and not open_ones,
        evidence=_left(open_ones) if diagnosed else "",
        rests_on=f"{run}/findings.json" if diagnosed else "",
        todo=_improve(project),
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
        todo=_improve(project),
    )
    collected = None if chosen is None else read_collected(chosen.path)
    yield _item(
        "improvement",
        "It is known what more data would bring.",
        done=collected is not None,
        evidence="Continued from parts of the training data." if collected else "",
        rests_on=run if collected else "",
        todo=_on_run(project, "diagnose", run, "--collect"),
    )


def _improve(project: Project) -> str:
    """What goes on with the loop, or begins it."""
    if any(role == "baseline" for _, role, _ in project.notebook.runs()):
        return _on_project(project, "improve")
    return _on_data(project, "run")


def _left(codes: list[str]) -> str:
    return f"Left: {', '.join(codes)}." if codes else "No warning."


def _calibrated(*, doubtful: bool) -> str:
    return "The run is miscalibrated." if doubtful else "No miscalibration was found."


def _told(findings: tuple[Finding, ...]) -> str:
    return f"Found: {', '.join(item.code for item in findings)}." if findings else "Nothing found."


def _prediction(known: Known) -> Iterator[Item]:
    project, chosen = known.project, known.chosen
    run = "" if chosen is None else chosen.summary.run
    openings = project.notebook.openings
    tested = chosen is not None and (chosen.path / TEST_PREDICTIONS).exists()
    yield _item(
        "prediction",
        "The sealed test part was opened once, for the chosen run.",
        done=tested and openings == 1,
        evidence=("Opened once." if openings == 1 else f"Opened {openings} times.")
        if openings
        else "",
        rests_on=run if tested else "",
        todo="What was opened stays open: a new test part alone would tell more."
        if openings
        else _on_project(project, "test"),
    )
    doubtful = [item.code for item in known.findings if item.code == "miscalibrated"]
    yield _item(
        "prediction",
        "Stated probabilities come true.",
        done=chosen is not None and not doubtful,
        evidence=_calibrated(doubtful=bool(doubtful)) if run else "",
        rests_on=f"{run}/findings.json" if run else "",
        todo=_improve(project),
    )
    manifest = project.folder.bundle / MANIFEST
    yield _item(
        "prediction",
        "The model is a bundle that gave the same answers as the network on real samples.",
        done=manifest.exists(),
        evidence="Written and checked." if manifest.exists() else "",
        rests_on=f"{project.folder.bundle.name}/{MANIFEST}" if manifest.exists() else "",
        todo=_on_run(project, "export", run),
    )
    same = None if chosen is None else replayed(chosen.path)
    yield _item(
        "prediction",
        "The chosen run was made again and gave the same numbers.",
        done=bool(same),
        evidence="" if same is None else "To the bit." if same else "The numbers differed.",
        rests_on=f"{run}/{REPLAY}" if same is not None else "",
        todo=_on_run(project, "replay", run),
    )
