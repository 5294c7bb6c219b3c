"""Labels that changed places, in training and in validation, learnt by heart."""

import sys

import torch
from loops import digits, fit
from torch import nn
from torch.utils.data import TensorDataset

import phoropter

EXPECTED = "input-ignored"


def shuffled(part: TensorDataset) -> TensorDataset:
    images, labels = part.tensors
    return TensorDataset(images, labels[torch.randperm(len(labels))])


if __name__ == "__main__":
    torch.manual_seed(0)
    train, val = digits(400)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    fit(network, optimizer, watch, epochs=40, data=(shuffled(train), shuffled(val)))
