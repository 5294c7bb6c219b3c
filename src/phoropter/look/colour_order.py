"""Which of a picture's first and last channel is red, learnt from pictures of the same kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phoropter.look.permutation import FOLDS

Numbers = NDArray[np.float64]

_CELLS = 4
_BANDS = 5
"""Of brightness: what is bright in the sky, in skin or in shadow differs in colour."""

_STEPS = (0.05, 0.1, 0.2, 0.4)
_PENALTY = 0.1
"""Of the ridge fit, in units of each column's mean square."""


def colour_balance(pictures: NDArray[np.uint8]) -> Numbers:
    """Numbers that change their sign, and nothing else, where red and blue are exchanged.

    How much redder than blue a picture is in each of 16 cells and 5 bands of brightness, where its
    green is highest or lies between, and how much more often it is so by some steps.

    >>> seen = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    >>> bool(np.allclose(colour_balance(seen), -colour_balance(seen[..., ::-1])))
    True

    Args:
        pictures: Shape (n, s, s, 3), sides a multiple of 4.

    Returns:
        Shape (n, 27).
    """
    count, side = pictures.shape[:2]
    red, green, blue = np.moveaxis(pictures.astype(np.float64) / 255, -1, 0)
    redder = red - blue
    width = side // _CELLS
    cells = redder.reshape(count, _CELLS, width, _CELLS, width).mean(axis=(2, 4))
    grey = ((red + blue) + green) / 3  # in this order it is the same to the last bit both ways
    band = np.minimum(grey * _BANDS, _BANDS - 1).astype(np.int64)
    places = [band == number for number in range(_BANDS)]
    places += [green > np.maximum(red, blue), green > np.minimum(red, blue)]
    columns = [(redder * place).mean(axis=(1, 2)) for place in places]
    columns += [
        (redder > step).mean(axis=(1, 2)) - (redder < -step).mean(axis=(1, 2)) for step in _STEPS
    ]
    return np.concatenate([cells.reshape(count, _CELLS**2), np.stack(columns, axis=1)], axis=1)


def orientation(balances: Numbers) -> Numbers:
    """Weights, shape (d,), by which pictures in the right order score about 1, exchanged ones -1.

    Ridge regression on the pictures and their exchanged copies, without an intercept.

    Args:
        balances: Of pictures whose channels are in the order to be learnt, shape (n, d).
    """
    scale = np.sqrt(np.square(balances).mean(axis=0)) + 1e-6
    columns = balances / scale
    penalty = _PENALTY * len(columns) * np.eye(columns.shape[1])
    return np.asarray(np.linalg.solve(columns.T @ columns + penalty, columns.sum(axis=0)) / scale)


def unseen_scores(balances: Numbers, rng: np.random.Generator) -> Numbers:
    """The score of each picture by weights that were learnt from others, shape (n,)."""
    fold = rng.permutation(np.arange(len(balances)) % FOLDS)
    scores = np.empty(len(balances))
    for held_out in range(FOLDS):
        weights = orientation(balances[fold != held_out])
        scores[fold == held_out] = balances[fold == held_out] @ weights
    return scores
