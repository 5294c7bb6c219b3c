"""The loop: diagnose, try the most promising change, keep it only if it is shown to help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from phoropter.core.change import settings
from phoropter.core.errors import InputError, UsageError
from phoropter.core.events import Listener, Note, silent
from phoropter.core.recipe import Recipe
from phoropter.improvement.candidates import own_idea, ranked
from phoropter.improvement.decide import Decision, decide
from phoropter.improvement.trial import Bench, Candidate, Combiner, Judgement, Searcher, Trial

LEAST_SEARCH_S = 15.0
"""Below it there is no time for as many recipes as a search needs to find anything."""

CUT = "The time was up before it was finished."
"""Added to the reason where a run was judged by what it had reached."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One change tried: what it was, what came out, what was decided."""

    candidate: Candidate
    reference: Trial
    challenger: Trial
    judgement: Judgement
    decision: Decision


@dataclass(slots=True)
class Loop:
    """The state of an improvement: a reference, and what was tried against it.

    Args:
        bench: Makes and judges runs.
        reference: The run to be beaten.
        greater_is_better: Direction of the primary metric.
        seconds_left: Seconds until the budget ends, asked before every turn.
        tried: Digests of the recipes that were run.
        stopped_by: Why `turns` ended: "budget" (also where changes were left out because they did
            not fit) or "nothing worth trying".
        searcher: Tries recipes where no finding has a prescription left; None: the loop ends then.
        combiner: Puts finished runs together when no more are made; None: they stay single.
        unsearched: Whether there was time to search, and no searcher.
        listener: Told of changes that were left out because they do not fit.
    """

    bench: Bench
    reference: Trial
    greater_is_better: bool
    seconds_left: Callable[[], float]
    tried: set[str] = field(default_factory=set)
    stopped_by: str = ""
    searcher: Searcher | None = None
    combiner: Combiner | None = None
    unsearched: bool = False
    listener: Listener = silent
    _left_out: bool = False
    _own: Candidate | None = None

    def turns(self, own: Mapping[str, Any] | None = None) -> Iterator[Turn]:
        """Turn after turn; `own` is a change of the user's, tried first.

        Where no finding has a prescription left and there is time, recipes are searched. The last
        turn asks whether what was trained on the way answers better together.
        """
        self.tried.add(self.reference.recipe.digest)
        yield from self._changes(own)
        yield from self._search()
        yield from self._combination()

    def _changes(self, own: Mapping[str, Any] | None) -> Iterator[Turn]:
        self._own = own_idea(dict(own)) if own else None
        candidates = [self._own] if self._own else self._candidates()
        while True:
            chosen = self._affordable(candidates)
            if chosen is None:
                return
            challenger = self._made(*chosen)
            if challenger is not None:
                yield self._turn(chosen[0], challenger)
                if challenger.cut:
                    self.stopped_by = "budget"
                    return
            candidates = self._candidates()

    def _search(self) -> Iterator[Turn]:
        if self.seconds_left() < LEAST_SEARCH_S:
            return
        if self.searcher is None:
            self.unsearched = True
            return
        found = self.searcher.searched(self.reference, seconds_left=self.seconds_left)
        if found is not None:
            yield self._turn(found.candidate, found.best, among=found.trials)

    def _combination(self) -> Iterator[Turn]:
        found = self.combiner.combined(self.reference) if self.combiner is not None else None
        if found is None or found[1].digest in self.tried:
            return
        candidate, recipe = found
        self.tried.add(recipe.digest)
        challenger = self.bench.run(recipe)
        if not challenger.cut:
            yield self._turn(candidate, challenger, trained_before=True)

    def _candidates(self) -> list[Candidate]:
        return ranked(
            self.bench.findings(self.reference),
            self.reference.recipe,
            tried=self.tried,
            run_s=self.reference.seconds,
            left_s=max(self.seconds_left(), 0.0),
        )

    def _affordable(self, candidates: list[Candidate]) -> tuple[Candidate, Recipe] | None:
        for candidate in candidates:
            wanted = self.reference.recipe.changed(candidate.change)
            self.tried.add(wanted.digest)
            with self._unfit_told(candidate):
                planned = self.bench.planned(
                    wanted, seconds=self.seconds_left(), like=self.reference.recipe
                )
                if planned is not None:
                    self.tried.add(planned.digest)
                    return candidate, planned
                self._left_out = True
        self.stopped_by = "budget" if self._left_out else "nothing worth trying"
        return None

    def _made(self, candidate: Candidate, recipe: Recipe) -> Trial | None:
        with self._unfit_told(candidate):
            return self.bench.run(recipe, against=self.reference)
        return None

    @contextmanager
    def _unfit_told(self, candidate: Candidate) -> Iterator[None]:
        """Tells of a change that does not fit a network, a loss or a file of the user's.

        What was reached without it is not lost by that; only what the user asked for must go well.
        """
        try:
            yield
        except (UsageError, InputError) as error:
            if candidate is self._own:
                raise
            self.listener(Note(f"Left out: {settings(candidate.change)}. {error}"))

    def _turn(
        self,
        candidate: Candidate,
        challenger: Trial,
        *,
        among: int = 1,
        trained_before: bool = False,
    ) -> Turn:
        reference = self.reference
        judgement = self.bench.judge(reference, challenger, among=among)
        decision = decide(
            judgement,
            greater_is_better=self.greater_is_better,
            retrained=not trained_before and _retrained(reference.recipe, challenger.recipe),
        )
        if challenger.cut:
            # Its best pass is a network like any other, and may be better already.
            decision = replace(decision, reason=f"{decision.reason} {CUT}")
        if decision.accepted:
            self.reference = challenger
        return Turn(candidate, reference, challenger, judgement, decision)


def _retrained(reference: Recipe, challenger: Recipe) -> bool:
    """Whether a new lot was drawn: one of the networks is none of the reference's."""
    known = [member.trained_as for member in reference.members]
    return any(member.trained_as not in known for member in challenger.members)
