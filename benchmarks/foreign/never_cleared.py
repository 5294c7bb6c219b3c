"""`zero_grad` was forgotten."""

import sys

import torch
from loops import digits, evaluate, small_cnn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import phoropter

EXPECTED = "stale-gradient"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = small_cnn()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    train, val = digits()
    for _ in range(10):
        network.train()
        for x, y in DataLoader(train, batch_size=32, shuffle=True):
            loss = cross_entropy(network(x), y)
            loss.backward()
            optimizer.step()
            watch.step(loss)
        evaluate(network, val, watch)
