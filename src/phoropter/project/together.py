"""The same call in several processes (`torchrun`, Ray Train): one leads, the others help train."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def processes() -> int:
    """How many processes a launcher has started for this work; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_lead() -> bool:
    """Whether this process is the one that reads, decides and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def together(function: Callable[P, R]) -> Callable[P, R]:
    """The function, made by the lead alone; the others train with it and get the same result."""

    @wraps(function)
    def shared(*args: P.args, **kwargs: P.kwargs) -> R:
        if processes() == 1:
            return function(*args, **kwargs)
        from phoropter.training.following import follow
        from phoropter.training.team import assembled

        team = assembled()
        result: R = team.told(function(*args, **kwargs)) if team.lead else follow(team)
        return result

    return shared
