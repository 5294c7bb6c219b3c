"""Changes of a recipe as words of the command line: KEY=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from phoropter.core.errors import UsageError


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """The `key=value` words of `--set`, values read as YAML.

    Numbers in scientific notation are numbers, with or without a dot.

    >>> parse_settings(["train.lr=1e-3", "model.name=cnn"])
    {'train.lr': 0.001, 'model.name': 'cnn'}

    Raises:
        UsageError: If a word is not of the form key=value.
    """
    result: dict[str, Any] = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not key.strip():
            raise UsageError(
                f"Got {setting!r} where key=value is expected.", hint="Example: train.lr=0.01"
            )
        result[key.strip()] = _value(value, setting)
    return result


def _value(text: str, setting: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"The value in {setting!r} is not valid YAML.") from error
    if isinstance(value, str) and text.lstrip()[:1] in set("+-.0123456789"):
        try:
            return float(value)  # YAML 1.1 takes 1e-3, without a dot, for a word
        except ValueError:
            return value
    return value
