"""What a page of docs/findings shows of a healthy and of a sick run, set or loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from phoropter.core.records import Finding

PAGES = Path(__file__).parents[1] / "docs" / "findings"


@dataclass(frozen=True)
class Shown:
    """One side of a page.

    Args:
        command: As a reader would type it.
        found: What was said, worst first.
        numbers: Of its column of the table, by what they are.
        source: What the picture is drawn from.
    """

    command: str
    found: Sequence[Finding]
    numbers: Mapping[str, str]
    source: object

    @property
    def codes(self) -> str:
        """What was said, in short."""
        return ", ".join(f"{item.code} ({item.severity})" for item in self.found) or "none"

    def finding(self, code: str) -> Finding | None:
        """The first of this code."""
        return next((item for item in self.found if item.code == code), None)


@dataclass(frozen=True)
class Exhibition:
    """How the two sides of a code are made and drawn.

    Args:
        of: "run", "set", "loop" or "project".
        about: What differs, with where the recipe, the set or the loop is; Markdown.
        make: The healthy (0) or the sick (1) side, in a folder of its own.
        strict: Whether no warning at all may be said of the healthy side.
        draw: The picture of both, an SVG file's content; None where words say it all.
        caption: Of the picture.
        difference: Lines of the loop that differ, in the form of a diff; "" elsewhere.
    """

    of: str
    about: str
    make: Callable[[int, Path], Shown]
    strict: bool
    draw: Callable[[object, object], str] | None
    caption: str = ""
    difference: str = ""


def decimal(value: float | None) -> str:
    """A number of a table; "" where there is none."""
    return "" if value is None else f"{value:.3f}"


def both(code: str, exhibition: Exhibition, work: Path) -> tuple[Shown, Shown]:
    """The healthy and the sick side of a code.

    Raises:
        RuntimeError: If the sick side lacks the finding, or the healthy one has it or any warning.
    """
    healthy, sick = (exhibition.make(side, work / code / str(side)) for side in (0, 1))
    warned = exhibition.strict and any(item.severity != "info" for item in healthy.found)
    if sick.finding(code) is None or healthy.finding(code) is not None or warned:
        message = f"{code}: healthy {healthy.codes}, sick {sick.codes}"
        raise RuntimeError(message)
    return healthy, sick
