"""A project at its end, as closing makes it and the pages tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phoropter.project.run_record import RunRecord
from phoropter.project.seal import Opening


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A project at its end, before it is written down.

    Args:
        final: The chosen run.
        ladder: The simple models by name.
        opening: What the sealed test part says, or None while it is sealed.
        conclusion: What is to be said, each sentence with the runs it rests on.
    """

    final: RunRecord
    ladder: Mapping[str, RunRecord]
    opening: Opening | None
    conclusion: Mapping[str, tuple[str, ...]]
