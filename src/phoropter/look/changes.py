"""What was done to a copy, in words, from how it lies on its original."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TURN = 1.5
"""Degrees from which a turn is said; less may be the fit's own error."""

SCALE = 1.04
SHIFT = 0.03
"""Of the picture's side."""


def said(pose: NDArray[np.float32], *, flip: bool) -> str:
    """A few words on one pose, shape (2, 3), see `registration`.

    >>> said(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float32), flip=True)
    'mirrored'
    >>> said(np.array([[0.9, 0.0, 0.0], [0.0, 0.9, 0.2]], np.float32), flip=False)
    'scaled 1.11 times, shifted by 10 %'
    """
    linear = pose[:, :2]
    scale = float(np.sqrt(abs(np.linalg.det(linear))))
    turn = float(np.degrees(np.arctan2(linear[0, 1] - linear[1, 0], np.trace(linear))))
    shift = float(np.abs(pose[:, 2]).max() / 2)
    words = ["mirrored"] if flip else []
    if abs(turn) >= TURN:
        words.append(f"turned by {abs(turn):.0f} degrees")
    if max(scale, 1 / scale) >= SCALE:
        words.append(f"scaled {max(scale, 1 / scale):.2f} times")
    if shift >= SHIFT:
        words.append(f"shifted by {shift:.0%}".replace("%", " %"))
    return ", ".join(words) or "in place"
