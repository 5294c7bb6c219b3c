"""The learning rate is a hundred times too high."""

import sys

import torch
from loops import digits, fit
from torch import nn

import phoropter

EXPECTED = "lr-too-high"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.3)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    fit(network, optimizer, watch, epochs=15, data=digits())
