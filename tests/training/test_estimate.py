import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from phoropter.core.events import silent
from phoropter.core.recipe import difference
from phoropter.data import streaming
from phoropter.prediction.features import DeepFeatures
from phoropter.training import estimate as module
from phoropter.training.estimate import (
    Estimate,
    estimate,
    expected_s,
    features_s,
    least_s,
    shortened,
    views_s,
)
from phoropter.training.execute import execute

ENOUGH = 600.0
LITE0 = {
    "model__name": "efficientnet_lite0",
    "model__pretrained": True,
    "data__size": 32,
    "data__channels": 3,
    "data__normalize": "weights",
    "train__epochs": 4,
}


def fitted(recipe, problem, seconds, **options):
    return shortened(recipe, problem, seconds=seconds, listener=silent, **options)


@pytest.fixture
def timed(monkeypatch):
    """A machine on which a pass takes a second and the end two."""
    monkeypatch.setattr(module, "estimate", lambda *_, **__: Estimate(1.0, 2.0))
    monkeypatch.setattr(module, "least_s", lambda *_, **__: 0.0)


def test_a_run_is_timed_on_real_steps(problem, tiny):
    expected = estimate(tiny(), problem, listener=silent)
    assert 0 < expected.epoch_s < 20
    assert 0 < expected.closing_s < 20
    assert expected.total(10) == pytest.approx(10 * expected.epoch_s + expected.closing_s)


def test_a_larger_network_takes_longer(problem, tiny):
    small = estimate(tiny(), problem, listener=silent)
    large = estimate(tiny(model__width=64, model__depth=3), problem, listener=silent)
    assert large.epoch_s > small.epoch_s


def test_decoding_each_batch_counts(problem, tiny, monkeypatch, tmp_path):
    """Where images are streamed, every one costs a hundredth of a second."""
    streamed = replace(problem, cache=tmp_path)
    monkeypatch.setenv("PHOROPTER_STORE_GIB", "0")
    monkeypatch.setattr(streaming, "thread_count", lambda: 1)
    real = streaming.read_square

    def slow(*given):
        time.sleep(0.01)
        return real(*given)

    monkeypatch.setattr(streaming, "read_square", slow)
    expected = estimate(tiny(), streamed, listener=silent)
    assert expected.epoch_s > 0.01 * len(problem.rows("train"))


def test_estimating_leaves_no_trace(problem, tiny, tmp_path):
    """A run that was estimated before is the run that was not."""
    before = torch.get_rng_state()
    estimate(tiny(), problem, listener=silent)
    assert torch.equal(torch.get_rng_state(), before)
    first = execute(tiny(), problem, runs=tmp_path / "a")
    estimate(tiny(), problem, listener=silent)
    second = execute(tiny(), problem, runs=tmp_path / "b")
    names = ("predictions.parquet", "history.jsonl")
    assert all((first / n).read_bytes() == (second / n).read_bytes() for n in names)


def test_where_there_is_time_nothing_is_shortened(problem, tiny):
    assert fitted(tiny(), problem, ENOUGH) == tiny()


def test_a_run_without_end_is_shortened_or_given_up(problem, tiny):
    endless = tiny(train__epochs=100_000)
    short = fitted(endless, problem, 20.0, least_share=0.0)
    assert set(difference(endless, short)) == {"train.epochs"}
    assert 3 <= short.train.epochs < 100_000
    assert fitted(endless, problem, 20.0) is None


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    [(100, 20), (26, 20), (24, 18), (20, 15), (17, 12), (16, None), (6, None)],
)
def test_as_many_passes_as_fit_but_not_too_few(problem, tiny, timed, seconds, epochs):
    """85 % of the time, less two seconds, at a second a pass; at least 12 of the 20."""
    short = fitted(tiny(train__epochs=20), problem, float(seconds))
    assert (short and short.train.epochs) == epochs


@pytest.mark.parametrize(("seconds", "epochs"), [(10, 6), (7, 3), (5, None)])
def test_a_first_run_may_be_as_short_as_three_passes(problem, tiny, timed, seconds, epochs):
    short = fitted(tiny(train__epochs=20), problem, seconds, least_share=0.0)
    assert (short and short.train.epochs) == epochs


def test_a_short_run_is_not_asked_to_be_longer(problem, tiny, timed):
    assert fitted(tiny(train__epochs=1), problem, 6.0).train.epochs == 1
    assert fitted(tiny(train__epochs=2), problem, 6.0).train.epochs == 2


def test_what_cannot_fit_is_known_before_a_step_is_timed(problem, tiny, monkeypatch):
    monkeypatch.setattr(module, "estimate", lambda *_, **__: pytest.fail("too dear to time"))
    monkeypatch.setattr(module, "least_s", lambda *_, **__: 100.0)
    assert fitted(tiny(), problem, 20.0) is None


def test_whether_it_fits_is_asked_without_decoding(problem, tiny, monkeypatch, tmp_path):
    asked = replace(problem, cache=tmp_path)
    monkeypatch.setattr(streaming, "read_square", lambda *_: pytest.fail("decodes"))
    monkeypatch.setattr(DeepFeatures, "waiting_s", lambda *_: 10.0)
    assert fitted(tiny(train__epochs=100_000), asked, 20.0) is None
    head = tiny(**LITE0, model__transfer="features")
    assert fitted(head, asked, 15.0) is None
    with pytest.raises(pytest.fail.Exception, match="decodes"):
        fitted(head, asked, 20.0)


def test_the_least_time_grows_with_the_passes(problem, tiny):
    few, many = (least_s(tiny(train__epochs=epochs), problem) for epochs in (1, 1000))
    assert 0 < few < 0.1 * many


@pytest.mark.parametrize("seconds", [-3.0, 0.0, 4.9])
def test_without_time_nothing_is_planned(problem, tiny, seconds):
    for recipe in (tiny(), tiny(model__name="knn")):
        assert fitted(recipe, problem, seconds) is None


def test_models_on_kept_features_are_cheap(problem, tiny):
    recipe = tiny(model__name="knn")
    assert fitted(recipe, problem, 6.0) == recipe
    assert fitted(recipe, problem, 5.5) is None


def test_features_are_waited_for_once(problem, tiny, tmp_path):
    recipe = tiny(model__name="knn", model__backbone="cnn", data__size=16)
    assert features_s(tiny(model__name="knn"), problem, listener=silent) == 0
    assert features_s(recipe, problem, listener=silent) > 0
    execute(recipe, problem, runs=tmp_path)
    assert features_s(recipe, problem, listener=silent) == 0


def test_a_head_is_timed_without_the_features_it_will_learn_from(problem, tiny, tmp_path):
    fresh = replace(problem, cache=tmp_path)
    head = tiny(**LITE0, model__transfer="features")
    tuned = tiny(**LITE0, model__transfer="finetune", train__head_start=True)
    expected = estimate(head, fresh, listener=silent)
    assert not list(tmp_path.glob("features-*"))
    assert expected.epoch_s < estimate(tuned, fresh, listener=silent).epoch_s
    whole = expected_s(tuned, fresh, listener=silent)
    assert whole > features_s(head, fresh, listener=silent) > 0


def test_a_classic_model_takes_as_long_as_its_features(problem, tiny):
    assert 0 < expected_s(tiny(model__name="knn"), problem, listener=silent) < 5


def test_further_views_of_frozen_features_take_their_time(problem, tiny):
    plain = tiny(**LITE0, model__transfer="features")
    assert views_s(plain, problem) == 0
    two, five = (views_s(plain.changed({"predict.tta": n}), problem) for n in (2, 5))
    assert 0 < two < five
    whole = tiny(**LITE0, model__transfer="finetune", predict__tta=5)
    assert views_s(whole, problem) == 0


@pytest.mark.parametrize(("image_s", "asked"), [(0.005, [8, 24, 208]), (0.1, [8, 24])])
def test_features_are_timed_in_a_longer_call_unless_they_are_slow(
    problem, monkeypatch, image_s, asked
):
    """The network is there after a second, and something stirs while the second call is made."""
    now, sizes = [0.0], []

    def deep(dataset, rows):
        sizes.append(len(rows))
        now[0] += 1.0 + image_s * len(rows) * (1.5 if len(sizes) == 2 else 1)

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    loading_s, each_s = module._loading_and_each_s(deep, problem, np.arange(500))
    assert sizes == asked
    if len(asked) == 3:
        assert (loading_s, each_s) == pytest.approx((1.0, image_s))


def test_a_call_that_something_disturbed_is_made_again_with_other_images(problem, monkeypatch):
    """Eight images take 1.08 s, so 24 take at most 3.24; another process made it 40."""
    now, asked = [0.0], []

    def deep(dataset, rows):
        asked.append(rows.tolist())
        now[0] += 40.0 if len(asked) == 2 else 1.0 + 0.01 * len(rows)

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    loading_s, each_s = module._loading_and_each_s(deep, problem, np.arange(500))
    assert [len(rows) for rows in asked] == [8, 24, 24, 184]
    assert np.concatenate(asked).tolist() == list(range(240))
    assert (loading_s, each_s) == pytest.approx((1.0, 0.01))


@pytest.mark.parametrize("count", [17, 33, 60, 119, 240, 241])
def test_what_always_seems_disturbed_is_timed_to_an_end(problem, monkeypatch, count):
    now, asked, spent_s = [0.0], [], [1.0]

    def deep(dataset, rows):
        asked.extend(rows)
        spent_s.append(4 * spent_s[-1])
        now[0] += spent_s[-1]

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    _, each_s = module._loading_and_each_s(deep, problem, np.arange(count))
    assert each_s > 0
    assert len(set(asked)) == len(asked) <= min(count, 240)
