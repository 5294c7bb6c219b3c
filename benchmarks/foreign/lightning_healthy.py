"""Lightning, with nothing wrong."""

import sys

import torch
from lightning_module import fit
from loops import small_cnn

EXPECTED = "none"

if __name__ == "__main__":
    torch.manual_seed(0)
    fit(small_cnn(), folder=sys.argv[1], lr=1e-2, epochs=15)
