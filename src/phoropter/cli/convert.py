"""`phoropter convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phoropter.cli import render
from phoropter.cli.console import listening
from phoropter.cli.options import Data, Speech
from phoropter.cli.output import show


def convert(
    data: Data,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="FORMAT", help="coco, voc or yolo.", show_default=False)
    ],
    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="NAME", help="What DATA is, if it is not recognised."),
    ] = None,
    speech: Speech,
) -> None:
    """Annotated images in another format, in a folder of their own.

    What the format cannot hold is listed. Images are linked where the disk allows, else copied.
    """
    from phoropter.project import api

    with listening(quiet=speech.quiet) as listener:
        result = api.convert(data, folder, to=to, layout=layout, listener=listener)
    show(result, speech, render.conversion)
