"""`phoropter doctor`."""

from __future__ import annotations

from phoropter.cli import render
from phoropter.cli.options import Speech
from phoropter.cli.output import show


def doctor(*, speech: Speech) -> None:
    """This machine: devices, threads, memory, weights and extras."""
    from phoropter.project import api

    show(api.doctor(), speech, render.doctor)
