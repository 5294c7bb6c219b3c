"""A plain loop with nothing wrong: cosine schedule, enough passes."""

import sys

import torch
from loops import digits, fit, small_cnn

import phoropter

EXPECTED = "none"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = small_cnn()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    fit(network, optimizer, watch, epochs=15, data=digits(), schedule=lambda _: schedule.step())
