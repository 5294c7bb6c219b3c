"""What a bundle's model is, whatever runs it: pixels in, answers out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Images as they are decoded, 0 to 255, of shape (n, channels, size, size)."""
Answers = NDArray[np.float64]
"""Probabilities (n, k) or values (n, t)."""
Answer = Callable[[Pixels], Answers]
