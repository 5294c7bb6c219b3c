"""What the columns of somebody else's learning curves are called, and which of several is taken."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

_TEST = "test"
_VAL = frozenset({"val", "valid", "validation", "eval", "evaluation", "dev", _TEST})
_TRAIN = frozenset({"train", "training"})
_EMPTY = frozenset({"epoch", "step", "mean", "avg"})
_OF_TIME = frozenset({"runtime", "second", "seconds", "time"})
_BESIDE_THE_RATE = frozenset({"momentum", "decay"})
"""In names of the rate that mean something else: Lightning has `lr-SGD-momentum`."""
_LARGEST = frozenset({"lr", "grad_norm"})
"""Of these the largest counts: the rate of the fastest group, the norm of all gradients."""


def standard_name(name: str, part: str = "") -> str | None:
    """What a column or tag is: train_X, val_X, lr, grad_norm, epoch or step; None if unknown.

    Without a part, "loss" and other numbers are of training, as Keras has it.

    Args:
        name: As it was logged.
        part: Of the data, where a folder says it ("train", "validation").

    >>> [standard_name(name) for name in ("loss", "valid/Accuracy", "lr-AdamW", "eval_loss")]
    ['train_loss', 'val_accuracy', 'lr', 'val_loss']
    """
    words = _words(name.rpartition("/")[2] if part else name)
    if words == ["epoch"]:
        return "epoch"
    if words in (["step"], ["global", "step"]):
        return "step"
    if "lr" in words or "learning_rate" in "_".join(words):
        return "lr" if _BESIDE_THE_RATE.isdisjoint(words) else None
    if "norm" in words and any(word.startswith("grad") for word in words):
        return "grad_norm"
    known = [*words, part.lower()]
    of_val = not _VAL.isdisjoint(known)
    rest = [word for word in words if word not in _VAL | _TRAIN | _EMPTY]
    what = "_".join(rest)
    if not _OF_TIME.isdisjoint(words):
        return None
    if not what or (not of_val and _TRAIN.isdisjoint(known) and len(words) > 2):
        return None
    return f"{'val' if of_val else 'train'}_{what}"


def chosen(series: Mapping[str, Sequence[float | None]], part: str = "") -> dict[str, str]:
    """The standard names that were found, each with the logged name that is taken for it.

    Where several hold numbers, it goes by the first of these in which they differ: the standard
    name itself, validation before test, passes before single steps, the largest rate or norm, the
    most numbers.

    Args:
        series: The numbers by the name under which they were logged.
        part: Of the data, as in `standard_name`.

    >>> chosen({"train_loss": [1.0], "test_loss": [3.0], "val/loss": [2.0]})
    {'train_loss': 'train_loss', 'val_loss': 'val/loss'}
    """
    found: dict[str, str] = {}
    ranks: dict[str, tuple[float, ...]] = {}
    for name, numbers in series.items():
        known = standard_name(name, part)
        if known is None:
            continue
        rank = _rank(name, known, numbers)
        if known not in found or rank < ranks[known]:
            found[known], ranks[known] = name, rank
    return found


def _rank(name: str, known: str, numbers: Sequence[float | None]) -> tuple[float, ...]:
    words, there = _words(name), [number for number in numbers if number is not None]
    finite = [number for number in there if math.isfinite(number)]
    largest = max(finite, default=-math.inf) if known in _LARGEST else 0.0
    exact = "_".join(words) == known
    return (not there, not exact, _TEST in words, "step" in words, -largest, -len(there))


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
