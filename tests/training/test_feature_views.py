"""A head on frozen features of several views."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from phoropter.core.errors import UsageError
from phoropter.core.events import silent
from phoropter.models.build import build_trunk
from phoropter.training import estimate, sources
from phoropter.training.estimate import features_s
from phoropter.training.execute import execute, learner_of, restored
from phoropter.training.feature_views import FeatureViews
from phoropter.training.feed import Feed
from phoropter.training.numerics import fixed
from phoropter.training.plan import make_plan
from phoropter.training.records import Watch
from phoropter.training.sources import has_views, open_for_training, open_source


@pytest.fixture
def frozen(tiny):
    def made(**change):
        network = {
            "model__name": "efficientnet_lite0",
            "model__pretrained": True,
            "model__transfer": "features",
            "data__size": 32,
            "data__channels": 3,
            "data__normalize": "weights",
            "data__augment__views": 3,
        }
        return tiny(**{**network, **change})

    return made


def feed_of(recipe, data):
    plan = make_plan(recipe.train, samples=len(data.train_rows))
    numerics = fixed("float32", threads=1)
    return Feed(data, plan, seed=0, device=torch.device("cpu"), numerics=numerics)


def test_each_pass_learns_from_fresh_views_and_is_judged_by_the_plain_one(problem, frozen):
    recipe = frozen()
    source = open_for_training(recipe, problem, listener=silent)
    _, _, data = learner_of(recipe, problem, source)
    feed = feed_of(recipe, data)
    rows = data.train_rows[::-1][:16].copy()
    plain = source.inputs.batch(rows)
    passes = [feed.training_batch(rows, epoch, 0).inputs for epoch in range(40)]
    distinct = {sample.numpy().tobytes() for batch in passes for sample in batch[:1]}
    assert len(distinct) == 3
    assert plain[0].numpy().tobytes() in distinct
    assert torch.equal(passes[7], feed.training_batch(rows, 7, 0).inputs)
    assert torch.equal(next(iter(feed.evaluation(rows)))[0], plain)


def test_a_view_of_a_sample_is_its_own(problem, frozen):
    recipe = frozen(data__augment__views=2)
    views = open_for_training(recipe, problem, listener=silent).views
    rows = problem.rows("train")
    mirrored = sources.frozen(
        recipe, problem, view=sources.further_views(recipe.data)[0], listener=silent
    )
    pairs = [open_source(recipe, problem, listener=silent).inputs.batch(rows).numpy()]
    pairs.append(mirrored(problem.dataset, rows))
    drawn = views(rows, torch.Generator().manual_seed(3)).numpy()
    chosen = torch.randint(2, (len(rows),), generator=torch.Generator().manual_seed(3)).numpy()
    assert np.array_equal(drawn, np.stack(pairs)[chosen, np.arange(len(rows))])


def test_the_trunk_stays_as_its_weights_are(problem, frozen, tmp_path):
    folder = execute(frozen(data__augment__preset="light"), problem, runs=tmp_path)
    trunk, _ = build_trunk("efficientnet_lite0", pretrained=True, channels=3, size=32)
    kept = restored(folder)[0].trunk.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in trunk.state_dict().items())


def test_more_than_memory_should_hold_is_refused(problem, frozen, monkeypatch):
    monkeypatch.setattr(sources, "MOST_VIEWS_BYTES", 2 * len(problem.rows("train")) * 1280 * 4)
    with pytest.raises(UsageError, match="3 views") as caught:
        open_for_training(frozen(), problem, listener=silent)
    assert "Ask for 2" in caught.value.hint
    assert open_for_training(frozen(data__augment__views=2), problem, listener=silent).views


@pytest.mark.parametrize(
    "change",
    [
        {"data__augment__views": 1},
        {"model__transfer": "finetune"},
        {"model__name": "logistic", "model__backbone": "efficientnet_lite0"},
        {"model__name": "pixels", "model__transfer": "features"},
    ],
)
def test_where_no_head_learns_from_views_there_are_none(change, frozen):
    assert has_views(frozen())
    assert not has_views(frozen(**change))


def test_the_estimate_counts_every_view(problem, frozen, monkeypatch):
    counted = []

    def clock():
        counted.append(len(counted))
        return float([0, 1, 10, 12][len(counted) % 4 - 1])

    monkeypatch.setattr(estimate, "time", SimpleNamespace(perf_counter=clock))
    fresh = replace(problem, cache=problem.cache / "fresh")
    seconds = features_s(frozen(), fresh, listener=silent)
    assert len(counted) == 4
    # One second for 8 images, two for 24: a sixteenth of a second each, and half a second until
    # the network is there, for each of the three views.
    assert seconds == pytest.approx(3 * 0.5 + (120 + 2 * len(problem.rows("train"))) / 16)


class Ticking:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


def test_a_cut_run_on_views_ends_with_the_same_bits(digits, tmp_path):
    def setup():
        made = digits()
        rows = made.data.train_rows
        plain = made.data.inputs.batch(rows).numpy()
        return made.having(drawn=FeatureViews(rows, np.stack([plain, plain[:, ::-1]])))

    whole, cut, again = setup(), setup(), setup()
    whole.fit(tmp_path / "whole")
    assert cut.fit(tmp_path / "cut", watch=Watch(clock=Ticking(), deadline=2.0)).epochs < 3
    again.fit(tmp_path / "cut")
    ours, theirs = whole.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    plain = digits()
    plain.fit(tmp_path / "plain")
    assert not torch.equal(plain.network[0].weight, whole.network[0].weight)
