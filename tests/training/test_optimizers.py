import copy

import pytest
import torch
from torch import nn

from phoropter.core.recipe import TrainRecipe
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.optimizers import make_optimizers, set_lr

LOSSES = Losses(lambda outputs, targets: outputs.square().mean(), lambda outputs, targets: outputs)

REFERENCES = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.1, foreach=False),
    "momentum": lambda groups: torch.optim.SGD(
        groups, lr=0.1, momentum=0.8, nesterov=True, foreach=False
    ),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.1, foreach=False),
}


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_updates_equal_torchs_plain_implementation(name):
    ours = nn.Linear(4, 3)
    theirs = copy.deepcopy(ours)
    recipe = TrainRecipe(optimizer=name, lr=0.1, momentum=0.8, weight_decay=0.3)
    optimizer = make_optimizers(Supervised(ours, LOSSES), recipe)["main"]
    reference = REFERENCES[name](
        [
            {"params": [theirs.weight], "weight_decay": 0.3},
            {"params": [theirs.bias], "weight_decay": 0.0},
        ]
    )
    inputs = torch.randn(8, 4)
    for _ in range(5):
        for network, chosen in ((ours, optimizer), (theirs, reference)):
            chosen.zero_grad()
            network(inputs).square().mean().backward()
            chosen.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.bias, theirs.bias, rtol=1e-5, atol=1e-6)


def test_the_rate_is_set_by_group():
    network = nn.Sequential()
    network.trunk, network.head = nn.Linear(2, 2), nn.Linear(2, 2)
    objective = Supervised(network, LOSSES, head_lr_factor=10)
    optimizers = make_optimizers(objective, TrainRecipe())
    set_lr(optimizers, 0.5)
    rates = [group["lr"] for group in optimizers["main"].param_groups]
    assert rates == [0.5, 0.5, 5.0, 5.0]


def test_momentum_of_zero_is_plain_descent():
    optimizer = make_optimizers(
        Supervised(nn.Linear(2, 2), LOSSES), TrainRecipe(optimizer="momentum", momentum=0)
    )["main"]
    assert optimizer.defaults["momentum"] == 0
