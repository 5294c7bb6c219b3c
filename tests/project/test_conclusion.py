from dataclasses import replace

import pytest

from phoropter.core.records import Metric
from phoropter.project.conclusion import UNSEARCHED, best_simple, concluded
from phoropter.project.results import Step
from phoropter.report.translation import translated


def step(number, *, accepted, advice="Train for longer."):
    return Step(
        number=number,
        finding="underfit",
        change={"train.epochs": 40},
        advice=advice,
        a="first",
        b=f"run{number}",
        metric="accuracy",
        delta=0.01,
        low=0.0,
        high=0.02,
        verdict="better" if accepted else "undecided",
        accepted=accepted,
        reason="",
        seconds=1.0,
    )


def conclude(*records, **facts):
    return tuple(concluded(*records, **facts))


@pytest.fixture
def logistic(record, spoken):
    def made(share):
        return {"logistic": record("lll", spoken(share), model__name="logistic")}

    return made


def test_without_a_change_and_without_a_ladder(record, spoken):
    assert conclude(record("net", spoken(0.9)), {}, ()) == (
        "No change was tried: the budget left no time for one, or none was worth trying.",
    )


def test_nothing_helped(record, spoken):
    steps = [step(1, accepted=False), step(2, accepted=False)]
    sentence, method = conclude(record("net", spoken(0.9)), {}, steps)
    assert method.startswith("How changes were judged: Exact McNemar test")
    assert sentence.startswith("Nothing helped: none of the 2 changes tried")


def test_what_helped_is_named(record, spoken):
    steps = [step(1, accepted=True), step(2, accepted=False), step(3, accepted=True, advice="Mix.")]
    sentence, _ = conclude(record("net", spoken(0.9)), {}, steps)
    assert sentence == "2 of 3 changes tried were shown to help: Train for longer. Mix."


def test_each_sentence_names_the_runs_it_rests_on(record, spoken, logistic):
    steps = [step(1, accepted=True), step(2, accepted=False)]
    told = concluded(record("net", spoken(0.9)), logistic(0.7), steps)
    changes, method, simple = told.values()
    assert changes == method == ("first", "run1", "run2")
    assert simple == ("net", "lll")
    assert list(concluded(record("net", spoken(0.9)), {}, ()).values()) == [("net",)]


def test_the_network_is_ahead(record, spoken, logistic):
    _, sentence = conclude(record("net", spoken(0.9)), logistic(0.7), ())
    assert sentence.startswith("The network is ahead of the best simple model, logistic: accuracy ")
    assert "+0.2000 [+0.1" in sentence


def test_an_ensemble_is_ahead_by_what_did_not_choose_its_members(record, spoken, logistic):
    flattered = replace(record("net", spoken(0.9)), honest=spoken(0.75))
    _, sentence = conclude(flattered, logistic(0.7), ())
    assert "accuracy +0.0500 [" in sentence


def test_the_simple_model_is_ahead(record, spoken, logistic):
    _, sentence = conclude(record("net", spoken(0.7)), logistic(0.9), ())
    assert sentence.startswith("The simple model wins: logistic is ahead")
    assert "-0.2000" in sentence


@pytest.mark.parametrize("share", [0.7, 0.71, 0.69])
def test_too_close_to_tell(record, spoken, logistic, share):
    _, sentence = conclude(record("net", spoken(share)), logistic(0.7), ())
    assert sentence.startswith("The network is not shown to be better than the simple model")
    assert sentence.endswith("take the simple one.")


def test_a_network_that_had_no_time_is_not_compared(record, spoken, logistic):
    idle = record("net", spoken(0.9))
    idle = replace(idle, summary=replace(idle.summary, steps=0))
    _, sentence = conclude(idle, logistic(0.7), ())
    assert sentence.startswith("The network made no step")
    assert sentence.endswith("the best simple model, logistic.")
    assert translated(sentence, "ko") != sentence


def test_the_simple_model_was_chosen(record, spoken, logistic):
    final = record("lll", spoken(0.7), model__name="logistic")
    _, sentence = conclude(final, logistic(0.7), ())
    assert sentence == "The simple model wins: logistic was chosen over the network."


def test_the_best_simple_model_is_the_one_to_beat(record, spoken):
    ladder = {
        name: record(name, spoken(share), model__name=name)
        for name, share in (("majority", 0.5), ("logistic", 0.8), ("knn", 0.7))
    }
    assert best_simple(ladder) is ladder["logistic"]
    assert best_simple({}) is None
    _, sentence = conclude(record("net", spoken(0.9)), ladder, ())
    assert "logistic" in sentence


def test_of_numbers_the_smaller_error_is_better(record, measured):
    ladder = {
        name: record(name, measured(spread), task="regression", model__name=name)
        for name, spread in (("mean", 1.0), ("ridge", 0.5))
    }
    assert best_simple(ladder) is ladder["ridge"]
    ahead = record("net", measured(0.1), task="regression")
    _, sentence = conclude(ahead, ladder, ())
    assert sentence.startswith("The network is ahead of the best simple model, ridge: rmse -0.")
    behind = record("net", measured(0.9), task="regression")
    _, sentence = conclude(behind, ladder, ())
    assert sentence.startswith("The simple model wins: ridge is ahead")


def test_the_best_of_many_is_flattered(record, spoken):
    flattered = Metric("optimism", 0.0123, 0.0, 0.02, 200)
    *_, sentence = conclude(record("net", spoken(0.9)), {}, (), among=(7, flattered))
    assert "of 7 runs, which flatters it by about 0.0123 [0.0000, 0.0200]" in sentence


def test_a_search_that_was_left_out_is_told_with_what_to_install(record, spoken):
    said = conclude(record("net", spoken(0.9)), {}, (), unsearched=True)
    assert said[1:] == (UNSEARCHED,)
    assert "pip install 'phoropter[tune]'" in UNSEARCHED
