"""Forecasts from simulated models: each sample has its own chance of being got wrong."""

import numpy as np
import pytest

from phoropter.comparison import curve_noise
from phoropter.comparison.curve_noise import SHARED, Curve, Noise, lasting, shared
from phoropter.comparison.forecast import Trained, continued, forecast, rises_by_chance
from phoropter.comparison.labelling import label_next
from phoropter.comparison.learning_curve import MANY_CLASSES

SIZES = np.array([125] * 4 + [250] * 4 + [500] * 2 + [1000])
LEVELS = np.array([3] * 4 + [2] * 4 + [1] * 2 + [0])


def power(samples):
    return 0.1 * (np.asarray(samples) / 1000) ** -0.5 + 0.05


def exponential(samples):
    return 0.3 * np.exp(-np.asarray(samples) / 700) + 0.1


def logarithmic(samples):
    return 0.25 - 0.05 * np.log(np.asarray(samples) / 1000)


def trained(curve, *, seed, n=1000, sizes=SIZES, levels=LEVELS):
    """Samples of unequal difficulty; models of one size err on the same ones most."""
    draw = np.random.default_rng(seed)
    ease = draw.normal(0, 1.5, n)
    wrong = np.array([_wrong(ease, float(curve(size)), draw) for size in sizes])
    return Trained(sizes, levels, wrong.astype(float), np.ones(n))


def _chances(ease, share):
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _logistic(ease + middle).mean() < share else (low, middle)
    return _logistic(ease + low)


def _wrong(ease, share, draw):
    return draw.random(len(ease)) < _chances(ease, share)


def _logistic(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("curve", [power, exponential, logarithmic])
def test_a_known_curve_is_continued(curve):
    held = []
    for seed in range(5):
        found = forecast(trained(curve, seed=seed, n=4000))
        assert found.behaved
        assert [level.draws for level in found.levels] == [4, 4, 2, 1]
        assert sum(found.families.values()) == pytest.approx(1)
        for gain in found.gains:
            there = curve(1000 * gain.times)
            assert gain.samples == 1000 * gain.times
            assert gain.error == pytest.approx(there, abs=0.05)
            held.append(gain.error_low <= there <= gain.error_high)
            held.append(gain.low <= curve(1000) - there <= gain.high)
    assert np.mean(held) >= 0.8


def test_a_flat_curve_has_little_to_gain():
    found = forecast(trained(lambda _: 0.2, seed=1, n=4000))
    assert found.behaved
    assert found.gains[0].value < 0.01
    assert found.gains[0].low < 0.003


def test_less_noise_means_a_narrower_interval():
    few, many = (forecast(trained(power, seed=2, n=n)).gains[0] for n in (250, 16000))
    assert many.high - many.low < 0.7 * (few.high - few.low)


def test_parts_that_differ_more_than_samples_explain_make_it_wider():
    """Each training has a luck of its own, the smaller its part, the more."""

    def lucky(spread):
        draw = np.random.default_rng(4)
        luck = 1 + spread * draw.normal(size=len(SIZES)) * np.sqrt(125 / SIZES)
        chances = np.clip(luck * power(SIZES), 0, 1)
        wrong = draw.random((len(SIZES), 4000)) < chances[:, None]
        found = forecast(Trained(SIZES, LEVELS, wrong.astype(float), np.ones(4000)))
        return found.gains[0].error_high - found.gains[0].error_low

    assert lucky(0.2) > 1.5 * lucky(0.0)


def test_a_curve_that_rises_is_said_to_and_not_continued():
    found = forecast(trained(lambda size: 0.1 + 0.1 * size / 1000, seed=0))
    assert not found.behaved
    assert found.p_rise < 0.01
    assert found.gains == ()


def test_two_points_are_no_curve():
    some = LEVELS < 2
    found = forecast(trained(power, seed=0, sizes=SIZES[some], levels=LEVELS[some]))
    assert found.behaved
    assert found.gains == ()


def test_one_model_of_each_size_is_enough():
    first = np.unique(LEVELS, return_index=True)[1]
    found = forecast(trained(power, seed=0, sizes=SIZES[first], levels=LEVELS[first]))
    assert [level.samples for level in found.levels] == [125, 250, 500, 1000]
    assert found.gains[0].low <= power(1000) - power(2000) <= found.gains[0].high


def test_models_without_a_mistake_have_nothing_to_gain():
    found = forecast(Trained(SIZES, LEVELS, np.zeros((11, 200)), np.ones(200)))
    assert found.gains[1].error < 0.01
    assert found.gains[1].value == pytest.approx(0, abs=0.005)


def test_flat_curves_rarely_rise_as_the_test_says():
    draw = np.random.default_rng(0)
    variances = np.array([4e-4, 1e-4, 2e-4, 3e-4])
    curves = 0.2 + draw.normal(size=(400, 4)) * np.sqrt(variances)
    alarms = np.mean([rises_by_chance(curve, variances) < 0.1 for curve in curves])
    assert alarms == pytest.approx(0.1, abs=0.045)


def test_the_class_that_labels_helped_most_comes_first():
    truth = np.repeat([0, 1, 2], 400)
    draw = np.random.default_rng(0)
    rates = {0: [0.5, 0.4, 0.3, 0.2], 1: [0.1, 0.09, 0.08, 0.07], 2: [0.1, 0.1, 0.1, 0.1]}
    chances = np.array([[rates[label][3 - level] for label in truth] for level in LEVELS])
    made = Trained(
        SIZES, LEVELS, (draw.random(chances.shape) < chances).astype(float), np.ones(1200)
    )
    found = label_next(made, forecast(made), truth, ("a", "b", "c"), (334, 333, 333))
    assert found[0].name == "a"
    assert found[0].error == pytest.approx(0.2, abs=0.06)
    assert found[0].value > 2 * found[1].value >= 0


def test_without_a_forecast_no_class_is_named():
    made = trained(lambda size: 0.1 + 0.1 * size / 1000, seed=0)
    assert label_next(made, forecast(made), np.zeros(1000, int), ("a",), (1000,)) == ()


@pytest.mark.nightly
@pytest.mark.parametrize("curve", [power, exponential, logarithmic])
def test_intervals_hold_the_truth_where_sizes_share_no_luck(curve):
    """These models err independently of each other, which is not what forecasts assume."""
    held = []
    for seed in range(100):
        for gain in forecast(trained(curve, seed=seed, n=600)).gains:
            draw = np.random.default_rng([seed, gain.times])
            ease = np.random.default_rng(seed).normal(0, 1.5, 600)
            there = _wrong(ease, float(curve(1000 * gain.times)), draw).mean()
            fall = curve(1000) - curve(1000 * gain.times)
            held.append((gain.error_low <= there <= gain.error_high, gain.low <= fall <= gain.high))
    of_errors, of_gains = np.mean(held, axis=0)
    assert of_errors >= 0.8
    assert of_gains >= 0.85


SHARED_SIZES = np.array([125.0, 250.0, 500.0, 1000.0])


def _curve(errors, variances):
    noise = Noise(base=1e-3, excess=0.0, least=125.0)
    return Curve(SHARED_SIZES, errors, np.ones(4, int), variances, noise)


def test_noise_is_shared_by_the_closed_form_of_a_chain():
    """Each size knows the next one best; larger ones then depend on the last point alone."""
    deviation = np.array([0.04, 0.03, 0.02, 0.01])
    curve = _curve(power(SHARED_SIZES), deviation**2)
    covariance = curve.covariance()
    assert np.sqrt(np.diag(covariance)) == pytest.approx(deviation)
    assert covariance[0, 2] == pytest.approx(SHARED**2 * 0.04 * 0.02)
    weights, left = lasting(curve, covariance, np.array([2000.0, 4000.0]))
    expected = [[0, 0], [0, 0], [0, 0], [SHARED / 0.01, SHARED**2 / 0.01]]
    np.testing.assert_allclose(weights, expected, atol=1e-9)
    assert left == pytest.approx([1 - SHARED**2, 1 - SHARED**4])


def test_a_lucky_whole_stays_a_little_lucky(monkeypatch):
    """A last point below its curve lowers what follows by more than the curve through it does."""
    errors = power(SHARED_SIZES)
    variances = 1e-3 * errors * (1 - errors)
    lucky = errors - np.array([0, 0, 0, 1]) * np.sqrt(variances)
    fell = []
    for correlation in (SHARED, 1e-9):
        monkeypatch.setattr(curve_noise, "SHARED", correlation)
        usual, less = (
            continued(_curve(some, variances), MANY_CLASSES)[0] for some in (errors, lucky)
        )
        fell.append(usual[0].error - less[0].error)
    assert fell[0] > fell[1] > 0


@pytest.mark.nightly
@pytest.mark.parametrize("curve", [power, exponential, logarithmic])
def test_intervals_hold_errors_that_share_the_luck_of_the_samples(curve):
    draw = np.random.default_rng(0)
    every = np.concatenate([SHARED_SIZES, [2000.0, 4000.0]])
    deviation = np.sqrt(1e-3 * curve(every) * (1 - curve(every)))
    covariance = shared(every, every) * np.outer(deviation, deviation)
    held = []
    for errors in draw.multivariate_normal(curve(every), covariance, 300):
        gains, _ = continued(_curve(errors[:4], deviation[:4] ** 2), MANY_CLASSES)
        ends = np.array([(gain.error_low, gain.error_high) for gain in gains])
        held.append((ends[:, 0] <= errors[4:]) & (errors[4:] <= ends[:, 1]))
    assert np.mean(held) >= 0.88
