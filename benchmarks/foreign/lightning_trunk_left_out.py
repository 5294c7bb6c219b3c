"""Lightning: the optimiser holds the head alone, and the trunk was meant to learn too."""

import sys

import torch
from lightning_module import fit
from loops import small_cnn

EXPECTED = "no-gradient"

if __name__ == "__main__":
    torch.manual_seed(0)
    network = small_cnn()
    fit(network, folder=sys.argv[1], lr=1e-2, epochs=12, learnt=network[-1])
