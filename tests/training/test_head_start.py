"""A head fitted before fine-tuning, and layers that are never trained, on real training."""

import numpy as np
import pytest
import torch

from phoropter.core.events import silent
from phoropter.core.predictions import read_predictions
from phoropter.models.build import build
from phoropter.training.execute import execute
from phoropter.training.head_start import as_frozen, start_head, starts_head
from phoropter.training.history import read_history

TUNED = {
    "model__name": "efficientnet_lite0",
    "model__pretrained": True,
    "model__transfer": "finetune",
    "data__size": 32,
    "data__channels": 3,
    "data__normalize": "weights",
    "train__head_start": True,
    "train__epochs": 1,
    "train__lr": 1e-4,
}


def test_the_network_begins_as_logistic_regression_on_frozen_features(problem, tiny, tmp_path):
    """Against the classic model, fitted by itself on the same features."""
    recipe = tiny(**TUNED)
    network = build(recipe, problem.schema)
    start_head(network, recipe, problem, listener=silent)
    classic = recipe.changed({"model.name": "logistic", "model.backbone": "efficientnet_lite0"})
    said = read_predictions(execute(classic, problem, runs=tmp_path) / "predictions.parquet")
    folder = execute(recipe, problem, runs=tmp_path)
    begun = read_history(folder)[0]
    truth = said.probabilities[np.arange(len(said)), said.truth]
    assert begun.val_loss == pytest.approx(-np.log(truth).mean(), abs=2e-3)
    assert begun.val_metric == pytest.approx((said.most_probable == said.truth).mean())
    assert network.head.linear.bias.std() > 0.01  # no longer the base rates


@pytest.mark.parametrize(
    "change",
    [
        {"train__head_start": False},
        {"model__transfer": "features"},
        {"model__pretrained": False},
        {"model__name": "cnn", "model__pretrained": False},
    ],
)
def test_otherwise_nothing_is_fitted(change, problem, tiny):
    recipe = tiny(**{**TUNED, **change})
    assert not starts_head(recipe)
    network = build(recipe, problem.schema)
    before = network.head.linear.weight.clone()
    start_head(network, recipe, problem, listener=silent)
    assert torch.equal(network.head.linear.weight, before)


def test_the_features_are_those_of_the_plain_recipe(tiny):
    frozen = as_frozen(tiny(**TUNED))
    assert (frozen.model.transfer, frozen.data.augment.views) == ("features", 1)
