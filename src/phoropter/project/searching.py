"""Searching recipes where no finding has a prescription left, on an opened project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from phoropter.core.errors import InputError, UsageError
from phoropter.core.events import Note
from phoropter.core.recipe import Recipe, difference
from phoropter.improvement.search import Search
from phoropter.improvement.trial import Candidate, Searched, Trial
from phoropter.models.catalog import frozen_trunk
from phoropter.project.bench import ProjectBench
from phoropter.project.pins import restored

CODE = "search"
PATIENCE = 25
"""Trials without a smaller loss after which the search is over, time or not."""

MOST_UNFIT = 20
"""Recipes in a row for which there is no time."""


@dataclass(slots=True)
class ProjectSearcher:
    """Runs what a search asks for, while there is time and something is still found.

    Args:
        bench: Makes the runs.
        base: The project's first recipe.
    """

    bench: ProjectBench
    base: Recipe
    _too_dear: set[tuple[str, str]] = field(default_factory=set)

    def searched(self, reference: Trial, *, seconds_left: Callable[[], float]) -> Searched | None:
        """The trial with the least validation loss, told one line a trial."""
        # Features at other sizes are dear, and runs on other pixels cannot be averaged.
        trunk = frozen_trunk(self.base)
        sizes = () if trunk in {"", "pixels"} else (self.base.data.size,)
        search = Search(self.base, sizes=sizes)
        trials: list[Trial] = []
        unfit = 0
        while unfit < MOST_UNFIT and not _is_over(trials):
            asked = search.ask()
            trial = self._tried(asked, reference.recipe, seconds_left())
            search.tell(asked, None if trial is None else trial.loss)
            if trial is None:
                unfit += 1
                continue
            unfit = 0
            trials.append(trial)
            self._told(trial, len(trials))
        best = min(trials, key=_loss, default=None)
        if best is None or best.run == reference.run:
            return None
        change = difference(reference.recipe, best.recipe)
        advice = f"Take the best of {len(trials)} recipes that were searched."
        return Searched(Candidate(CODE, change, advice, 0.0, 0.0), best, len(trials))

    def _tried(self, asked: Recipe, like: Recipe, left_s: float) -> Trial | None:
        """What came of a recipe with the pins of another; None where it does not fit here.

        There may be no time for it, or it suits no network. What did not fit once will not fit
        later: its like are left out at once.
        """
        kind = (asked.model.name, asked.model.transfer)
        if kind in self._too_dear:
            return None
        try:
            recipe = restored(asked, like, self.bench.pins)
            planned = self.bench.planned(recipe, seconds=left_s, like=self.base)
            if planned is None:
                self._too_dear.add(kind)
                return None
            trial = self.bench.run(planned)
        except (UsageError, InputError) as error:
            self.bench.project.listener(Note(f"Left out of the search: {error}"))
            return None
        return None if trial.cut else trial

    def _told(self, trial: Trial, number: int) -> None:
        changed = difference(self.base, trial.recipe)
        what = ", ".join(f"{key}={value}" for key, value in changed.items())
        score = trial.score
        self.bench.project.listener(
            Note(f"Search {number}: {score.name} {score.value:.4f} with {what}.")
        )


def _loss(trial: Trial) -> float:
    return float("inf") if trial.loss is None else trial.loss


def _is_over(trials: list[Trial]) -> bool:
    best = min(range(len(trials)), key=lambda at: _loss(trials[at]), default=0)
    return len(trials) - best > PATIENCE
