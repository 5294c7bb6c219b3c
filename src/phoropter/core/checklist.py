"""The items of a project's checklist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["problem", "data", "baseline", "improvement", "prediction"]
STAGES: tuple[Stage, ...] = ("problem", "data", "baseline", "improvement", "prediction")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a sound project has done, ticked by what is on record.

    Args:
        stage: Of the work.
        what: What is to be true, one sentence.
        done: Whether the record shows it.
        evidence: What the record shows, one sentence; "" where it shows nothing.
        rests_on: The run, or the file in the project's folder, that says so; "" where none does.
        todo: What would tick it, "" where it is ticked: a command, or a sentence for people.
    """

    stage: Stage
    what: str
    done: bool
    evidence: str
    rests_on: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Checklist:
    """A project's checklist; `ticked` of `items` are done."""

    project: str
    ticked: int
    items: tuple[Item, ...]
