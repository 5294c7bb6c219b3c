"""Budgets as people write them: 90s, 10m, 2h."""

from __future__ import annotations

import re

from phoropter.core.errors import UsageError

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh])")


def seconds(text: str) -> float:
    """The number of seconds that a budget means.

    >>> seconds("90s"), seconds("10m"), seconds("1.5h")
    (90.0, 600.0, 5400.0)

    Raises:
        UsageError: If it is not a positive number followed by s, m or h.
    """
    match = _FORM.fullmatch(text.strip().lower())
    value = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if value <= 0:
        raise UsageError(
            f"The budget {text!r} is not a length of time.", hint="Write 90s, 10m or 2h."
        )
    return value


def budget(text: str | None) -> float | None:
    """`seconds`, or None where no budget was given."""
    return None if text is None else seconds(text)


def spoken(value: float) -> str:
    """A number of seconds as people say it.

    >>> spoken(4.2), spoken(90), spoken(7260)
    ('4.2 s', '1 min 30 s', '2 h 1 min')
    """
    if round(value, 1) < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
