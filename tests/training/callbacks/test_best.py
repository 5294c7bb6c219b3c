import torch
from torch import nn

from phoropter.training.callbacks.best import BestWeights


def test_the_lowest_loss_wins_and_the_first_of_equals():
    network, best = nn.Linear(1, 1), BestWeights()
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 1.0]):
        with torch.no_grad():
            network.weight.fill_(float(epoch))
        best.offer(network, loss=loss, epoch=epoch)
    best.restore(network)
    assert (best.epoch, best.loss, network.weight.item()) == (1, 1.0, 1.0)


def test_there_is_always_something_to_restore():
    best = BestWeights()
    best.offer(nn.Linear(1, 1), loss=float("nan"), epoch=0)
    assert best.weights
