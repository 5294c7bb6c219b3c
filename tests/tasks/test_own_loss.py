import pytest
import torch
from torch import nn
from torch.nn import functional

from phoropter.core.errors import BrokenContractError, UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.references import reference_to
from phoropter.tasks.classification import Classification
from phoropter.tasks.losses import Loss
from phoropter.tasks.regression import Regression

CLASSES = TargetSchema("classes", ("a", "b", "c"), counts=(6, 3, 1))
VALUES = TargetSchema("values", ("x", "y"), offset=(1.0, 2.0), scale=(3.0, 4.0))


def objective(loss, schema=CLASSES, **changes):
    task = Classification() if schema.kind == "classes" else Regression()
    recipe = Recipe().changed({"train.loss": loss, **changes})
    return task.objective(nn.Linear(4, schema.outputs), recipe, schema)


def loss_of(objective, inputs, targets):
    [(_, step)] = objective.steps(inputs, targets, torch.Generator())
    return step()


def each(outputs, targets):
    return functional.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize(
    "loss",
    [
        each,
        functional.cross_entropy,
        nn.CrossEntropyLoss,
        nn.CrossEntropyLoss(),
        "torch.nn:CrossEntropyLoss",
    ],
    ids=["each", "mean", "class", "object", "reference"],
)
def test_a_loss_of_ones_own_is_descended(loss):
    inputs, targets = torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 0])
    mine = objective(loss)
    wanted = functional.cross_entropy(mine.network(inputs), targets)
    torch.testing.assert_close(loss_of(mine, inputs, targets), wanted)


def test_values_come_standardised():
    mine = objective(lambda outputs, targets: (outputs - targets).abs().mean(1), VALUES)
    inputs, targets = torch.rand(5, 4), torch.rand(5, 2, dtype=torch.float64)
    wanted = (
        mine.network(inputs) - ((targets - torch.tensor([1, 2])) / torch.tensor([3, 4])).float()
    )
    torch.testing.assert_close(loss_of(mine, inputs, targets), wanted.abs().mean())


def test_weights_of_classes_need_the_loss_of_each_sample():
    inputs, targets = torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 0])
    balanced = {"train.class_weights": "balanced"}
    loss_of(objective(each, **balanced), inputs, targets)
    with pytest.raises(BrokenContractError, match="one number for all samples"):
        loss_of(objective(functional.cross_entropy, **balanced), inputs, targets)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda outputs, targets: outputs, r"gives \(6, 3\) for a batch"),
        (lambda outputs, targets: 0.5, "gives float"),
        (lambda outputs, targets: each(outputs, targets).detach(), "has no gradient"),
        (lambda outputs, targets: each(outputs, targets) / 0, "not finite"),
        (lambda outputs, targets: (outputs - outputs).square().sum().sqrt(), "no finite gradient"),
        (lambda outputs: outputs.mean(), "failed on outputs .6, 3. and targets .6,.: TypeError"),
    ],
    ids=["shape", "number", "detached", "infinite", "gradient", "arguments"],
)
def test_a_broken_promise_is_told_before_training(loss, words):
    with pytest.raises(BrokenContractError, match=words):
        objective(loss)


def test_a_loss_object_of_ones_own_says_what_it_is_for():
    mine = Loss("values", lambda outputs, targets, recipe: (outputs - targets).cosh().log().mean(1))
    named = objective(reference_to(mine), VALUES)
    assert loss_of(named, torch.rand(5, 4), torch.rand(5, 2).double()).isfinite()
    with pytest.raises(UsageError, match="one for values"):
        objective(reference_to(mine))
