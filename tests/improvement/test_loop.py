"""The loop against a bench of known outcomes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from phoropter.core.errors import BrokenContractError, InputError, PhoropterError, UsageError
from phoropter.core.events import Note
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Metric, Prescription
from phoropter.improvement.loop import CUT, Loop
from phoropter.improvement.trial import Candidate, Judgement, Searched, Trial
from phoropter.testing.fake_bench import FakeBench


def cure(gain: float = 0.02, cost: float = 1.0, **change: object) -> Prescription:
    keys = {key.replace("__", "."): value for key, value in change.items()}
    return Prescription(keys, f"Set {keys}.", gain, cost, "because")


def overfit(*cures: Prescription) -> Finding:
    return Finding("overfit", "warning", 0.9, "It overfits.", {}, cures)


def loop_on(bench: FakeBench) -> Loop:
    recipe = Recipe()
    score = Metric("accuracy", bench.score(recipe), 0, 1, 100)
    return Loop(
        bench=bench,
        reference=Trial("first", recipe, score, 1.0),
        greater_is_better=True,
        seconds_left=lambda: bench.left,
    )


def test_a_change_that_helps_becomes_the_reference_and_is_built_upon() -> None:
    def score(recipe: Recipe) -> float:
        return 0.5 + 0.1 * (recipe.train.epochs == 40) + 0.1 * (recipe.train.lr == 0.01)

    bench = FakeBench(
        score=score,
        found=lambda recipe: (overfit(cure(train__epochs=40), cure(0.01, train__lr=0.01)),),
    )
    loop = loop_on(bench)
    turns = list(loop.turns())
    assert [turn.decision.accepted for turn in turns] == [True, True]
    assert loop.reference.recipe.train.epochs == 40
    assert loop.reference.recipe.train.lr == 0.01
    assert loop.stopped_by == "nothing worth trying"


def test_nothing_helps_is_a_result() -> None:
    bench = FakeBench(
        score=lambda recipe: 0.5,
        found=lambda recipe: (overfit(cure(train__epochs=40), cure(train__lr=0.01)),),
    )
    loop = loop_on(bench)
    turns = list(loop.turns())
    assert [turn.decision.accepted for turn in turns] == [False, False]
    assert loop.reference.run == "first"


def test_a_change_that_hurts_is_refused_and_not_tried_again() -> None:
    bench = FakeBench(
        score=lambda recipe: 0.5 - 0.2 * (recipe.train.epochs == 40),
        found=lambda recipe: (overfit(cure(train__epochs=40)),),
    )
    loop = loop_on(bench)
    turns = list(loop.turns())
    assert len(turns) == 1
    assert turns[0].decision.reason.startswith("Worse")


def test_the_budget_ends_the_loop() -> None:
    bench = FakeBench(
        score=lambda recipe: 0.5,
        found=lambda recipe: (overfit(*(cure(train__epochs=n) for n in range(21, 60))),),
        seconds=30.0,
    )
    loop = loop_on(bench)
    assert len(list(loop.turns())) == 3
    assert loop.stopped_by == "budget"
    assert bench.left >= 0


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_a_run_that_the_end_cuts_is_judged_by_what_it_has_reached(gain: float) -> None:
    bench = FakeBench(
        score=lambda recipe: 0.5 + gain * (recipe.train.epochs == 40),
        found=lambda recipe: (overfit(cure(train__epochs=40), cure(0.01, train__lr=0.01)),),
        cuts=lambda recipe: recipe.train.epochs == 40,
    )
    loop = loop_on(bench)
    (turn,) = loop.turns()
    assert turn.decision.accepted == (gain > 0)
    assert turn.decision.reason.endswith(CUT)
    assert loop.reference == (turn.challenger if gain else turn.reference)
    assert loop.stopped_by == "budget"


def test_the_users_own_change_is_tried_first() -> None:
    bench = FakeBench(score=lambda recipe: 0.5, found=lambda recipe: ())
    loop = loop_on(bench)
    turns = list(loop.turns({"train.lr": 0.5}))
    assert [turn.challenger.recipe.train.lr for turn in turns] == [0.5]


@dataclass
class Picky(FakeBench):
    """Fails on 40 epochs, when the run is planned or when it is made."""

    error: PhoropterError = UsageError("It does not fit.")  # noqa: RUF009 - never changed
    when_made: bool = False

    def planned(self, recipe: Recipe, *, seconds: float, like: Recipe) -> Recipe | None:
        if recipe.train.epochs == 40 and not self.when_made:
            raise self.error
        return super().planned(recipe, seconds=seconds, like=like)

    def run(self, recipe: Recipe, *, against: Trial | None = None) -> Trial:
        if recipe.train.epochs == 40:
            raise self.error
        return super().run(recipe, against=against)


@pytest.mark.parametrize("when_made", [False, True])
@pytest.mark.parametrize("kind", [BrokenContractError, InputError])
def test_a_change_that_does_not_fit_is_told_once_and_the_loop_goes_on(
    kind: type[PhoropterError], when_made: bool
) -> None:
    bench = Picky(
        score=lambda recipe: 0.5,
        found=lambda recipe: (overfit(cure(train__epochs=40), cure(0.01, train__lr=0.01)),),
        error=kind("The network takes 224 px alone.", hint="Give it a size."),
        when_made=when_made,
    )
    told: list[object] = []
    loop = loop_on(bench)
    loop.listener = told.append
    (turn,) = loop.turns()
    assert turn.challenger.recipe.train.lr == 0.01
    why = "The network takes 224 px alone. Give it a size."
    assert told == [Note(f"Left out: --set train.epochs=40. {why}")]
    assert loop.reference.recipe.changed({"train.epochs": 40}).digest in loop.tried
    assert loop.stopped_by == "nothing worth trying"


def test_the_users_own_change_must_fit() -> None:
    bench = Picky(score=lambda recipe: 0.5, found=lambda recipe: ())
    with pytest.raises(UsageError, match="It does not fit"):
        list(loop_on(bench).turns({"train.epochs": 40}))


@pytest.mark.parametrize("gain", [0.001, 0.2])
def test_one_change_at_a_time(gain: float) -> None:
    bench = FakeBench(
        score=lambda recipe: 0.5,
        found=lambda recipe: (overfit(cure(gain, train__epochs=40), cure(train__lr=0.01)),),
    )
    for turn in loop_on(bench).turns():
        before, after = turn.reference.recipe, turn.challenger.recipe
        assert before.changed(turn.candidate.change) == after


class Together:
    """Finds that the mean of two seeds is better than either."""

    def __init__(self) -> None:
        self.asked: list[Trial] = []

    def combined(self, reference: Trial) -> tuple[Candidate, Recipe]:
        self.asked.append(reference)
        change = {"predict.ensemble": [{"seed": 1}]}
        return Candidate("ensemble", change, "Average.", 0.01, 0.0), Recipe().changed(change)


class Chance:
    """Finds a better learning rate in nine trials."""

    def searched(self, reference: Trial, *, seconds_left: object) -> Searched:
        recipe = reference.recipe.changed({"train.lr": 0.5})
        best = Trial(recipe.digest, recipe, Metric("accuracy", 0.6, 0, 1, 100), 1.0)
        return Searched(Candidate("search", {"train.lr": 0.5}, "Search.", 0.0, 0.0), best, 9)


def test_when_no_finding_is_left_recipes_are_searched_and_count_as_looks() -> None:
    bench = FakeBench(score=lambda recipe: 0.5, found=lambda recipe: ())
    loop = loop_on(bench)
    loop.searcher = Chance()
    (turn,) = loop.turns()
    assert turn.candidate.finding == "search"
    assert turn.judgement.comparison.looks == 8  # none was run here: 0 + 9 - 1
    assert loop.reference.recipe.train.lr == 0.5


def test_without_time_nothing_is_searched() -> None:
    bench = FakeBench(score=lambda recipe: 0.5, found=lambda recipe: (), left=10.0)
    loop = loop_on(bench)
    loop.searcher = Chance()
    assert list(loop.turns()) == []


@pytest.mark.parametrize("left", [100.0, 10.0])
def test_a_search_is_missed_where_there_was_time_for_one(left: float) -> None:
    loop = loop_on(FakeBench(score=lambda recipe: 0.5, found=lambda recipe: (), left=left))
    assert list(loop.turns()) == []
    assert loop.unsearched == (left == 100.0)


def test_what_was_trained_is_put_together_last_and_needs_no_new_lot() -> None:
    bench = FakeBench(
        score=lambda recipe: 0.5 + 0.2 * bool(recipe.predict.ensemble),
        found=lambda recipe: (overfit(cure(train__epochs=40)),),
    )
    loop = loop_on(bench)
    together = loop.combiner = Together()
    turns = list(loop.turns())
    assert [turn.candidate.finding for turn in turns] == ["overfit", "ensemble"]
    assert len(together.asked) == 1
    assert loop.reference.recipe.predict.ensemble
    assert "ensemble" not in [turn.candidate.finding for turn in loop.turns()]


class Truer(FakeBench):
    """Every challenger is surer with the same answers: enough where no lot was drawn."""

    def judge(self, reference: Trial, challenger: Trial, *, among: int = 1) -> Judgement:
        found = super().judge(reference, challenger, among=among)
        return replace(found, score_delta=-0.1, score_p_value=0.0)


def test_an_ensemble_that_is_trained_for_the_purpose_is_a_new_lot() -> None:
    drawn = cure(train__epochs=40, predict__ensemble=[{"seed": 1}])
    bench = Truer(score=lambda recipe: 0.5, found=lambda recipe: (overfit(drawn),))
    own, found = (list(loop_on(bench).turns(change)) for change in (drawn.change, None))
    assert [turn.decision.accepted for turn in (own[0], *found)] == [False, False]
    seeds = {"predict.ensemble": [{"seed": 1}]}
    assert not next(loop_on(bench).turns(seeds)).decision.accepted


def test_what_was_trained_before_draws_no_new_lot() -> None:
    bench = Truer(score=lambda recipe: 0.5, found=lambda recipe: ())
    loop = loop_on(bench)
    loop.combiner = Together()
    assert [turn.decision.accepted for turn in loop.turns()] == [True]
    for change in ({"predict.calibration": "temperature"}, {"predict.ensemble": []}):
        again = next(loop.turns(change))  # of the ensemble, with the networks that it has
        assert again.decision.accepted
