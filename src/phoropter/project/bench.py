"""Where the loop's runs are made and judged, on an opened project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.candidates import rebased
from phoropter.improvement.prescriptions.experience import informed
from phoropter.improvement.prescriptions.ideas import ideas
from phoropter.improvement.prescriptions.making import remaining_error
from phoropter.improvement.trial import Judgement, Trial
from phoropter.project.collecting import ROLE
from phoropter.project.experience import experience
from phoropter.project.judging import (
    evidence_of,
    judge,
    prescribed,
    read_ladder,
    write_findings,
)
from phoropter.project.opened import Project
from phoropter.project.repeating import ROLE as REPEAT
from phoropter.project.run_record import RunRecord, read_run
from phoropter.training.estimate import shortened
from phoropter.training.execute import execute, is_classic
from phoropter.training.problem import Problem, run_id
from phoropter.training.summary import is_done
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
    """

    project: Project
    problem: Problem
    seconds_left: Callable[[], float]
    deadline: float | None
    keep: int = 1
    _records: dict[str, RunRecord] = field(default_factory=dict)

    def planned_baseline(self, recipe: Recipe, *, seconds: float) -> Recipe:
        """The first recipe, shortened as far as need be: some baseline there must be."""
        shorter = shortened(
            recipe, self.problem, seconds=seconds, least_share=0.0, listener=self.project.listener
        )
        return shorter or recipe

    def planned(self, recipe: Recipe, *, seconds: float) -> Recipe | None:
        """The recipe, shortened so that it ends within `seconds`; None if it cannot be.

        What was run already, or trained already, costs next to nothing and is always planned.
        """
        runs = self.project.folder.runs
        if is_done(runs / run_id(recipe, self.problem)) or twin(recipe, self.problem, runs):
            return recipe
        return shortened(recipe, self.problem, seconds=seconds, listener=self.project.listener)

    def run(self, recipe: Recipe, *, role: str = "candidate") -> Trial:
        """Makes the run, or finds it already made, and notes it."""
        path = execute(
            recipe,
            self.problem,
            runs=self.project.folder.runs,
            deadline=self.deadline,
            keep=self.keep,
            listener=self.project.listener,
        )
        self._records.pop(path.name, None)  # it may have gone on since it was read
        record = self.record(path)
        facts = {"recipe": recipe.model_dump(), "score": record.score}
        self.project.notebook.record_run(record.summary.run, role, facts)
        seconds = record.summary.seconds
        return Trial(record.summary.run, recipe, record.score, seconds, cut=not is_done(path))

    def findings(self, trial: Trial) -> tuple[Finding, ...]:
        """The run's findings, then ideas for where nothing is wrong."""
        record = self.of(trial)
        ladder = read_ladder(self.project.folder, self.project.notebook)
        evidence = evidence_of(record, ladder)
        found = self._informed(prescribed(evidence), evidence)
        write_findings(record, found)
        self.project.notebook.record_findings(trial.run, found)
        of_network: tuple[Finding, ...] = ()
        if is_classic(record.recipe):
            of_network = self._of_the_network(record.recipe, ladder)
        return (*found, *self._informed(ideas(evidence), evidence), *of_network)

    def _of_the_network(
        self, reference: Recipe, ladder: Mapping[str, RunRecord]
    ) -> tuple[Finding, ...]:
        """What may help the network that a classic model has overtaken, as changes of the latter.

        A simple model in the lead is no reason to leave the network's faults uncured.
        """
        networks = [run for run, role in self.project.notebook.runs() if role == "baseline"]
        if not networks:
            return ()
        record = self.record(self.project.folder.runs / networks[-1])
        if is_classic(record.recipe):
            return ()
        evidence = evidence_of(record, ladder)
        found = self._informed((*prescribed(evidence), *ideas(evidence)), evidence)
        return tuple(rebased(finding, record.recipe, reference) for finding in found)

    def _informed(
        self, findings: tuple[Finding, ...], evidence: RunEvidence
    ) -> tuple[Finding, ...]:
        """The findings with gains that what was tried so far has corrected."""
        tried = experience(self.project.notebook)
        return informed(findings, evidence.recipe, tried, error=remaining_error(evidence))

    def judge(self, reference: Trial, challenger: Trial) -> Judgement:
        """The paired comparison; counts as a look at the validation part."""
        return judge(self.of(reference), self.of(challenger), self.project.notebook)

    def tried_digests(self) -> set[str]:
        """Digests of the recipes that were tried as changes.

        The ladder's have yet to compete, runs that the budget cut have yet to be finished, and
        parts of the data and other seeds prove nothing about the whole. Those of a turn that was
        stopped before its verdict have yet to be judged.
        """
        runs, apart = self.project.folder.runs, {"ladder", ROLE, REPEAT}
        judged = {step.b for step in self.project.notebook.steps()}
        known = (
            runs / run
            for run, role in self.project.notebook.runs()
            if role not in apart and (role != "candidate" or run in judged)
        )
        return {self.record(path).recipe.digest for path in known if is_done(path)}

    def of(self, trial: Trial) -> RunRecord:
        """The full record behind a trial."""
        return self.record(self.project.folder.runs / trial.run)

    def record(self, path: Path) -> RunRecord:
        """The record in a run's folder, read once."""
        if path.name not in self._records:
            self._records[path.name] = read_run(path)
        return self._records[path.name]
