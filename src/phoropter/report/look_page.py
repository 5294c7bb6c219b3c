"""The page of `look`: what the data are and what is wrong with them, with the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from phoropter.core.files import write_text
from phoropter.core.records import Finding
from phoropter.report import facts
from phoropter.report.excerpts import Excerpt, shown_columns
from phoropter.report.figures.clusters import cluster_figures
from phoropter.report.look_content import Exhibit, LookContent, exhibits, wanted
from phoropter.report.look_figures import (
    column_figures,
    correlation_figure,
    object_figures,
    property_figures,
    text_figures,
)
from phoropter.report.numbers import number
from phoropter.report.overlay import class_colours, overlay
from phoropter.report.plane import planes
from phoropter.report.sentences import Sentences
from phoropter.report.shell import Section, data_facts, filled

_SILENT = frozenset({"part", "mask", "annotation", "line", "path", "column"})
"""What a finding says of a sample that is told elsewhere, or only helps a program."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A sample shown for a finding: its words, its part, the objects on it, the cell meant."""

    id: str
    part: str
    lines: tuple[str, ...]
    overlay: Markup | None
    column: str


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
    known = {**_of_samples(content, say), **_of_kind(content, say), **_of_map(content, say)}
    modality = content.dataset.modality
    candidates = (
        (Section("findings", "h-look-findings", "look_findings.html"), True),
        (Section("classes", f"h-classes-{modality}", "look_classes.html"), True),
        (Section("objects", "h-objects", "look_objects.html"), content.objects),
        (Section("texts", "h-texts", "look_texts.html"), content.texts),
        (Section("columns", "h-columns", "look_columns.html"), content.table),
        (Section("properties", "h-properties", "look_properties.html"), known["properties"]),
        (Section("map", "h-map", "look_map.html"), known["planes"]),
        (Section("rejected", "h-rejected", "look_rejected.html"), True),
        (Section("split", "h-split", "split.html"), True),
    )
    return filled(
        "look_headline.html",
        [section for section, there in candidates if there],
        say=say,
        subject="look-of",
        styles=("style.css", "look.css"),
        c=content,
        **known,
        **data_facts(content.dataset, content.split, say),
    )


def _of_samples(content: LookContent, say: Sentences) -> dict[str, Any]:
    """The findings with their samples, and what is drawn over pictures."""
    dataset = content.dataset
    part_of = dict(zip(content.split.table["id"], content.split.table["part"], strict=True))
    drawn = _Overlays(content)
    return {
        "severities": {
            severity: sum(finding.severity == severity for finding in content.findings)
            for severity in ("critical", "warning", "info")
        },
        "shown": [
            (finding, _captioned(finding, content, part_of, drawn, say))
            for finding in content.findings
        ],
        "overlays": {name: drawn.of(name) for name in wanted(content)},
        "annotated": content.objects is not None,
        "colours": class_colours(dataset.classes) if content.objects else {},
        "columns": shown_columns(dataset) if dataset.modality != "image" else (),
        "classes": len(facts.label_counts(dataset, content.split)) or len(dataset.classes),
    }


def _of_kind(content: LookContent, say: Sentences) -> dict[str, Any]:
    """The figures of pictures, objects, texts or columns, whichever the data have."""
    ids, split = content.dataset.table["id"], content.split
    known: dict[str, Any] = {
        "properties": [],
        "modes": facts.tally(content.dataset, "mode"),
    }
    if content.dataset.modality == "image":
        known["properties"] = property_figures(content, say)
    if content.objects is not None:
        known["object_figures"] = object_figures(content.objects, split, say)
    if content.texts is not None:
        known["text_figures"] = text_figures(content.texts, ids, split, say)
    if content.table is not None:
        known["column_figures"] = column_figures(content.table, ids, split, say)
        known["correlation"] = correlation_figure(content.table, say)
    return known


def _of_map(content: LookContent, say: Sentences) -> dict[str, Any]:
    clusters = content.map.clusters if content.map else None
    return {
        "planes": planes(content, say),
        "clusters": cluster_figures(clusters, say=say) if clusters else (),
        "lonely": int((clusters.dense < 0).sum()) if clusters else 0,
        "dense": int(clusters.dense.max()) + 1 if clusters else 0,
    }


class _Overlays:
    """The objects of each picture, drawn when they are asked for."""

    def __init__(self, content: LookContent) -> None:
        self._content = content
        self._colours = class_colours(content.dataset.classes)
        shown = list(wanted(content))
        self._placed: dict[str, pl.DataFrame] = {}
        if content.placed is not None:
            there = content.placed.filter(pl.col("id").is_in(shown))
            self._placed = {
                str(own["id"][0]): own for own in there.partition_by("id", maintain_order=True)
            }

    def of(self, name: str, marked: Any = None) -> Markup | None:
        """The overlay of a picture, None where it has no objects."""
        own = self._placed.get(name)
        size = None if own is None else (own["image_height"][0], own["image_width"][0])
        if own is None or size is None or None in size:
            return None
        return overlay(own, size, self._colours, marked=marked)


def _captioned(
    finding: Finding,
    content: LookContent,
    part_of: Mapping[str, str],
    drawn: _Overlays,
    say: Sentences,
) -> list[list[_Shown]]:
    """Groups of samples, each with its identifier and what the finding says of it."""
    groups = exhibits(finding)
    if content.dataset.modality == "text":
        groups = tuple(_merged(group, content.excerpts) for group in groups)
    return [
        [_shown(item, part_of.get(item.id, ""), drawn, say) for item in group] for group in groups
    ]


def _merged(group: tuple[Exhibit, ...], excerpts: Mapping[str, Excerpt]) -> tuple[Exhibit, ...]:
    """The group with texts that read the same, target and all, shown once."""
    first: dict[tuple[str, ...], Exhibit] = {}
    for item in group:
        cells = tuple(excerpts.get(item.id, {}).values()) or (item.id,)
        one = first.setdefault(cells, item)
        if one is not item:
            also = [*one.facts.get("also", []), item.id]
            first[cells] = Exhibit(one.id, {**one.facts, "also": also})
    return tuple(first.values())


def _shown(item: Exhibit, part: str, drawn: _Overlays, say: Sentences) -> _Shown:
    return _Shown(
        id=item.id,
        part=say(part) if part else "",
        lines=tuple(
            _fact(name, value, say) for name, value in item.facts.items() if name not in _SILENT
        ),
        overlay=drawn.of(item.id, item.facts.get("box")),
        column=str(item.facts.get("column", "")),
    )


def _fact(name: str, value: object, say: Sentences) -> str:
    if isinstance(value, list | tuple):
        text = ", ".join(map(number, value))
    else:
        text = value if isinstance(value, str) else number(value)
    if name in {"why", "kind"}:
        text = say.text(say.known(f"why-{text}", text))
    return f"{say.known(f'evidence-{name}', name)}: {text}"
