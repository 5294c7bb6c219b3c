"""`history.jsonl`: one line a pass, free of wall-clock times so that a replay gives equal bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from phoropter.core.errors import CorruptFileError
from phoropter.core.files import storage_errors, write_text
from phoropter.core.run_records import Epoch

HISTORY = "history.jsonl"
TIMING = "timing.jsonl"
_FIELDS = tuple(field.name for field in fields(Epoch))


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of wall time that a run has taken, and those in which it waited for data."""

    seconds: float
    waited_s: float


def write_history(folder: Path, rows: Sequence[Epoch]) -> None:
    """Writes the history whole."""
    write_text(folder / HISTORY, "".join(map(_line, rows)))


def append_history(folder: Path, rows: Sequence[tuple[Epoch, Spent]]) -> None:
    """Adds rows, and beside them in `timing.jsonl` the time that the run had taken until each."""
    timings = (
        json.dumps({"epoch": row.epoch, "step": row.step, **asdict(spent)}) + "\n"
        for row, spent in rows
    )
    for name, lines in ((HISTORY, (_line(row) for row, _ in rows)), (TIMING, timings)):
        path = folder / name
        with storage_errors(path), path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))


def keep_timing(folder: Path, rows: Sequence[Epoch]) -> None:
    """Leaves in `timing.jsonl` the lines of these rows alone: a resumed run repeats the others."""
    path = folder / TIMING
    if not path.exists():
        return
    left = {(row.epoch, row.step) for row in rows}
    kept = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line)
            kept[values["epoch"], values["step"]] = line
        except (ValueError, TypeError, KeyError):
            continue  # half written when the run was killed
    write_text(path, "".join(f"{line}\n" for place, line in kept.items() if place in left))


def read_history(folder: Path) -> tuple[Epoch, ...]:
    """The rows of a run's history; empty if there is none.

    A last line cut short by a kill is left out.

    Raises:
        CorruptFileError: If any other line is no row.
    """
    path = folder / HISTORY
    if not path.exists():
        return ()
    whole = path.read_bytes().rpartition(b"\n")[0]
    try:
        return tuple(epoch_from(json.loads(line)) for line in whole.decode().splitlines())
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error}.", hint="Delete the run's folder; train again."
        ) from error


def epoch_values(row: Epoch) -> dict[str, Any]:
    """The row as JSON-able values; "inf", "-inf" and "nan" as words, for JSON has no such numbers.

    >>> epoch_values(Epoch(1, 2, 0.1, float("inf"), *[None] * 6))["running_loss"]
    'inf'
    """
    values = {name: getattr(row, name) for name in _FIELDS}
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def epoch_from(values: Mapping[str, Any]) -> Epoch:
    """The reverse of `epoch_values`."""
    numbers: dict[str, Any] = {
        name: float(value) if isinstance(value, str) else value for name, value in values.items()
    }
    return Epoch(**numbers)


def _line(row: Epoch) -> str:
    return json.dumps(epoch_values(row), allow_nan=False) + "\n"
