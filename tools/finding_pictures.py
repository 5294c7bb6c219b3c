"""Pictures of two data sets beside each other, for the pages of docs/findings."""

from __future__ import annotations

import base64

from finding_figures import beside
from markupsafe import Markup

from phoropter.report.lettering import fitted
from phoropter.report.svg import element, join

Picture = tuple[str, bytes, tuple[int, int]]
"""What is written below it, a WebP file, width and height in pixels."""

Pictures = list[list[Picture]]
"""Those of a group belong together."""

BOX, GAP, LINE = 62.0, 8.0, 84.0
"""Of a picture: the square that it fits in, the distance to the next group, and to the next row."""

WIDTH = 430.0


def pictures_figure(healthy: Pictures, sick: Pictures) -> str:
    """Groups of pictures, those of a set on one scale."""
    sides = [_mosaic(groups) for groups in (healthy, sick)]
    drawings, rows = [drawn for drawn, _ in sides], max(count for _, count in sides)
    return beside("Pictures of both sets", drawings, height=rows * LINE + GAP)


def _mosaic(groups: Pictures) -> tuple[Markup, int]:
    """The groups from left to right, and the number of rows."""
    largest = max((max(size) for group in groups for _, _, size in group), default=1)
    parts, x, row = [], 0.0, 0
    for group in groups:
        if x + len(group) * BOX > WIDTH:
            x, row = 0.0, row + 1
        for picture in group:
            parts.append(_drawn(picture, x, row * LINE, BOX / largest))
            x += BOX + 2
        x += GAP
    return join(parts), row + 1


def _drawn(picture: Picture, x: float, y: float, scale: float) -> Markup:
    name, content, (width, height) = picture
    source = f"data:image/webp;base64,{base64.b64encode(content).decode()}"
    shown = element(
        "image",
        href=source,
        x=x,
        y=y,
        width=width * scale,
        height=height * scale,
        style="image-rendering:pixelated",
    )
    return join([shown, element("text", fitted(name, BOX), x=x, y=y + BOX + 14)])
