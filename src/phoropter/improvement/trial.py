"""What the loop knows of a run, and what it needs of the world to make and judge one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from phoropter.core.recipe import Recipe
from phoropter.core.records import Comparison, Finding, Metric


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished run as the loop sees it.

    Args:
        run: Its identifier.
        recipe: What made it.
        score: The primary metric on the validation part.
        seconds: Wall time it took.
        cut: Whether the budget ended it before it was finished.
        loss: The proper score on the validation part (log loss, squared error), where known.
    """

    run: str
    recipe: Recipe
    score: Metric
    seconds: float
    cut: bool = False
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the comparison of a challenger with the reference says.

    Args:
        comparison: The verdict on the primary metric.
        score_delta: Difference of the proper score (log loss, squared error), negative is better.
        score_p_value: Of that difference, two-sided, before correction.
        threshold: The p-value that counts as evidence at this look, for each of the two tests.
    """

    comparison: Comparison
    score_delta: float
    score_p_value: float
    threshold: float


class Bench(Protocol):
    """Where runs are made and judged; the loop holds no model and no data."""

    def planned(self, recipe: Recipe, *, seconds: float, like: Recipe) -> Recipe | None:
        """The recipe, shortened so that it ends within `seconds`; None if it cannot be.

        Not so far that a comparison with `like` would be one of run lengths.
        """
        ...

    def run(self, recipe: Recipe, *, against: Trial | None = None) -> Trial:
        """Makes the run, or finds it already made; stops it if it clearly loses to `against`."""
        ...

    def findings(self, trial: Trial) -> tuple[Finding, ...]:
        """What is wrong with a run, with prescriptions, and ideas where nothing is."""
        ...

    def judge(self, reference: Trial, challenger: Trial, *, among: int = 1) -> Judgement:
        """The paired comparison; counts as `among` looks, of which the challenger is the best."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change worth considering.

    Args:
        finding: The finding's code, or "idea".
        change: Dotted recipe keys and their new values.
        advice: The change in words.
        expected_gain: Of the primary metric.
        cost: Relative to the run it would change.
    """

    finding: str
    change: Mapping[str, Any]
    advice: str
    expected_gain: float
    cost: float


class Combiner(Protocol):
    """Where finished runs are put together; asked once nothing more is to be run."""

    def combined(self, reference: Trial) -> tuple[Candidate, Recipe] | None:
        """The ensemble of finished runs to be tried against the reference; None without one."""
        ...


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search came to: the best of its trials, and how many there were."""

    candidate: Candidate
    best: Trial
    trials: int


class Searcher(Protocol):
    """Tries recipes on its own where no finding says which; asked when there is time left."""

    def searched(self, reference: Trial, *, seconds_left: Callable[[], float]) -> Searched | None:
        """The best of many recipes; None where none could be tried."""
        ...
