"""Single stages, as the commands other than `run` call them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from phoropter.core.checklist import Checklist
from phoropter.core.errors import UsageError
from phoropter.core.events import Listener
from phoropter.core.records import PARTS, Split
from phoropter.data.folds import make_folds, write_folds
from phoropter.data.split import digest, rows
from phoropter.project.bench import ProjectBench
from phoropter.project.checklist import checklist
from phoropter.project.closing import write_bundle
from phoropter.project.conclusion import concluded, was_unsearched
from phoropter.project.folder import Folder, project_of, run_folder
from phoropter.project.judging import read_ladder, run_result, with_slices, write_curves
from phoropter.project.looking import look_and_note
from phoropter.project.opened import Project, check_seed, existing, started
from phoropter.project.options import Options
from phoropter.project.outcome import Outcome
from phoropter.project.reference import reference_so_far
from phoropter.project.reporting import write_project_report
from phoropter.project.results import (
    ExportResult,
    LookResult,
    ReportResult,
    RunResult,
    SplitResult,
    TestResult,
)
from phoropter.project.run_record import RunRecord, at_pass, read_run
from phoropter.project.seal import open_seal, read_opening
from phoropter.project.steps import planned_baseline
from phoropter.project.transfer import weighed
from phoropter.project.yardsticks import chosen_among
from phoropter.report.sentences import Sentences
from phoropter.training.summary import SUMMARY


def look_at(options: Options, *, lang: str, listener: Listener) -> LookResult:
    """What the data are and what is wrong with them, with a page about it."""
    check_seed(options)
    with started(options, listener=listener) as project:
        return look_and_note(project, project.split(), page=lang)


def split_of(options: Options, *, listener: Listener) -> SplitResult:
    """The project's split."""
    check_seed(options)
    with started(options, listener=listener) as project:
        return _split_result(project, project.split())


def folds_of(
    options: Options, *, count: int | str, repeats: int, listener: Listener
) -> SplitResult:
    """The project's split, and folds of everything but its test part, kept in the project."""
    check_seed(options)
    with started(options, listener=listener) as project:
        split = project.split()
        seed = project.settings.seed
        made = make_folds(project.dataset, split, count=count, repeats=repeats, seed=seed)
        write_folds(project.folder.folds, made)
        result = _split_result(project, split)
    held = made.table.drop_nulls("fold")
    sizes = held.group_by("repeat", "fold").len().sort("repeat", "fold")["len"]
    return replace(result, reasons=(*result.reasons, *made.reasons), folds=tuple(sizes.to_list()))


def _split_result(project: Project, made: Split) -> SplitResult:
    return SplitResult(
        project=str(project.folder.path),
        parts={part: len(rows(project.dataset, made, part)) for part in PARTS},
        reasons=made.reasons,
        digest=digest(made),
    )


def train_one(
    options: Options, *, budget_s: float | None, keep: int, lang: str, listener: Listener
) -> RunResult:
    """One run of the given recipe, or of the one that these data call for."""
    if keep < 1:
        raise UsageError(f"At least one pass of a run is kept, got {keep}.", hint="Say --keep 1.")
    Sentences(lang)  # a language that there is not is refused before the time is spent
    begun = time.monotonic()
    deadline = None if budget_s is None else begun + budget_s
    with started(options, listener=listener) as project:
        problem = project.problem()
        plan = planned_baseline(project, problem, options)
        plan = weighed(plan, options, problem, listener=listener)
        recipe = (
            plan.recipe if options.seed is None else plan.recipe.changed({"seed": options.seed})
        )
        bench = ProjectBench(project, problem, lambda: 0.0, deadline, keep)
        trial = bench.run(recipe, role="single")
        record = bench.of(trial)
        write_curves(record, bench.findings(trial), lang=lang)
        return run_result(project.folder, record)


def open_seal_of(place: str | Path, run: str | Path | None, *, listener: Listener) -> TestResult:
    """Opens the seal for a run, the project's chosen one if none is named."""
    folder = Folder(Path(place).expanduser().resolve())
    with existing(folder, listener=listener) as project:
        record = _chosen(project, run)
        opening = open_seal(project, project.problem(), record)
        return TestResult(
            project=str(folder.path),
            run=record.summary.run,
            primary=opening.scores.primary,
            metrics=opening.scores.metrics,
            parts=opening.parts,
            openings=project.notebook.openings,
        )


def evaluate_pass(
    run: str | Path, place: str | Path | None, epoch: int, *, by: Sequence[str] = ()
) -> RunResult:
    """The metrics of a run with the weights of a pass that was kept, computed now."""
    folder, path = run_folder(run, place)
    with existing(folder) as project:
        record = at_pass(read_run(path), epoch, project.problem())
        result = run_result(folder, record)
        return with_slices(result, record, project.dataset, by) if by else result


def export_run(
    run: str | Path, place: str | Path | None, to: str | Path | None, epoch: int | None
) -> ExportResult:
    """A run as a bundle, in the project's `model` folder if no other is named."""
    folder, path = run_folder(run, place)
    with existing(folder) as project:
        project.check_images()
        problem = project.problem()
        outcome = _outcome(project, at_pass(read_run(path), epoch, problem))
        target = Path(to).expanduser().resolve() if to is not None else folder.bundle
        exported = write_bundle(project, problem, outcome, to=target)
        return ExportResult(
            run=path.name,
            bundle=str(exported.folder),
            files=exported.files,
            verified=exported.verified,
            largest_difference=exported.largest_difference,
        )


def report_on(place: str | Path | None, *, lang: str, listener: Listener) -> ReportResult:
    """Writes the project's page anew from its records."""
    folder = project_of(place)
    with existing(folder, listener=listener) as project:
        project.check_images()
        outcome = _outcome(project, _chosen(project, None))
        seconds = sum(step.seconds for step in project.notebook.steps())
        bundle = str(folder.bundle) if folder.bundle.exists() else ""
        page = write_project_report(
            project, project.problem(), outcome, bundle=bundle, seconds=seconds, lang=lang
        )
        return ReportResult(str(folder.path), str(page))


def checklist_of(place: str | Path | None) -> Checklist:
    """The checklist of a project, from its records alone; nothing is trained or opened."""
    with existing(project_of(place)) as project:
        return checklist(project, _chosen(project, None) if _has_run(project) else None)


def _has_run(project: Project) -> bool:
    """Whether there is a finished run that leads: a baseline, or a single one."""
    return any(
        role in {"baseline", "single"} and (project.folder.runs / run / SUMMARY).exists()
        for run, role, _ in project.notebook.runs()
    )


def _outcome(project: Project, record: RunRecord) -> Outcome:
    ladder = read_ladder(project.folder, project.notebook, like=record)
    looped = any(role == "baseline" for _, role, _ in project.notebook.runs())
    among = chosen_among(record, project.folder, project.notebook)
    steps = project.notebook.steps()
    unsearched = was_unsearched(project.folder.ending)
    told = concluded(record, ladder, steps, among=among, unsearched=unsearched) if looped else {}
    # The seal was opened for the best pass, if at all: another one has no test result.
    opening = read_opening(project, record) if record.epoch is None else None
    return Outcome(record, ladder, opening, told)


def _chosen(project: Project, run: str | Path | None) -> RunRecord:
    """The run that was named, the loop's reference, or the latest single run."""
    if run is not None:
        return read_run(run_folder(run, project.folder.path)[1])
    roles = dict.fromkeys(role for _, role, _ in project.notebook.runs())
    if "baseline" in roles:
        return read_run(project.folder.runs / reference_so_far(project))
    singles = [name for name, role, _ in project.notebook.runs() if role == "single"]
    if not singles:
        raise UsageError(
            f"The project {str(project.folder.path)!r} has no run yet.",
            hint=f"Start with: phoropter run {project.settings.data}",
        )
    return read_run(project.folder.runs / singles[-1])
