"""What every page is put into: one HTML file with a head, its sections and nothing to load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phoropter.core.records import Dataset, Split
from phoropter.report import facts
from phoropter.report.environment import environment
from phoropter.report.figure import Figure
from phoropter.report.figures.counts import class_counts, value_histogram
from phoropter.report.sentences import Sentences

_MOST_REJECTED = 200


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a page.

    Args:
        anchor: Its address within the page.
        heading: Key of its heading.
        template: File that it is made from.
    """

    anchor: str
    heading: str
    template: str


def filled(
    headline: str,
    sections: Sequence[Section],
    *,
    say: Sentences,
    subject: str,
    styles: Sequence[str],
    **known: Any,
) -> str:
    """The page as HTML text; everything put into it is escaped.

    Args:
        headline: Template of the head.
        sections: In their order.
        say: The page's language.
        subject: Key of what the page is, for its title.
        styles: Style sheets.
        known: What the templates ask for.
    """
    html: str = (
        environment()
        .get_template("page.html")
        .render(
            headline=headline, sections=sections, say=say, subject=subject, styles=styles, **known
        )
    )
    return html


def data_facts(dataset: Dataset, split: Split, say: Sentences) -> dict[str, Any]:
    """What both pages tell of the data: parts, targets, sizes, kinds, what was left out."""
    return {
        "parts": facts.part_sizes(split),
        "counts": _counts(dataset, split, say),
        "sides": facts.sides(dataset),
        "kinds": facts.tally(dataset, "format"),
        "rejected": dataset.rejected[:_MOST_REJECTED],
    }


def _counts(dataset: Dataset, split: Split, say: Sentences) -> list[Figure]:
    if dataset.task == "regression":
        return [
            value_histogram(name, facts.values_by_part(dataset, split, name), say=say)
            for name in dataset.targets
        ]
    counts = facts.label_counts(dataset, split)
    title = say("samples-by-class") if dataset.objects is None else say("objects-by-class")
    return [class_counts(counts, say=say, title=title)] if counts else []
