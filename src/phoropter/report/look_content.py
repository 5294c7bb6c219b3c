"""What the page of `look` is made of: records only, so that it can be made without any image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from phoropter.core.records import Dataset, Finding, Split
from phoropter.look.map import DataMap
from phoropter.look.object_profile import ObjectProfile
from phoropter.look.table_profile import TableProfile
from phoropter.look.text_profile import TextProfile
from phoropter.report.excerpts import Excerpt

MOST_SINGLE = 40
MOST_TOGETHER = 12
MOST_IN_GROUP = 6
MOST_OF_KIND = 6

_PLACES = ("families", "samples", "examples", "files")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A sample shown for a finding.

    Args:
        id: Its identifier.
        facts: What the finding says of it, by name.
    """

    id: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClassGallery:
    """Samples of one class, by identifier.

    Args:
        samples: Evenly spread over the files.
        typical: Nearest to the middle of the class.
        unusual: Farthest from it.
    """

    samples: tuple[str, ...]
    typical: tuple[str, ...]
    unusual: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Many small pictures in one WebP file, row by row.

    Args:
        file: The file.
        columns: Pictures in a row.
        rows: Rows.
        places: The place of each sample's picture, by identifier.
    """

    file: bytes
    columns: int
    rows: int
    places: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LookContent:
    """Everything the page tells.

    Args:
        name: What to call the data.
        dataset: Indexed.
        split: Its parts.
        findings: Most severe first.
        features: Where the features came from.
        galleries: By class; under "" where there are no classes.
        map: Where samples lie among each other, or None.
        pictures: WebP files by identifier; `wanted` says which are shown.
        means: WebP files of the mean image of each class.
        sheet: Pictures of the points of the map, or None.
        excerpts: The cells of texts and of rows of a table by identifier; `wanted` says which.
        placed: Annotated objects with the size of their image (`placed_objects`), or None.
        objects: What the objects or masks look like as a whole, or None.
        texts: What the texts look like as a whole, or None.
        table: What the columns look like, or None.
    """

    name: str
    dataset: Dataset
    split: Split
    findings: tuple[Finding, ...]
    features: str = ""
    galleries: Mapping[str, ClassGallery] = field(default_factory=dict)
    map: DataMap | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    means: Mapping[str, bytes] = field(default_factory=dict)
    sheet: Sheet | None = None
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    placed: pl.DataFrame | None = None
    objects: ObjectProfile | None = None
    texts: TextProfile | None = None
    table: TableProfile | None = None


def exhibits(finding: Finding) -> tuple[tuple[Exhibit, ...], ...]:
    """The samples that a finding names, those that belong together in one group.

    They are the `families` of its evidence, else its `samples`, `examples` or `files`. An entry is
    an identifier, a mapping with an `id` and further facts, or a list of these; other entries are
    passed over. A mapping holds entries by kind, and each of them says its kind.

    >>> finding = Finding("x", "info", 1.0, "", {"samples": ["a", [{"id": "b", "part": "val"}]]})
    >>> [[item.id for item in group] for group in exhibits(finding)]
    [['a'], ['b']]
    """
    named = (finding.evidence.get(place) for place in _PLACES)
    entries = next((found for found in named if found), ())
    if isinstance(entries, Mapping):
        entries = [
            {"kind": kind, **(entry if isinstance(entry, Mapping) else {"id": entry})}
            for kind, several in entries.items()
            if isinstance(several, list | tuple)
            for entry in several[:MOST_OF_KIND]
        ]
    if not isinstance(entries, list | tuple):
        return ()
    groups = [
        tuple(_shown(entry if isinstance(entry, list | tuple) else [entry])) for entry in entries
    ]
    groups = [group[:MOST_IN_GROUP] for group in groups if group]
    several = any(len(group) > 1 for group in groups)
    return tuple(groups[: MOST_TOGETHER if several else MOST_SINGLE])


def _shown(entries: list[Any] | tuple[Any, ...]) -> Iterator[Exhibit]:
    for entry in entries:
        if isinstance(entry, str):
            yield Exhibit(entry)
        elif isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
            yield Exhibit(entry["id"], {key: entry[key] for key in entry if key != "id"})


def wanted(content: LookContent) -> tuple[str, ...]:
    """Identifiers of the samples that the page shows, each once."""
    shown = [
        identifier
        for gallery in content.galleries.values()
        for identifier in (*gallery.samples, *gallery.typical, *gallery.unusual)
    ]
    shown += [
        item.id for finding in content.findings for group in exhibits(finding) for item in group
    ]
    return tuple(dict.fromkeys(shown))
