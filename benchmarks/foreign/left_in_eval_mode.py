"""After the first validation the network is never put back into train mode."""

import sys

import torch
from loops import digits, evaluate, small_cnn, train_one_epoch
from torch.utils.data import DataLoader

import phoropter

EXPECTED = "mode-mixup"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = small_cnn(dropout=0.3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    train, val = digits()
    network.train()
    for _ in range(12):
        train_one_epoch(network, DataLoader(train, batch_size=32, shuffle=True), optimizer, watch)
        evaluate(network, val, watch)
