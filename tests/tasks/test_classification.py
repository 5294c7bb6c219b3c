from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn
from torch.nn import functional

from phoropter.core import registry
from phoropter.core.errors import NothingUsableError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, TargetSchema
from phoropter.tasks.classification import Classification, class_weights, softmax


def labelled(labels: list[str | None]) -> Dataset:
    table = pl.DataFrame(
        {"id": [str(i) for i in range(len(labels))], "label": pl.Series(labels, dtype=pl.String)}
    )
    return Dataset("toy", Path(), "csv", "toy", "classification", ("label",), table)


def test_is_registered_under_its_name():
    assert registry.load("phoropter.tasks", "classification") is Classification


def test_schema_sorts_the_classes_and_counts_training_rows_only():
    dataset = labelled(["dog", "cat", "dog", "ant", "cat"])
    schema = Classification().schema(dataset, np.array([0, 1, 2]))
    assert schema == TargetSchema("classes", ("ant", "cat", "dog"), counts=(0, 1, 2))


def test_encoding_gives_positions_and_marks_the_unknown():
    dataset = labelled(["b", None, "a"])
    schema = TargetSchema("classes", ("a", "b"), counts=(1, 1))
    encoded = Classification().encode(dataset, np.array([2, 1, 0]), schema)
    assert encoded.tolist() == [0, -1, 1]
    assert encoded.dtype == torch.int64


@pytest.mark.parametrize(
    ("labels", "said"), [(["a", "a"], "one class only: ['a']"), ([None, None], "'label'")]
)
def test_one_class_is_nothing_to_learn(labels, said):
    with pytest.raises(NothingUsableError) as caught:
        Classification().schema(labelled(labels), np.arange(2))
    assert said in caught.value.message


@given(arrays.arrays(np.float32, (3, 4), elements=st.floats(-1e4, 1e4, width=32, allow_nan=False)))
def test_softmax_equals_scipy(logits):
    np.testing.assert_allclose(
        softmax(logits), scipy.special.softmax(logits.astype(np.float64), axis=1), atol=1e-15
    )


def test_predictions_carry_the_truth_and_proper_probabilities():
    schema = TargetSchema("classes", ("a", "b", "c"), counts=(1, 1, 1))
    outputs = np.array([[0, 1, 2], [500, 0, -500]], dtype=np.float32)
    predictions = Classification().predictions(["x", "y"], torch.tensor([2, -1]), outputs, schema)
    assert predictions.truth.tolist() == [2, -1]
    assert predictions.predicted.tolist() == [2, 0]
    assert predictions.probabilities.dtype == np.float64
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-15)


def test_the_training_loss_is_smoothed_and_the_plain_one_is_not():
    network = nn.Linear(2, 3)
    schema = TargetSchema("classes", ("a", "b", "c"), counts=(1, 1, 1))
    recipe = Recipe().changed({"train.label_smoothing": 0.2})
    objective = Classification().objective(network, recipe, schema)
    inputs, targets = torch.randn(5, 2), torch.tensor([0, 1, 2, 1, 0])
    ((name, loss),) = objective.steps(inputs, targets, torch.Generator())
    outputs, plain = objective.evaluate(inputs, targets)
    assert name == "main"
    assert torch.equal(
        loss(), functional.cross_entropy(network(inputs), targets, label_smoothing=0.2)
    )
    assert torch.equal(plain, functional.cross_entropy(outputs, targets, reduction="none"))
    assert not outputs.requires_grad


def test_balanced_weights_give_each_class_the_same_say():
    schema = TargetSchema("classes", ("a", "b"), counts=(3, 1))
    recipe = Recipe().changed({"train.class_weights": "balanced"})
    network = nn.Linear(2, 2)
    objective = Classification().objective(network, recipe, schema)
    inputs, targets = torch.randn(4, 2), torch.tensor([0, 0, 0, 1])
    ((_, loss),) = objective.steps(inputs, targets, torch.Generator())
    each = functional.cross_entropy(network(inputs), targets, reduction="none")
    assert loss().item() == pytest.approx(((each[:3].mean() + each[3]) / 2).item(), rel=1e-6)


def test_adjusted_answers_are_free_of_the_shares_of_the_classes():
    """On inputs that say nothing, plain logits learn the shares; adjusted ones stay alike."""
    schema = TargetSchema("classes", ("a", "b"), counts=(9, 1))
    inputs, targets = torch.ones(10, 1), torch.tensor([0] * 9 + [1])
    learnt = {}
    for weights in ("none", "adjusted"):
        network = nn.Linear(1, 2)
        recipe = Recipe().changed({"train.class_weights": weights})
        objective = Classification().objective(network, recipe, schema)
        descent = torch.optim.SGD(network.parameters(), lr=1.0)
        for _ in range(500):
            ((_, loss),) = objective.steps(inputs, targets, torch.Generator())
            descent.zero_grad()
            loss().backward()
            descent.step()
        learnt[weights] = torch.softmax(network(inputs[:1]), 1)[0, 1].item()
    assert learnt["none"] == pytest.approx(0.1, abs=1e-3)
    assert learnt["adjusted"] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("weights", ["balanced", "adjusted"])
def test_weighted_classes_are_judged_by_what_is_right_for_their_shares(weights):
    """Outputs that answer for equal classes cost what Bayes' rule says with the real shares."""
    shares, density = np.array([0.9, 0.1]), np.array([[0.7, 0.2], [0.1, 0.4], [0.3, 0.3]])
    truth = np.array([0, 1, 1])
    schema = TargetSchema("classes", ("a", "b"), counts=(9, 1))
    recipe = Recipe().changed({"train.class_weights": weights})
    objective = Classification().objective(nn.Identity(), recipe, schema)
    _, plain = objective.evaluate(torch.tensor(np.log(density)), torch.from_numpy(truth))
    joint = shares * density
    posterior = joint / joint.sum(1, keepdims=True)
    assert plain.numpy() == pytest.approx(-np.log(posterior[np.arange(3), truth]), rel=1e-5)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6).filter(any))
def test_class_weights_are_one_on_average(counts):
    schema = TargetSchema("classes", tuple("abcdef"[: len(counts)]), counts=tuple(counts))
    mean = float((class_weights(schema) * torch.tensor(counts)).sum()) / sum(counts)
    assert mean == pytest.approx(1, rel=1e-5)
