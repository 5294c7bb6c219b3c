"""Dropout as a function, which nobody tells when the network is in eval mode."""

import sys

import torch
from loops import digits, fit
from torch import Tensor, nn
from torch.nn import functional

import phoropter

EXPECTED = "mode-mixup"


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(64, 128), nn.Linear(128, 10)

    def forward(self, images: Tensor) -> Tensor:
        hidden = functional.relu(self.first(images.flatten(1)))
        return self.second(functional.dropout(hidden, 0.3))


if __name__ == "__main__":
    torch.manual_seed(0)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    watch = phoropter.watch(network, optimizer, folder=sys.argv[1], classes=10)
    fit(network, optimizer, watch, epochs=12, data=digits())
