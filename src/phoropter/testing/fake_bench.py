"""A bench whose runs come from a table, so that the loop is tested without training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from phoropter.core.recipe import Recipe
from phoropter.core.records import Comparison, Finding, Metric, Verdict
from phoropter.improvement.trial import Judgement, Trial


@dataclass
class FakeBench:
    """Scores, findings and p-values by recipe.

    Args:
        score: Primary metric of a recipe.
        found: Findings of a recipe.
        p_value: Of a difference in the metric.
        seconds: What each run takes off the clock.
        left: Seconds on the clock.
        ran: Every recipe that was run.
        cuts: Recipes of which the time is up before they are finished.
    """

    score: Callable[[Recipe], float]
    found: Callable[[Recipe], tuple[Finding, ...]]
    p_value: Callable[[float], float] = lambda delta: 0.0001 if abs(delta) > 0.01 else 0.5
    seconds: float = 1.0
    left: float = 100.0
    ran: list[Recipe] = field(default_factory=list)
    cuts: Callable[[Recipe], bool] = lambda _: False

    def planned(self, recipe: Recipe, *, seconds: float, like: Recipe) -> Recipe | None:  # noqa: ARG002
        """The recipe as it is, if one run still fits."""
        return recipe if seconds >= self.seconds else None

    def run(self, recipe: Recipe, *, against: Trial | None = None) -> Trial:  # noqa: ARG002
        """A trial with the score from the table."""
        self.ran.append(recipe)
        self.left -= self.seconds
        value = self.score(recipe)
        score = Metric("accuracy", value, 0, 1, 100)
        return Trial(recipe.digest, recipe, score, self.seconds, cut=self.cuts(recipe))

    def findings(self, trial: Trial) -> tuple[Finding, ...]:
        """The findings from the table."""
        return self.found(trial.recipe)

    def judge(self, reference: Trial, challenger: Trial, *, among: int = 1) -> Judgement:
        """The verdict by the p-value from the table."""
        delta = challenger.score.value - reference.score.value
        looks = len(self.ran) + among - 1
        p_value = self.p_value(delta)
        verdict: Verdict = "undecided" if p_value > 0.01 else ("better" if delta > 0 else "worse")
        comparison = Comparison(
            reference.run, challenger.run, "accuracy", delta, delta, delta, p_value, looks, verdict
        )
        return Judgement(comparison, 0.0, 1.0, 0.025)
