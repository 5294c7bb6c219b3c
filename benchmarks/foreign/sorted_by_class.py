"""The samples come class by class, in every pass."""

import sys

import torch
from loops import digits, evaluate, small_cnn, train_one_epoch
from torch.utils.data import DataLoader, TensorDataset

import phoropter

EXPECTED = "unshuffled"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = small_cnn()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    train, val = digits()
    order = train.tensors[1].argsort()
    train = TensorDataset(*(tensor[order] for tensor in train.tensors))
    for _ in range(12):
        network.train()
        train_one_epoch(network, DataLoader(train, batch_size=32), optimizer, watch)
        evaluate(network, val, watch)
