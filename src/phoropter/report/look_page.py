"""The page of `look`: what the data are and what is wrong with them, with the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.files import write_text
from phoropter.core.records import PARTS, Finding
from phoropter.report import facts
from phoropter.report.figure import Figure
from phoropter.report.figures.clusters import cluster_figures
from phoropter.report.figures.counts import value_histogram
from phoropter.report.look_content import LookContent, exhibits
from phoropter.report.numbers import number
from phoropter.report.plane import planes
from phoropter.report.sentences import Sentences
from phoropter.report.shell import Section, data_facts, filled

Numbers = NDArray[np.float64]

_SECTIONS = (
    Section("findings", "h-look-findings", "look_findings.html"),
    Section("classes", "h-look-classes", "look_classes.html"),
    Section("properties", "h-properties", "look_properties.html"),
    Section("map", "h-map", "look_map.html"),
    Section("rejected", "h-rejected", "look_rejected.html"),
    Section("split", "h-split", "split.html"),
)
_ROOM = 0.5
"""Beyond the middle 98 % of the values, as a share of their range, that a histogram shows."""
_PROPERTIES = ("brightness", "contrast", "sharpness", "entropy", "height", "width", "aspect")


def write_look_page(content: LookContent, path: Path, *, lang: str = "en") -> Path:
    """Writes the page, whole or not at all, and returns its path.

    Args:
        content: What it tells.
        path: The HTML file.
        lang: "en" or "ko".

    Raises:
        UsageError: If there is no such language.
        StorageError: If the disk is full or the folder cannot be written.
    """
    write_text(path, render_look(content, lang=lang))
    return path


def render_look(content: LookContent, *, lang: str = "en") -> str:
    """The page as HTML text; see `write_look_page`."""
    say = Sentences(lang)
    properties = _properties(content, say)
    drawn = planes(content, say)
    missing = {name for name, there in (("properties", properties), ("map", drawn)) if not there}
    clusters = content.map.clusters if content.map else None
    return filled(
        "look_headline.html",
        [section for section in _SECTIONS if section.anchor not in missing],
        say=say,
        subject="look-of",
        styles=("style.css", "look.css"),
        c=content,
        part_of=dict(zip(content.split.table["id"], content.split.table["part"], strict=True)),
        severities={
            severity: sum(finding.severity == severity for finding in content.findings)
            for severity in ("critical", "warning", "info")
        },
        shown=[(finding, _captioned(finding, say)) for finding in content.findings],
        classes=len(facts.label_counts(content.dataset, content.split)),
        properties=properties,
        modes=facts.tally(content.dataset, "mode"),
        planes=drawn,
        clusters=cluster_figures(clusters, say=say) if clusters else (),
        lonely=int((clusters.dense < 0).sum()) if clusters else 0,
        dense=int(clusters.dense.max()) + 1 if clusters else 0,
        **data_facts(content.dataset, content.split, say),
    )


def _captioned(finding: Finding, say: Sentences) -> list[list[tuple[str, list[str]]]]:
    """Groups of samples, each with its identifier and what the finding says of it."""
    return [
        [
            (
                item.id,
                [_fact(name, item.facts[name], say) for name in item.facts if name != "part"],
            )
            for item in group
        ]
        for group in exhibits(finding)
    ]


def _fact(name: str, value: object, say: Sentences) -> str:
    text = value if isinstance(value, str) else number(value)
    if name == "why":
        text = say.known(f"why-{text}", text)
    return f"{say.known(f'evidence-{name}', name)}: {text}"


def _properties(content: LookContent, say: Sentences) -> list[Figure]:
    """How light, texture and sizes are distributed, by part."""
    table = content.dataset.table
    if {"height", "width"} <= set(table.columns):
        table = table.with_columns((pl.col("width") / pl.col("height")).alias("aspect"))
    joined = table.join(content.split.table.select("id", assigned="part"), on="id", how="inner")
    figures = []
    for name in _PROPERTIES:
        if name not in joined.columns:
            continue
        values: dict[str, Numbers] = {
            part: joined.filter(pl.col("assigned") == part)[name].to_numpy().astype(np.float64)
            for part in PARTS
        }
        everything = np.concatenate(list(values.values()))
        if len(everything) and everything.min() < everything.max():
            figures.append(_distribution(say(f"property-{name}"), values, say))
    return figures


def _distribution(name: str, values: Mapping[str, Numbers], say: Sentences) -> Figure:
    """A histogram in which single values far out do not squeeze all others into one bar."""
    everything = np.concatenate(list(values.values()))
    low, high = np.quantile(everything, [0.01, 0.99])
    room = _ROOM * (high - low)
    inside = {part: np.clip(numbers, low - room, high + room) for part, numbers in values.items()}
    beyond = int(((everything < low - room) | (everything > high + room)).sum())
    if low == high:
        inside, beyond = dict(values), 0
    return replace(
        value_histogram(name, inside, say=say),
        title=name,
        note=say("values-beyond", count=number(beyond)) if beyond else "",
    )
