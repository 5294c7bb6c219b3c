"""What was tried in this project and, if the user keeps a file for it, in others."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.files import read_json, storage_errors, write_json
from phoropter.core.recipe import Recipe
from phoropter.improvement.prescriptions.experience import Tried, kind_of
from phoropter.metrics import named
from phoropter.project.notebook import Notebook
from phoropter.project.results import STEERING, Step

SHARED = "PHOROPTER_EXPERIENCE"
"""Names the file in which all projects of a user keep what was tried; none is kept without it."""

_TO_ERROR = 2 * 1.96  # a 95 % interval in standard errors


def experience(notebook: Notebook) -> tuple[Tried, ...]:
    """Every change that was tried here, oldest first, then those of other projects.

    Raises:
        CorruptFileError: If the shared file is damaged.
    """
    here = _tried(notebook)
    place = _place()
    if place is None or not place.exists():
        return tuple(here.values())
    others = [_read(row, place) for pair, row in _rows(place).items() if pair not in here]
    return (*here.values(), *others)


def share_experience(notebook: Notebook) -> None:
    """Adds what was tried here to the shared file, each change once; nothing without one.

    It says which kinds of change followed which findings and what share of the error they removed:
    no names, no paths, no data.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    place = _place()
    if place is None:
        return
    own = {
        pair: {"finding": one.finding, "kind": one.kind, "share": one.share, "var": one.variance}
        for pair, one in _tried(notebook).items()
    }
    with storage_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        known = _rows(place) if place.exists() else {}
        if own.keys() - known.keys():
            write_json(place, {**known, **own})


def _tried(notebook: Notebook) -> dict[str, Tried]:
    """What the steps brought, by the pair of runs that were compared.

    The user's word on a step is none: it compares the same pair again, or with another reference.
    """
    facts: dict[str, Mapping[str, Any]] = {}
    for run, _, noted in notebook.runs():
        facts[run] = {**facts.get(run, {}), **noted}
    found: dict[str, Tried] = {}
    for step in notebook.steps():
        one = _from_step(step, facts.get(step.a)) if step.finding != STEERING else None
        if one is not None:
            found[f"{step.a}/{step.b}"] = one
    return found


def _from_step(step: Step, facts: Mapping[str, Any] | None) -> Tried | None:
    """A step as a share of the error that its reference had left; None where that is not known."""
    if facts is None or "score" not in facts or facts["score"]["value"] is None:
        return None
    if not all(map(math.isfinite, (step.delta, step.low, step.high))):
        return None
    try:
        metric = named(step.metric)
        kind = kind_of(step.change, Recipe.model_validate(facts["recipe"]))
    except (UsageError, ValueError):
        return None  # a metric of the user's own, or recipes of a version that had other keys
    value = float(facts["score"]["value"])
    gain, error = step.delta, metric.best - value
    if not metric.greater_is_better:
        gain, error = -gain, -error
    if error <= 0 or not math.isfinite(error):
        return None
    deviation = (step.high - step.low) / _TO_ERROR / error
    return Tried(step.finding, kind, gain / error, deviation**2, gain, here=True)


def _place() -> Path | None:
    chosen = os.environ.get(SHARED)
    return Path(chosen).expanduser().resolve() if chosen else None


def _rows(place: Path) -> dict[str, Any]:
    rows = read_json(place)
    if not isinstance(rows, dict):
        raise _damaged(place, "it is no table of what was tried")
    return rows


def _read(row: Any, place: Path) -> Tried:
    try:
        share, variance = float(row["share"]), float(row["var"])
        return Tried(str(row["finding"]), str(row["kind"]), share, variance, 0.0, here=False)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(place, str(error)) from error


def _damaged(place: Path, why: str) -> CorruptFileError:
    return CorruptFileError(
        f"{str(place)!r} is damaged: {why}.", hint=f"Delete it, or let {SHARED} name another file."
    )
