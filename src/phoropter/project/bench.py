"""Where the loop's runs are made and judged, on an opened project."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phoropter.core.errors import InputError, UsageError
from phoropter.core.events import Note
from phoropter.core.predictions import Predictions, write_predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding
from phoropter.core.run_records import Epoch, RunSummary
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.aim import aimed
from phoropter.improvement.candidates import rebased
from phoropter.improvement.losing import losing_against
from phoropter.improvement.prescriptions.experience import informed
from phoropter.improvement.prescriptions.ideas import ideas
from phoropter.improvement.prescriptions.making import remaining_error
from phoropter.improvement.trial import Candidate, Judgement, Trial
from phoropter.metrics import named
from phoropter.project.collecting import ROLE
from phoropter.project.combination import combination, redecoded
from phoropter.project.experience import experience
from phoropter.project.judging import (
    evidence_of,
    judge,
    judge_ensemble,
    prescribed,
    read_ladder,
    write_findings,
)
from phoropter.project.opened import Project
from phoropter.project.pins import covers, left_alone
from phoropter.project.repeating import ROLE as REPEAT
from phoropter.project.run_record import HONEST, RunRecord, read_run
from phoropter.training.estimate import LEAST_SHARE, shortened, views_s
from phoropter.training.execute import execute, is_classic
from phoropter.training.problem import Problem, run_id
from phoropter.training.records import Losing
from phoropter.training.summary import SUMMARY, UNFINISHED, is_done, read_summary
from phoropter.training.twins import twin


@dataclass(slots=True)
class ProjectBench:
    """Makes runs in the project's folder and notes them in its notebook.

    Args:
        project: The opened project.
        problem: What its runs share.
        seconds_left: Until the last moment at which a run may end.
        deadline: The same moment as `time.monotonic` tells it, or None.
        keep: How many passes of a run leave their weights.
        pins: Recipe keys that nothing is prescribed for.
    """

    project: Project
    problem: Problem
    seconds_left: Callable[[], float]
    deadline: float | None
    keep: int = 1
    pins: tuple[str, ...] = ()
    _records: dict[str, RunRecord] = field(default_factory=dict)
    _honest: dict[str, Predictions] = field(default_factory=dict)

    def planned_baseline(self, recipe: Recipe, *, seconds: float) -> Recipe:
        """The first recipe, shortened as far as need be: some baseline there must be."""
        shorter = shortened(
            recipe, self.problem, seconds=seconds, least_share=0.0, listener=self.project.listener
        )
        return shorter or recipe

    def planned(self, recipe: Recipe, *, seconds: float, like: Recipe) -> Recipe | None:
        """The recipe, shortened so that it ends within `seconds`; None if it cannot be.

        What was run already, or trained already, costs next to nothing and is always planned. A
        network that learns in another way than `like` may be given as few passes as tell anything:
        their numbers mean different things.
        """
        runs = self.project.folder.runs
        if is_done(runs / run_id(recipe, self.problem)):
            return recipe
        if twin(recipe, self.problem, runs):
            needed = views_s(recipe, self.problem)
            return recipe if needed <= max(seconds, 0.0) else None
        return shortened(
            recipe,
            self.problem,
            seconds=seconds,
            least_share=LEAST_SHARE if _learns_as(recipe) == _learns_as(like) else 0.0,
            listener=self.project.listener,
        )

    def run(
        self, recipe: Recipe, *, role: str = "candidate", against: Trial | None = None
    ) -> Trial:
        """Makes the run, or finds it already made, and notes it.

        One that is far behind `against` is stopped; asked for again without it, it goes on.
        """
        path = execute(
            recipe,
            self.problem,
            runs=self.project.folder.runs,
            deadline=self.deadline,
            keep=self.keep,
            losing=None if against is None else self._losing(recipe, against),
            listener=self.project.listener,
        )
        honest = self._honest.get(recipe.digest)
        if honest is None and against is not None:
            honest = redecoded(self.of(against), recipe, self.problem.schema)
        if honest is not None:
            write_predictions(path / HONEST, honest)
        self._records.pop(path.name, None)  # it may have gone on since it was read
        record = self.record(path)
        facts = {"recipe": recipe.model_dump(), "score": record.score}
        self.project.notebook.record_run(record.summary.run, role, facts)
        return self.trial(path)

    def _losing(self, recipe: Recipe, against: Trial) -> Losing:
        """Told once, in words, when it is so."""
        record = self.of(against)
        planned, epochs = record.recipe.train.epochs, recipe.train.epochs
        losing = losing_against(record.history, planned=planned, epochs=epochs)

        def told(history: Sequence[Epoch]) -> bool:
            if not losing(history):
                return False
            where = f"pass {history[-1].epoch} of {epochs}"
            self.project.listener(Note(f"Stopped after {where}: far behind {against.run}."))
            return True

        return told

    def trial(self, path: Path) -> Trial:
        """The run in a folder as the loop sees it."""
        record = self.record(path)
        loss = named("log_loss" if record.predictions.kind == "classes" else "mse")
        return Trial(
            record.summary.run,
            record.recipe,
            record.score,
            record.summary.seconds,
            cut=_is_cut(record.summary),
            loss=loss(record.predictions),
        )

    def findings(self, trial: Trial) -> tuple[Finding, ...]:
        """The run's findings, then ideas for where nothing is wrong; pinned keys are left alone."""
        return left_alone(self._all_findings(trial), self.pins)

    def _all_findings(self, trial: Trial) -> tuple[Finding, ...]:
        record = self.of(trial)
        ladder = read_ladder(self.project.folder, self.project.notebook, like=record)
        if record.summary.members:
            first = self.record(self.project.folder.runs / record.summary.members[0])
            return self._seen_from(record.recipe, first, ladder)
        evidence = evidence_of(record, ladder)
        found = self._informed(prescribed(evidence), evidence)
        write_findings(record, found)
        self.project.notebook.record_findings(trial.run, found)
        of_network: tuple[Finding, ...] = ()
        if is_classic(record.recipe):
            of_network = self._of_the_network(record.recipe, ladder)
        generic = self._informed(ideas(evidence), evidence)
        return (*aimed((*found, *generic), evidence), *of_network)

    def _of_the_network(
        self, reference: Recipe, ladder: Mapping[str, RunRecord]
    ) -> tuple[Finding, ...]:
        """What may help the network that a classic model has overtaken, as changes of the latter.

        A simple model in the lead is no reason to leave the network's faults uncured.
        """
        networks = [run for run, role, _ in self.project.notebook.runs() if role == "baseline"]
        if not networks:
            return ()
        record = self.record(self.project.folder.runs / networks[-1])
        return () if is_classic(record.recipe) else self._seen_from(reference, record, ladder)

    def _seen_from(
        self, reference: Recipe, record: RunRecord, ladder: Mapping[str, RunRecord]
    ) -> tuple[Finding, ...]:
        """What may help a run, as changes of the reference that lead to the same recipes."""
        evidence = evidence_of(record, ladder)
        found = self._informed((*prescribed(evidence), *ideas(evidence)), evidence)
        return tuple(
            rebased(finding, record.recipe, reference) for finding in aimed(found, evidence)
        )

    def _informed(
        self, findings: tuple[Finding, ...], evidence: RunEvidence
    ) -> tuple[Finding, ...]:
        """The findings with gains that what was tried so far has corrected."""
        tried = experience(self.project.notebook)
        return informed(findings, evidence.recipe, tried, error=remaining_error(evidence))

    def judge(self, reference: Trial, challenger: Trial, *, among: int = 1) -> Judgement:
        """The paired comparison; counts as `among` looks, of which the challenger is the best."""
        sides = self.of(reference), self.of(challenger)
        if challenger.recipe.digest in self._honest:
            return judge_ensemble(*sides, self.project.notebook)
        return judge(*sides, self.project.notebook, among=among)

    def combined(self, reference: Trial) -> tuple[Candidate, Recipe] | None:
        """The ensemble of the project's finished runs that answers best, if one does."""
        if any(covers(pin, "predict.ensemble") for pin in self.pins):
            return None
        runs = self.project.folder.runs
        rows, apart = self.project.notebook.runs(), {ROLE, REPEAT}
        known = {run: facts for run, role, facts in rows if role not in apart}
        names = [run for run, facts in known.items() if made_by(facts, run, self.problem)]
        done = [self.record(runs / name) for name in names if is_done(runs / name)]
        found = combination(done, self.of(reference), self.problem.schema)
        if found is None:
            return None
        self._honest[found.recipe.digest] = found.honest
        return found.candidate, found.recipe

    def tried_digests(self) -> set[str]:
        """Digests of the recipes that were tried as changes.

        The ladder's have yet to compete, runs that the budget cut have yet to be finished, and
        parts of the data and other seeds prove nothing about the whole. Those of a turn that was
        stopped before its verdict have yet to be judged. What was said of labels that have been
        corrected since says nothing of these, and runs that were deleted may be made again.
        """
        runs, apart = self.project.folder.runs, {"ladder", ROLE, REPEAT}
        judged = {step.b for step in self.project.notebook.steps()}
        known = {
            run: facts
            for run, role, facts in self.project.notebook.runs()
            if role not in apart and (role != "candidate" or run in judged)
        }
        recipes = {run: made_by(facts, run, self.problem) for run, facts in known.items()}
        return {
            recipe.digest
            for run, recipe in recipes.items()
            # Of a run that is going on only its summary is what it was.
            if recipe and (runs / run / SUMMARY).exists() and not _is_cut(read_summary(runs / run))
        }

    def of(self, trial: Trial) -> RunRecord:
        """The full record behind a trial."""
        return self.record(self.project.folder.runs / trial.run)

    def record(self, path: Path) -> RunRecord:
        """The record in a run's folder, read once."""
        if path.name not in self._records:
            self._records[path.name] = read_run(path)
        return self._records[path.name]


def _is_cut(summary: RunSummary) -> bool:
    """Whether the budget ended the run, so that it may go on."""
    return summary.stopped_by in UNFINISHED and summary.stopped_by != "losing"


def made_by(facts: Mapping[str, Any], run: str, problem: Problem) -> Recipe | None:
    """The recipe noted of a run; None if it would be another run today.

    That is so where labels were corrected, or the code or a file that the recipe names has changed.
    """
    try:
        recipe = Recipe.model_validate(facts["recipe"])
        return recipe if run_id(recipe, problem) == run else None
    except (UsageError, InputError, ValueError):
        return None  # such a file is gone, or the recipe has keys of another version


def _learns_as(recipe: Recipe) -> tuple[str, bool, str]:
    return recipe.model.name, recipe.model.pretrained, recipe.model.transfer
