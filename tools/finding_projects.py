"""What is done in a project that the pages of docs/findings show, and what its records say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finding_sets import make_data
from finding_trainings import RECIPE, located, train_command

import phoropter
from phoropter.core.records import Metric
from phoropter.diagnosis.scores import CONSTANT_MODELS
from phoropter.project.folder import Folder
from phoropter.project.judging import read_ladder
from phoropter.project.notebook import Notebook
from phoropter.project.results import DiagnoseResult
from phoropter.project.run_record import RunRecord, read_run

BUDGET_S = 30.0
"""Of `phoropter run`, here only for its simple models: enough to fit them all."""


@dataclass(frozen=True)
class Side:
    """What is done in one project.

    Args:
        data: See `finding_sets.py`.
        settings: Dotted recipe keys of all runs, beside the recipe's.
        tried: Further keys, with the values that are tried in all combinations.
        seeds: Each with all combinations.
        before: "look" or "run": what comes before these runs.
        metric: The primary metric, for "run"; "" for the one that the data call for.
        human: The error of people; "" if nobody measured it.
        collect: Whether parts of the data are trained on.
        test: Whether the seal is opened for the best run, which is the one that is judged then.
    """

    data: str = "digits"
    settings: Mapping[str, Any] = field(default_factory=dict)
    tried: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    seeds: Sequence[int] = (0,)
    before: str = ""
    metric: str = ""
    human: str = ""
    collect: bool = False
    test: bool = False

    def runs(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Seed and settings of each."""
        for seed, *values in itertools.product(self.seeds, *self.tried.values()):
            yield seed, {**self.settings, **dict(zip(self.tried, values, strict=True))}


@dataclass(frozen=True)
class Told:
    """What the records of a project say.

    Args:
        runs: All of the recipe, in the order in which they were made.
        chosen: The one that is judged.
        ladder: The simple models by name, where `phoropter run` came before.
        result: The diagnosis of the chosen run.
        tested: What it scores on the sealed part; None where the seal was not opened.
    """

    runs: Sequence[RunRecord]
    chosen: RunRecord
    ladder: Mapping[str, RunRecord]
    result: DiagnoseResult
    tested: Metric | None

    @property
    def simple(self) -> Mapping[str, RunRecord]:
        """The simple models that look at their input."""
        return {name: run for name, run in self.ladder.items() if name not in CONSTANT_MODELS}

    def part(self, name: str) -> Metric | None:
        """Of the error budget; None if it is not known."""
        return next((part for part in self.result.budget if part.name == name), None)


def tell(side: Side, place: Path) -> Told:
    """Does it, in a folder of its own."""
    data, project = make_data(side.data, place), place / "project"
    if side.before == "look":
        phoropter.look(data, project=project)
    elif side.before == "run":
        phoropter.run(data, project=project, metric=side.metric or None, budget_s=BUDGET_S)
    runs = [_trained(data, project, seed=seed, settings=settings) for seed, settings in side.runs()]
    chosen = max(runs, key=lambda run: run.score.value) if side.test else runs[0]
    name = chosen.summary.run
    tested = phoropter.test(project, run=name).primary if side.test else None
    found = phoropter.diagnose(
        name, project=project, human=side.human or None, collect=side.collect
    )
    notebook = Notebook(Folder(project).notebook)
    try:
        ladder = read_ladder(Folder(project), notebook, like=None)
    finally:
        notebook.close()
    return Told(runs, chosen, ladder, found, tested)


def _trained(data: str, project: Path, *, seed: int, settings: Mapping[str, Any]) -> RunRecord:
    made = phoropter.train(
        data, project=project, recipe=RECIPE, settings=located(settings), seed=seed
    )
    return read_run(project / "runs" / made.run)


def commands(side: Side) -> list[str]:
    """The same, as a reader would type it."""
    name, many = side.data, len(list(side.runs())) > 1
    lines = []
    if side.before == "look":
        lines.append(f"phoropter look {name}")
    elif side.before == "run":
        metric = f" --metric {side.metric}" if side.metric else ""
        lines.append(f"phoropter run {name} --budget {BUDGET_S:.0f}s{metric}")
    lines += _loop(side) if many else [train_command(name, side.settings)]
    if side.test:
        lines.append(f"phoropter test {name}.phoropter --run BEST")
    asked = f" --human {side.human}" if side.human else ""
    asked += " --collect" if side.collect else ""
    if many or asked or side.before:
        run = "BEST" if side.test else "FIRST" if many else "RUN"
        lines.append(f"phoropter diagnose {run} --project {name}.phoropter{asked}")
    return lines


def _loop(side: Side) -> list[str]:
    """One run for each seed and combination of what is tried, in the words of a shell."""
    names = {key: key.rpartition(".")[2] for key in side.tried}
    rows = {"seed": side.seeds, **{names[key]: values for key, values in side.tried.items()}}
    opened = " ".join(
        f"for {name} in {' '.join(map(str, values))}; do" for name, values in rows.items()
    )
    variables = {key: f"${name}" for key, name in names.items()}
    train = train_command(side.data, {**side.settings, **variables})
    return [opened, f"  {train} --seed $seed", " ".join(["done;"] * len(rows))[:-1]]
