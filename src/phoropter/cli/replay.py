"""`phoropter replay`."""

from __future__ import annotations

import typer

from phoropter.cli import render_record
from phoropter.cli.console import listening
from phoropter.cli.options import ProjectOption, Run, Speech
from phoropter.cli.output import show

DIFFERENT = 1  # the exit code, as of `diff`


def replay(run: Run, *, project: ProjectOption = None, speech: Speech) -> None:
    """Make a run again from its record; exit code 1 unless every number is the same to the bit."""
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.replay(run, project=project, listener=listener)
    show(result, speech, render_record.replay)
    if not result.identical:
        raise typer.Exit(DIFFERENT)
