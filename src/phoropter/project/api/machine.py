"""Commands on this machine and the models it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from phoropter.core.events import Listener, silent

if TYPE_CHECKING:
    from phoropter.core.records import ModelCard
    from phoropter.project.results import (
        DoctorResult,
    )


def models(
    task: str | None = None,
    *,
    names: Sequence[str] = (),
    measure: bool = False,
    listener: Listener = silent,
) -> tuple[ModelCard, ...]:
    """The models known by name, without importing any of them, and what they cost here if measured.

    Args:
        task: Only those that fit it.
        names: Only these, of the list or any that timm knows.
        measure: Time answers and training steps of each network, and its memory, and keep it.
        listener: Told what is being measured.

    Raises:
        PhoropterError: If a name is unknown, or a named network cannot be measured.
    """
    from phoropter.project.measured import listed, measured

    if measure:
        return measured(task, names, listener=listener)
    return listed(task, names)


def doctor() -> DoctorResult:
    """This machine: devices, threads, memory, weights and extras."""
    from phoropter.project.machine import examine

    return examine()
