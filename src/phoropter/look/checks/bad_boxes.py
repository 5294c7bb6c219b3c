"""Annotated boxes that cannot be right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import polars as pl

from phoropter.core.records import Finding, Prescription, Severity
from phoropter.look.box_faults import ODD, geometric_faults, misspelt, off_mask, repeated
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

CRITICAL_SHARE = 0.05
"""Share of objects with a fault from which the export, not a slip of the hand, is to blame."""

REMARKS = ODD | {"another class on the same box", "an image that is not there"}
"""Odd, but found in careful annotations too: named, no fault by themselves. What happened to an
image is told by `unreadable-files`."""

SIZE_TOLERANCE_PX = 1

_NAMED = 6
_FILES = "an entry of an annotation file"


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all objects, images and files whose annotation is wrong or odd."""
    objects = evidence.objects
    if objects is None:
        return
    faults = _faults(objects)
    entries = _images(evidence) + _spelling(evidence) + _files(evidence)
    if not faults.height and not entries:
        return
    kinds = {str(kind): int(n) for kind, n in faults["fault"].value_counts(sort=True).iter_rows()}
    for kind, _, _ in entries:
        kinds[kind] = kinds.get(kind, 0) + 1
    bad = faults.filter(~pl.col("fault").is_in(list(REMARKS)))
    share = bad["row"].n_unique() / max(objects.height, 1)
    wrong = bad.height + len(entries)
    severity: Severity = "info"
    if wrong:
        severity = "critical" if share >= CRITICAL_SHARE else "warning"
    yield Finding(
        code="bad-boxes",
        severity=severity,
        confidence=1.0,
        message=_message(bad["row"].n_unique(), objects.height, len(entries), kinds),
        evidence={
            "objects": objects.height,
            "bad": bad["row"].n_unique(),
            "share": share,
            "critical_share": CRITICAL_SHARE,
            "kinds": kinds,
            "examples": {kind: listed(_examples(kind, faults, entries)) for kind in kinds},
        },
        prescriptions=(_PRESCRIPTION,) if wrong else (),
    )


_PRESCRIPTION = Prescription(
    change={},
    advice="Correct the listed annotations in the tool they were made with, and export again.",
    expected_gain=None,
    cost=0.0,
    why="Wrong boxes teach wrong places; boxes without area make losses infinite, and duplicates "
    "count every miss twice.",
)

_Entry = tuple[str, str, str]


def _faults(objects: pl.DataFrame) -> pl.DataFrame:
    """Columns row, id, fault and where; an object may have several faults."""
    geometry = geometric_faults(objects)
    plain = geometry.is_null() | geometry.is_in(list(ODD))  # else the mask is far for that reason
    columns = {
        "geometry": geometry,
        "mask": _when(off_mask(objects) & plain, "far from its own mask"),
        "class": _when(objects["label"].is_null(), "an unknown class"),
        "image": _when(objects["image_width"].is_null(), "an image that is not there"),
        "twice": _when(repeated(objects, same_class=True), "the same box twice"),
        "two": _when(repeated(objects, same_class=False), "another class on the same box"),
        "empty": _when(_empty_mask(objects), "an empty mask"),
        "size": _when(_other_size(objects), "a mask not of its image's size"),
        "unreadable": objects["mask_fault"],
    }
    named = objects.select("id", "label", "x1", "y1", "x2", "y2", "mask_path", "extra")
    wide = named.with_row_index("row").with_columns(
        column.alias(name) for name, column in columns.items()
    )
    faulty = wide.filter(pl.any_horizontal(pl.col(list(columns)).is_not_null()))
    return (
        faulty.unpivot(list(columns), index=["row", *named.columns], value_name="fault")
        .filter(pl.col("fault").is_not_null())
        .sort("row", maintain_order=True)
    )


def _when(condition: pl.Series, words: str) -> pl.Series:
    return (
        pl.DataFrame({"condition": condition})
        .select(pl.when("condition").then(pl.lit(words)))
        .to_series()
    )


def _empty_mask(objects: pl.DataFrame) -> pl.Series:
    return objects.select(
        pl.col("mask_height").is_not_null() & pl.col("mask_x1").is_null()
    ).to_series()


def _other_size(objects: pl.DataFrame) -> pl.Series:
    return objects.select(
        (
            (pl.col("mask_height") != pl.col("image_height"))
            | (pl.col("mask_width") != pl.col("image_width"))
        ).fill_null(value=False)
    ).to_series()


def _images(evidence: LookEvidence) -> list[_Entry]:
    """Images whose annotation states another size than the file has."""
    table = evidence.dataset.table
    if "stated_height" not in table.columns:
        return []
    wrong = table.filter(
        ((pl.col("stated_height") - pl.col("height")).abs() > SIZE_TOLERANCE_PX)
        | ((pl.col("stated_width") - pl.col("width")).abs() > SIZE_TOLERANCE_PX)
    )
    entries = []
    for row in wrong.iter_rows(named=True):
        stated, real = (row["stated_height"], row["stated_width"]), (row["height"], row["width"])
        turned = ", turned" if stated == real[::-1] else ""
        why = f"{stated[0]} x {stated[1]} is stated, {real[0]} x {real[1]} it has{turned}"
        entries.append(("another size than stated", str(row["path"]), why))
    return entries


def _spelling(evidence: LookEvidence) -> list[_Entry]:
    if evidence.dataset.objects is None:
        return []
    labels = evidence.dataset.objects["label"].drop_nulls().value_counts()
    counts = {str(name): int(count) for name, count in labels.iter_rows()}
    return [
        (
            "a class name like another",
            name,
            f"{counts[name]} of {name!r}, {counts[other]} of {other!r}",
        )
        for name, other in misspelt(counts).items()
    ]


def _files(evidence: LookEvidence) -> list[_Entry]:
    """What the reader noticed in the annotation files."""
    return [
        (_FILES, item.path, item.reason)
        for item in evidence.dataset.rejected
        if item.kind == "annotation"
    ]


def _examples(
    kind: str, faults: pl.DataFrame, entries: list[_Entry]
) -> Iterator[dict[str, object]]:
    for row in faults.filter(pl.col("fault") == kind).iter_rows(named=True):
        box = [row[name] for name in ("x1", "y1", "x2", "y2")]
        example: dict[str, object] = {"id": row["id"], "label": row["label"], "box": box}
        if row["mask_path"]:
            example["mask"] = row["mask_path"]
        said = json.loads(row["extra"]) if row["extra"] else {}
        example |= {key: said[key] for key in ("id", "line") if key in said and key != "id"}
        if "id" in said:
            example["annotation"] = said["id"]
        yield example
    for named, path, why in entries:
        if named == kind:
            yield {"path": path, "why": why}


def _message(bad: int, total: int, entries: int, kinds: dict[str, int]) -> str:
    order = sorted(kinds, key=lambda kind: (kind in REMARKS, kind == _FILES, -kinds[kind]))
    first = order[:_NAMED]
    most = ", ".join(f"{kind} ({kinds[kind]:,})" for kind in first)
    if not bad and not entries:
        return f"Boxes worth a look: {most}."
    text = f"{counted(bad, 'object')} of {total:,} ({bad / max(total, 1):.1%}) cannot be right"
    if entries:
        text += f", and {counted(entries, 'more fault')} in annotation files"
    return f"{text}: {most}."
