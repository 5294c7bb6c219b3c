"""A change of a recipe as it is typed; loads nothing, so that any command may show one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from shlex import quote
from typing import Any


def settings(change: Mapping[str, Any]) -> str:
    """A change as `--set` takes it, quoted where a shell would take it apart.

    >>> settings({"train.lr": 0.01, "train.clip": None})
    '--set train.lr=0.01 --set train.clip=null'
    >>> print(settings({"predict.ensemble": [{"seed": 1}]}))
    --set 'predict.ensemble=[{"seed": 1}]'
    """
    return " ".join(f"--set {quote(f'{key}={_typed(value)}')}" for key, value in change.items())


def _typed(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
