"""Every loss against its closed form, in numpy and in double precision."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax
from torch import nn

from phoropter.core import registry
from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe, TrainRecipe
from phoropter.core.records import TargetSchema
from phoropter.tasks.classification import Classification
from phoropter.tasks.losses import named_loss
from phoropter.tasks.regression import Regression

CLASSES = TargetSchema("classes", ("a", "b", "c"), counts=(6, 3, 3))
seeds = st.integers(0, 10_000)
smoothings = st.sampled_from([0.0, 0.1, 0.5])


def drawn(seed, count=6, classes=3):
    draw = np.random.default_rng(seed)
    logits = draw.normal(scale=3.0, size=(count, classes))
    return logits, draw.integers(0, classes, count)


def losses_of(name, kind, outputs, targets, **change):
    recipe = TrainRecipe(loss=name, **change)
    tensors = torch.from_numpy(outputs), torch.from_numpy(targets)
    loss = named_loss(recipe, kind)
    torch.testing.assert_close(loss.mean(*tensors), loss.each(*tensors).mean())
    return loss.each(*tensors).numpy()


def soft(labels, classes, smoothing):
    return (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes


@given(seed=seeds, smoothing=smoothings)
def test_cross_entropy_with_smoothing(seed, smoothing):
    logits, labels = drawn(seed)
    ours = losses_of("cross_entropy", "classes", logits, labels, label_smoothing=smoothing)
    expected = -(soft(labels, 3, smoothing) * log_softmax(logits, axis=1)).sum(axis=1)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-12)


@given(seed=seeds, smoothing=smoothings, gamma=st.sampled_from([0.0, 0.5, 2.0, 5.0]))
def test_focal(seed, smoothing, gamma):
    logits, labels = drawn(seed)
    ours = losses_of(
        "focal", "classes", logits, labels, label_smoothing=smoothing, focal_gamma=gamma
    )
    logs = log_softmax(logits, axis=1)
    each = soft(labels, 3, smoothing) * (1 - np.exp(logs)) ** gamma * -logs
    np.testing.assert_allclose(ours, each.sum(axis=1), rtol=1e-6, atol=1e-9)


def test_focal_by_the_papers_example():
    """At gamma 2 a sample with p = 0.9 has 100 times less loss than by cross-entropy."""
    logits = np.log(np.array([[0.9, 0.1]]))
    labels = np.array([0])
    plain = losses_of("cross_entropy", "classes", logits, labels)
    ratio = plain / losses_of("focal", "classes", logits, labels)
    assert ratio == pytest.approx(100.0)


@given(seed=seeds, smoothing=smoothings)
def test_bce_of_one_class_against_the_rest(seed, smoothing):
    logits, labels = drawn(seed)
    ours = losses_of("bce", "classes", logits, labels, label_smoothing=smoothing)
    q, p = soft(labels, 3, smoothing), expit(logits)
    expected = -(q * np.log(p) + (1 - q) * np.log1p(-p)).sum(axis=1)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_bce_of_several_labels():
    logits, _ = drawn(0)
    several = np.random.default_rng(1).integers(0, 2, logits.shape)
    ours = losses_of("bce", "classes", logits, several, label_smoothing=0.2)
    q, p = 0.8 * several + 0.1, expit(logits)
    expected = -(q * np.log(p) + (1 - q) * np.log1p(-p)).sum(axis=1)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


@given(seed=seeds, delta=st.sampled_from([0.5, 1.0, 3.0]))
def test_losses_of_numbers(seed, delta):
    draw = np.random.default_rng(seed)
    outputs, targets = draw.normal(scale=2.0, size=(2, 5, 3))
    far = np.abs(outputs - targets)
    expected = {
        "mse": far**2,
        "mae": far,
        "huber": np.where(far <= delta, far**2 / 2, delta * (far - delta / 2)),
    }
    for name, each in expected.items():
        ours = losses_of(name, "values", outputs, targets, huber_delta=delta)
        np.testing.assert_allclose(ours, each.mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "bce"])
def test_balanced_weights_multiply_every_loss_of_classes(name):
    network = nn.Linear(2, 3)
    recipe = Recipe().changed({"train.loss": name, "train.class_weights": "balanced"})
    objective = Classification().objective(network, recipe, CLASSES)
    inputs, targets = torch.randn(4, 2), torch.tensor([0, 1, 2, 0])
    ((_, loss),) = objective.steps(inputs, targets, torch.Generator())
    each = named_loss(recipe.train, "classes").each(network(inputs), targets)
    weights = torch.tensor([2 / 3, 4 / 3, 4 / 3])[targets]  # 12 samples / (3 classes * count)
    torch.testing.assert_close(loss(), (each * weights).mean())


def test_the_reported_loss_is_plain_whatever_is_descended():
    network = nn.Linear(2, 3)
    inputs, targets = torch.randn(4, 2), torch.tensor([0, 1, 2, 0])
    reported = [
        Classification()
        .objective(network, Recipe().changed({"train.loss": name}), CLASSES)
        .evaluate(inputs, targets)[1]
        for name in ("auto", "focal", "bce")
    ]
    assert torch.equal(reported[0], reported[1])
    assert torch.equal(reported[0], reported[2])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_loss_of_mixed_samples_is_that_of_mixed_labels(share):
    """torch's cross-entropy takes probabilities as targets: MixUp's and CutMix's closed form."""
    network = nn.Linear(2, 3)
    inputs, targets = torch.randn(4, 2), torch.tensor([0, 1, 2, 0])
    partner = torch.tensor([2, 0, 3, 1])
    mix = lambda batch, generator: (batch, partner, share)  # noqa: E731
    objective = Classification().objective(network, Recipe(), CLASSES, mix=mix)
    ((_, loss),) = objective.steps(inputs, targets, torch.Generator())
    one_hot = nn.functional.one_hot(targets, 3).float()
    blended = share * one_hot + (1 - share) * one_hot[partner]
    torch.testing.assert_close(loss(), nn.functional.cross_entropy(network(inputs), blended))


def test_numbers_are_standardised_before_the_loss():
    schema = TargetSchema("values", ("a",), offset=(100.0,), scale=(10.0,))
    network = nn.Linear(1, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    recipe = Recipe().changed({"task": "regression", "train.loss": "huber"})
    objective = Regression().objective(network, recipe, schema)
    targets = torch.tensor([[105.0], [140.0]], dtype=torch.float64)
    ((_, loss),) = objective.steps(torch.zeros(2, 1), targets, torch.Generator())
    assert loss().item() == pytest.approx((0.5**2 / 2 + (4 - 0.5)) / 2)


def test_every_registered_loss_is_of_a_kind_and_has_a_gradient():
    for name in registry.names("phoropter.losses"):
        kind = registry.load("phoropter.losses", name).kind
        outputs = torch.randn(4, 3, requires_grad=True)
        targets = torch.tensor([0, 1, 2, 0]) if kind == "classes" else torch.randn(4, 3)
        losses = named_loss(TrainRecipe(loss=name), kind).each(outputs, targets)
        assert losses.shape == (4,), name
        losses.mean().backward()
        assert outputs.grad.isfinite().all(), name


def test_a_loss_for_other_targets_or_of_no_name_is_refused():
    with pytest.raises(UsageError, match="'huber' is one for values") as caught:
        named_loss(TrainRecipe(loss="huber"), "classes")
    assert caught.value.hint == "Choose one of: bce, cross_entropy, focal."
    with pytest.raises(UsageError, match="Unknown loss 'focall'"):
        named_loss(TrainRecipe(loss="focall"), "classes")
