"""Learning curves in JSON: Keras' history, and the state of the Hugging Face Trainer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phoropter.core.errors import InputError
from phoropter.diagnosis.curve_columns import by_epoch
from phoropter.diagnosis.curve_names import chosen, standard_name

_OF_THE_WHOLE = "train_runtime"
"""In the Trainer's last entry, which is about the whole training."""


def json_columns(path: Path) -> dict[str, list[float | None]]:
    """The columns in a JSON file.

    Raises:
        InputError: If it is neither of the two kinds.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read the curves {str(path)!r}: {error}.") from error
    if isinstance(content, dict) and isinstance(content.get("log_history"), list):
        return _of_trainer(content["log_history"], str(path))
    if isinstance(content, dict) and isinstance(content.get("history"), dict):
        content = content["history"]
    if not isinstance(content, dict):
        raise InputError(f"{str(path)!r} holds no curves.", hint=_HINT)
    return keras_columns(content, name=str(path))


def keras_columns(
    history: Mapping[str, Any], *, name: str = "The history"
) -> dict[str, list[float | None]]:
    """The columns of Keras' `History.history`: one list a name, one number an epoch.

    Raises:
        InputError: If the lists are not of one length, or hold something else than numbers.
    """
    series = {}
    for key, values in history.items():
        known = standard_name(key)
        if known is None or known in {"epoch", "step"}:
            continue
        if not isinstance(values, list | tuple):
            raise InputError(f"{name}: {key!r} is no list of numbers.", hint=_HINT)
        series[key] = [_number(value, key, name) for value in values]
    columns = {known: series[key] for known, key in chosen(series).items()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"{name} has lists of {sorted(lengths)} numbers.", hint=_HINT)
    return {"epoch": [float(epoch) for epoch in range(1, lengths.pop() + 1)], **columns}


_HINT = "Expected Keras' history ({'loss': [...], 'val_loss': [...]}) or the Trainer's state."


def _of_trainer(entries: Sequence[Any], name: str) -> dict[str, list[float | None]]:
    rows = [row for row in entries if isinstance(row, dict) and _OF_THE_WHOLE not in row]
    keys = dict.fromkeys(key for row in rows for key in row if standard_name(key) is not None)
    if "epoch" not in keys:
        raise InputError(f"{name}: the log history is empty.", hint=_HINT)
    if not all(_is_epoch(row.get("epoch")) for row in rows):
        raise InputError(f"{name} has a row without an epoch.", hint="Number the epochs.")
    series = {key: [_logged(row.get(key)) for row in rows] for key in keys}
    return by_epoch({known: series[key] for known, key in chosen(series).items()})


def _is_epoch(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _logged(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _number(value: Any, key: str, name: str) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {value!r} in {key!r} is no number.", hint=_HINT) from error
