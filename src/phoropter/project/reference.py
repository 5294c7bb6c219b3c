"""The run that the loop builds upon: found in the notebook, and brought up to the present."""

from __future__ import annotations

from phoropter.core.errors import CorruptFileError, InputError
from phoropter.core.events import Note
from phoropter.core.recipe import Recipe
from phoropter.improvement.trial import Trial
from phoropter.project.bench import ProjectBench, made_by
from phoropter.project.opened import Project
from phoropter.training.problem import run_id


def baseline_run(project: Project) -> str:
    """Identifier of the project's latest baseline.

    Raises:
        InputError: If the project has no baseline yet.
    """
    baselines = [run for run, role, _ in project.notebook.runs() if role == "baseline"]
    if not baselines:
        raise InputError(
            f"The project {str(project.folder.path)!r} has no baseline to improve on.",
            hint=f"Run first: phoropter run {project.settings.data}",
        )
    return baselines[-1]


def led_to(project: Project, run: str) -> str:
    """Identifier of the run that the accepted steps have led to from `run`."""
    for step in project.notebook.steps():
        if step.accepted and step.a == run:
            run = step.b
    return run


def reference_so_far(project: Project) -> str:
    """Identifier of the run that the accepted steps have led to from the latest baseline.

    Raises:
        InputError: If the project has no baseline yet.
    """
    return led_to(project, baseline_run(project))


def standing(bench: ProjectBench, run: str) -> Trial:
    """The run as it can be built upon: whole, and on the data of today.

    One that was stopped while it went on, or deleted, is made again. So is one whose labels were
    corrected since, as a new baseline: nothing could be compared with it.

    Raises:
        CorruptFileError: If it is damaged, and nothing is known of it or it was finished.
    """
    project = bench.project
    path = project.folder.runs / run
    try:
        trial = bench.trial(path)
    except CorruptFileError:
        recipe = _noted(bench, run)
        if recipe is None:
            raise
        project.listener(Note(f"The run {run} is not whole: it goes on, or is made again."))
        return bench.run(recipe, role=_role(bench, run))
    if bench.record(path).is_on(bench.problem.made_of):
        return trial
    project.listener(Note(f"The data were corrected since the run {run}: it is made again."))
    return bench.run(trial.recipe, role="baseline")


def gone_on(bench: ProjectBench, reference: Trial) -> Trial:
    """The reference, which goes on if the end of an earlier budget cut it.

    Nothing else would finish it: its recipe is no change of the reference.
    """
    same = run_id(reference.recipe, bench.problem) == reference.run
    if not (reference.cut and same) or bench.seconds_left() <= 0:
        return reference
    return bench.run(reference.recipe, role=_role(bench, reference.run))


def latest(bench: ProjectBench, role: str) -> Recipe | None:
    """The recipe of the project's latest run of this role, with its seed, on the same problem."""
    project = bench.project
    for run, known, facts in reversed(project.notebook.runs()):
        recipe = made_by(facts, run, bench.problem) if known == role else None
        if recipe is not None and recipe.seed == project.settings.seed:
            return recipe
    return None


def _role(bench: ProjectBench, run: str) -> str:
    return "baseline" if run == baseline_run(bench.project) else "candidate"


def _noted(bench: ProjectBench, run: str) -> Recipe | None:
    """The recipe that the notebook has of a run, if it would be the same run today."""
    known = [facts for name, _, facts in bench.project.notebook.runs() if name == run]
    return made_by(known[-1], run, bench.problem) if known else None
