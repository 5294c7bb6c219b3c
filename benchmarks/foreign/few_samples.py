"""A wide network learns forty samples by heart."""

import sys

import torch
from loops import digits, fit
from torch import nn

import phoropter

EXPECTED = "overfit"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 512),
        nn.ReLU(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, 10),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    fit(network, optimizer, watch, epochs=60, data=digits(40))
