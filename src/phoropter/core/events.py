"""How the layers below tell a person what is going on without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phoropter.core.recipe import Recipe
    from phoropter.core.run_records import Epoch


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence for the person who waits."""

    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come; `done == total` ends it.

    Args:
        stage: The stage's name, stable while it lasts (for example "indexing").
        done: Units finished.
        total: Units in all.
        detail: What to show beside the bar (for example "loss 0.213").
    """

    stage: str
    done: int
    total: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunBegun:
    """A network is about to be trained; not told of a run that was finished before."""

    run: str
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class PassMeasured:
    """A row of the run's history, as soon as it is there."""

    run: str
    row: Epoch


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over and recorded."""

    run: str


Event = Note | Progress | RunBegun | PassMeasured | RunEnded
Listener = Callable[[Event], None]


def silent(_event: Event) -> None:
    """The listener that ignores everything."""
