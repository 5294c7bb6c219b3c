"""Ensembles as one network, against their members asked one by one."""

import numpy as np
import pytest
import torch
from torch import nn

from phoropter.core.predictions import ValuePredictions
from phoropter.core.records import Normalization
from phoropter.prediction.averaging import Averaged, Chorus, Member, mean_predictions
from phoropter.prediction.tta import averaged

GREY = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
OWN = Normalization((0.2, 0.4, 0.6), (0.1, 0.2, 0.3))


def network(outputs):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, outputs))


def normalised(images, how):
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (how.mean, how.std))
    return (images - mean) / std


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_each_member_gets_its_own_normalisation_and_views_and_counts_as_often(kind):
    one, two = network(2), network(2)
    images = torch.rand(5, 3, 8, 8)
    both = Averaged([Member(one, GREY, 2, (1,)), Member(two, OWN, 1, (3,))], kind=kind)
    with torch.inference_mode():
        said = both(normalised(images, GREY))
        first = averaged(one, normalised(images, GREY), tta=2)
        second = two(normalised(images, OWN))
    if kind == "classes":
        expected = (first.softmax(1) + 3 * second.softmax(1)) / 4
        torch.testing.assert_close(said.softmax(1), expected)
    else:
        torch.testing.assert_close(said, (first + 3 * second) / 4)


def test_heads_on_one_trunk_answer_as_networks_of_their_own():
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    heads = [nn.Linear(4 * 36, 3) for _ in range(2)]
    images = torch.rand(4, 3, 8, 8)
    together = Averaged([Member(Chorus(trunk, heads), GREY, 2, (2, 1))], kind="classes")
    apart = Averaged(
        [Member(nn.Sequential(trunk, heads[at]), GREY, 2, (2 - at,)) for at in (0, 1)],
        kind="classes",
    )
    with torch.inference_mode():
        torch.testing.assert_close(together(images), apart(images))


def test_the_mean_of_numbers():
    ids, truth = np.array(["a", "b"]), np.array([[1.0], [2.0]])
    said = [ValuePredictions(ids, truth, truth + shift, ("x",)) for shift in (3.0, 0.0)]
    mean = mean_predictions(said, [1, 2])
    np.testing.assert_allclose(mean.values, truth + 1.0)
    np.testing.assert_array_equal(mean.ids, ids)
