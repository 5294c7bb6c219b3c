"""A sound training loop under watch, on digits: `python loop.py`, then `phoropter diagnose run`."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

import phoropter

torch.manual_seed(0)
digits = load_digits()
mixed = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[mixed]
y = torch.tensor(digits.target)[mixed]
network = nn.Sequential(
    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
)
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
watch = phoropter.watch(network, optimizer, folder="run", classes=10)
for _ in range(12):
    network.train()
    for batch in torch.randperm(1200).split(32):
        inputs, targets = x[batch], y[batch]
        optimizer.zero_grad()
        loss = cross_entropy(network(inputs), targets)
        loss.backward()
        optimizer.step()
        watch.step(loss)
    network.eval()
    with torch.no_grad():
        outputs = network(x[1200:])
    watch.epoch(val_loss=cross_entropy(outputs, y[1200:]), predictions=outputs, targets=y[1200:])
watch.close()
