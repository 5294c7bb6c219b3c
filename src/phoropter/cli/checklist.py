"""`phoropter checklist`."""

from __future__ import annotations

from phoropter.cli import render_record
from phoropter.cli.options import ProjectArgument, Speech
from phoropter.cli.output import show


def checklist(project: ProjectArgument, *, speech: Speech) -> None:
    """What a sound project has done, ticked by this one's records."""
    from phoropter.project import api

    show(api.checklist(project), speech, render_record.checklist)
