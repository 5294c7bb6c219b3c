"""What varies a batch of images, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Generator, Tensor

Augmenter = Callable[[Tensor, Generator], Tensor]
"""Float images in [0, 1] of shape (n, c, h, w), and a generator on the CPU, to images alike."""
