"""Biases so low that no unit of the second layer ever answers."""

import sys

import torch
from loops import digits, fit
from torch import nn

import phoropter

EXPECTED = "dead-activations"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    nn.init.constant_(network[3].bias, -20.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    fit(network, optimizer, watch, epochs=12, data=digits())
