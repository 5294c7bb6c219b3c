"""The error budget: Ng's cases, intervals, and the rules that read it."""

from dataclasses import replace

import numpy as np
import pytest

from phoropter.core.forecasts import Forecast, Gain, Level, Worth
from phoropter.core.predictions import ValuePredictions
from phoropter.core.records import Metric, TargetSchema
from phoropter.core.registry import load
from phoropter.diagnosis.diagnose import diagnose
from phoropter.diagnosis.evidence import HeldOut
from phoropter.diagnosis.limits import budget, limits

PEOPLE = Metric("noise_floor", 0.0, 0.0, 0.0, 0)
CODES = ("capacity-limited", "data-limited", "data-mismatch", "noise-limited")


@pytest.fixture
def run(evidence, predictions):
    """Evidence with these shares of wrong answers on each part, in per cent."""

    def wrong(percent, n=1000):
        truth = np.arange(n) % 10
        guess = np.where(np.arange(n) < percent * n / 100, (truth + 1) % 10, truth)
        return predictions(truth, guess)

    def make(train, train_dev, dev, *, floor=PEOPLE, n=1000, **fields):
        held_out = None
        if train_dev is not None:
            held_out = HeldOut(train_dev=wrong(train_dev, n), val=wrong(dev, n))
        return evidence(
            predictions=wrong(dev, n),
            train_predictions=wrong(train, n),
            floor=floor,
            held_out=held_out,
            **fields,
        )

    return make


def _said(made):
    return [finding.code for code in CODES for finding in load("phoropter.rules", code)(made)]


# Ng, Machine Learning Yearning, chapters 40 and 41: human, train, train-dev, dev in per cent.
@pytest.mark.parametrize(
    ("errors", "parts", "codes"),
    [
        ((1, 5, 5), {"bias": 0.01, "variance": 0.04, "shift": 0.0}, []),
        ((10, 11, 12), {"bias": 0.10, "variance": 0.01, "shift": 0.01}, ["capacity-limited"]),
        (
            (10, 11, 20),
            {"bias": 0.10, "variance": 0.01, "shift": 0.09},
            ["capacity-limited", "data-mismatch"],
        ),
    ],
)
def test_the_cases_of_the_textbook(run, errors, parts, codes):
    made = run(*errors)
    found = limits(made)
    assert {part: pytest.approx(found[part], abs=1e-9) for part in parts} == parts
    assert found["noise_floor"] == 0.0
    assert _said(made) == codes
    measured = budget(made).parts
    assert all(measured[part].low <= measured[part].value <= measured[part].high for part in parts)


def test_the_parts_add_up_to_the_validation_error(run):
    for floor in (None, Metric("noise_floor", 0.03, 0.02, 0.05, 500)):
        found = limits(run(6, 9, 14, floor=floor))
        assert sum(found[part] or 0.0 for part in ("noise_floor", "bias", "variance", "shift")) == (
            pytest.approx(0.14)
        )


def test_what_is_learnt_by_heart_below_the_floor_is_variance(run):
    found = limits(run(0, None, 14, floor=Metric("noise_floor", 0.05, 0.03, 0.07, 500)))
    assert found["bias"] == 0.0
    assert found["variance"] == pytest.approx(0.09)
    assert found["shift"] is None


def test_what_is_unknown_is_said_with_its_reason(run, evidence):
    found = budget(run(2, None, 9, floor=None))
    assert set(found.parts) == {"bias", "variance"}
    assert set(found.unknown) == {"noise_floor", "shift", "optimism"}
    assert "--collect" in found.unknown["shift"]
    nothing = budget(evidence())
    assert not nothing.parts
    assert nothing.error is None


def test_the_interval_of_a_share_is_that_of_its_beta_distribution(run):
    from scipy.stats import beta

    found = budget(run(0, None, 10, floor=None, n=400)).parts["bias"]
    # Nobody erred on 400 training samples: the end is that of Jeffreys' interval.
    assert found.value == 0
    assert found.high == pytest.approx(beta.ppf(0.975, 0.5, 400.5), rel=0.15)


def test_the_variance_s_interval_covers_as_often_as_it_says(evidence, predictions):
    draw = np.random.default_rng(0)
    truth = np.arange(300) % 10
    held = []
    for _ in range(150):
        train, dev = (
            predictions(truth, np.where(draw.random(300) < share, (truth + 1) % 10, truth))
            for share in (0.05, 0.2)
        )
        found = budget(evidence(train_predictions=train, predictions=dev)).parts["variance"]
        held.append(found.low <= 0.15 <= found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.05)


def test_numbers_have_a_budget_of_unexplained_variance(evidence):
    draw = np.random.default_rng(0)
    truth = draw.normal(0, 2, (400, 1))

    def values(noise):
        return ValuePredictions(
            np.arange(400).astype(str), truth, truth + draw.normal(0, noise, (400, 1)), ("x",)
        )

    made = evidence(predictions=values(1.0), train_predictions=values(0.2))
    schema = TargetSchema("values", ("x",), offset=(0.0,), scale=(2.0,))
    found = budget(replace(made, summary=replace(made.summary, schema=schema), metric="rmse"))
    assert found.parts["bias"].value == pytest.approx(0.01, abs=0.003)
    assert found.parts["variance"].value == pytest.approx(0.24, abs=0.05)
    assert found.parts["variance"].low < 0.24 < found.parts["variance"].high
    assert set(found.unknown) == {"noise_floor", "shift", "optimism"}
    assert not any("--collect" in reason for reason in found.unknown.values())  # it is refused


def test_a_shift_within_its_noise_is_not_mentioned(run):
    assert _said(run(5, 10, 13, floor=None, n=100)) == []
    (found,) = load("phoropter.rules", "data-mismatch")(run(5, 10, 13, floor=None, n=4000))
    assert found.severity == "info"
    (found,) = load("phoropter.rules", "data-mismatch")(run(5, 10, 18, floor=None, n=4000))
    assert found.severity == "warning"
    assert found.evidence["shift"] == pytest.approx(0.08)


def test_without_a_floor_nobody_says_whether_it_is_bias_or_noise(run):
    assert _said(run(10, 11, 12, floor=None)) == []


def test_an_error_in_the_labels_is_not_the_model_s(run):
    made = run(8, None, 10, floor=Metric("noise_floor", 0.07, 0.05, 0.09, 900))
    assert _said(made) == ["noise-limited"]
    far = run(8, None, 30, floor=Metric("noise_floor", 0.07, 0.05, 0.09, 900))
    assert _said(far) == []


def _forecast(value, low, *, behaved=True):
    gains = (
        Gain(2, 2000, 0.1 - value, 0.05, 0.1, value, low, 2 * value),
        Gain(4, 4000, 0.1 - 1.5 * value, 0.05, 0.1, 1.5 * value, low, 3 * value),
    )
    levels = tuple(Level(1000 / 2**k, 0.1, 1) for k in (3, 2, 1, 0))
    first = (Worth("c3", 100, 0.3, 0.01),)
    return Forecast(levels, behaved, 1.0, gains if behaved else (), {}, first)


@pytest.mark.parametrize(
    ("value", "low", "speaks"), [(0.03, 0.01, True), (0.03, -0.01, False), (0.005, 0.001, False)]
)
def test_more_data_is_asked_for_where_its_gain_is_certain(run, value, low, speaks):
    made = run(1, None, 10, floor=None, forecast=_forecast(value, low))
    assert _said(made) == ["data-limited"] * speaks
    if speaks:
        (found,) = load("phoropter.rules", "data-limited")(made)
        (cure,) = load("phoropter.prescriptions", "data-limited")(found, made)
        assert cure.expected_gain == value
        assert "1000 more samples" in cure.advice
        assert "'c3'" in cure.advice


def test_an_ill_behaved_curve_asks_for_nothing(run):
    assert _said(run(1, None, 10, floor=None, forecast=_forecast(0.03, 0.01, behaved=False))) == []


def test_an_unfinished_training_is_not_called_too_weak(run):
    made = run(40, 41, 42)
    codes = [finding.code for finding in diagnose(made)]
    assert "capacity-limited" in codes
    falling = np.linspace(2.3, 1.6, 13)
    early = run(40, 41, 42, train_loss=falling, val_loss=falling)
    codes = [finding.code for finding in diagnose(early)]
    assert {"undertrained", "lr-too-low"} & set(codes)
    assert "capacity-limited" not in codes
