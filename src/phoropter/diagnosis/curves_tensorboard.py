"""Learning curves in TensorBoard's event files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from phoropter.core.errors import InputError, MissingExtraError
from phoropter.diagnosis.curve_columns import of_row, with_peak
from phoropter.diagnosis.curve_names import chosen

EVENTS = "*tfevents*"
_BY_EPOCH = "epoch_"
"""Begins the tags of Keras, whose steps are epochs, counted from 0."""

Points = list[tuple[int, float]]


def has_events(path: Path) -> bool:
    """Whether the path is an event file, or a folder with some in it."""
    return "tfevents" in path.name or (path.is_dir() and any(path.rglob(EVENTS)))


def tensorboard_columns(path: Path) -> dict[str, list[float | None]]:
    """The columns in one run's event files: one row a validation, or a logged training loss.

    Raises:
        MissingExtraError: If TensorBoard is not installed.
        InputError: If several runs are in the folder, or no training loss.
    """
    series: dict[str, Points] = {}
    keras = False
    for part, logged in _places(path):
        numbers = {tag: [value for _, value in points] for tag, points in logged.items()}
        for known, tag in chosen(numbers, part).items():
            if known in {"epoch", "step"}:
                continue
            if known in series:
                raise InputError(
                    f"{str(path)!r} has {known!r} more than once.",
                    hint="Name the folder of one run.",
                )
            series[known] = logged[tag]
            keras = keras or tag.startswith(_BY_EPOCH)
    return _rows(series, shift=int(keras), path=path)


def _rows(series: dict[str, Points], *, shift: int, path: Path) -> dict[str, list[float | None]]:
    anchor = series.get("val_loss") or series.get("train_loss")
    if not anchor:
        raise InputError(
            f"{str(path)!r} has no losses.", hint=f"Found: {', '.join(series) or 'no scalars'}."
        )
    steps = sorted({step for step, _ in anchor})
    first = 0 if steps[0] == 0 and not shift else 1
    columns: dict[str, list[float | None]] = {
        "epoch": [float(first + at) for at in range(len(steps))],
        "step": [float(step + shift) for step in steps],
    }
    for name, points in with_peak(series).items():
        columns[name] = [
            of_row(name, [value for step, value in points if low < step <= high])
            for low, high in pairwise([-math.inf, *steps])
        ]
    return columns


def _places(path: Path) -> Iterator[tuple[str, dict[str, Points]]]:
    """Of each folder the part of the data (as Keras names it), and what was logged, by its tag."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError as error:
        raise MissingExtraError("tensorboard", "track", why="Reading event files") from error
    files = [path] if path.is_file() else sorted(path.rglob(EVENTS))
    places: Sequence[Path] = files if path.is_file() else sorted({file.parent for file in files})
    for place in places:
        seen: Any = EventAccumulator(str(place), size_guidance={"scalars": 0, "tensors": 0})
        seen.Reload()
        logged: dict[str, Points] = {}
        for tag in seen.Tags()["scalars"]:
            logged[tag] = [(item.step, float(item.value)) for item in seen.Scalars(tag)]
        for tag in seen.Tags()["tensors"]:
            arrays = [(item.step, make_ndarray(item.tensor_proto)) for item in seen.Tensors(tag)]
            if all(array.size == 1 and array.dtype.kind == "f" for _, array in arrays):
                logged[tag] = [(step, float(array)) for step, array in arrays]
        yield place.name if place.name in {"train", "validation"} else "", logged
