"""The learning rate is a hundred times too high."""

import sys

import torch
from loops import digits, fit, small_cnn

import phoropter

EXPECTED = "lr-too-high"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = small_cnn()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1.0)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    fit(network, optimizer, watch, epochs=15, data=digits())
