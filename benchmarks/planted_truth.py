"""What was planted in a set, from its truth file: one entry a fault, with what must be said of it.

A truth file is a JSON object: a kind of fault, and the list of where it was planted. Kinds are
known by their names, not the sets; a kind that nobody knows here counts as one that was missed.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Truth = Mapping[str, Any]

NOTES = {"source", "seed", "encoding", "target", "classes", "ignore", "classes_meant"}
NOTES |= {"files_train", "_counts"}

UNREADABLE = ("unreadable-files",)
BOXES = ("bad-boxes", "bad-boxes (remark)")
IMAGES = ("bad-boxes", "unreadable-files", "object-statistics")
MASKS = ("bad-masks", "unreadable-files")
ENDING = re.compile(r"\.(jpe?g|png|gif|bmp|tiff?|webp|txt|xml)$", re.IGNORECASE)

COPIES = ("exact-duplicates", "near-duplicates")
KEPT = ("kept",)
LAYOUT = ("layout",)


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault.

    Args:
        kind: In the words of the truth file.
        codes: Findings (or `kept`, `layout`, `junk`) of which one must name it; the first one is
            the row of the table that it counts for.
        names: All of them must be named.
        words: What must be said, "" for anything.
        required: Whether it must be found; others are no false alarm if they are.
        either: One of the names is enough.
    """

    kind: str
    codes: tuple[str, ...]
    names: frozenset[str]
    words: str = ""
    required: bool = True
    either: bool = False

    def among(self, named: frozenset[str]) -> bool:
        """Whether it is named there."""
        return bool(self.names & named) if self.either else self.names <= named


def key(name: str) -> str:
    """What stays of a path where folders and endings differ; rows of a table stay whole.

    >>> key("images/001.JPG"), key("train.csv#line7"), key("images/b.png#line7")
    ('001', 'train.csv#line7', 'b')
    """
    if re.fullmatch(r"[^/]+\.[ct]sv#line\d+", name):
        return name
    plain = re.sub(r"#line\d+$", "", name.strip()).replace("\\", "/").rstrip("/")
    last = plain.rpartition("/")[2]
    return ENDING.sub("", last).lower()


def planted(truth: Truth, folder: Path) -> list[Planted]:
    """Everything that a truth file lists."""
    found: list[Planted] = []
    for kind, entries in truth.items():
        if kind in NOTES:
            continue
        for entry in entries:
            found.extend(RULES.get(kind, _unknown)(kind, entry, _Set(truth, folder)))
    return found


class _Set:
    """A set's own files, where a truth file points into them."""

    def __init__(self, truth: Truth, folder: Path) -> None:
        self.truth, self.folder = truth, folder

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Identifier and cells of every row of every table."""
        for path in sorted(self.folder.glob("*.csv")):
            text = path.read_bytes().decode(self.truth.get("encoding", "utf-8-sig"))
            reader, line = csv.reader(io.StringIO(text, newline="")), 1
            for cells in reader:
                if line > 1 and cells:
                    yield f"{path.name}#line{line}", cells
                line = reader.line_num + 1

    def numbered(self, number: int) -> str:
        """The row that was number `number` before anything was planted."""
        identifiers = [c["column"] for c in self.truth.get("columns", ()) if "ident" in c["kind"]]
        if not identifiers:
            rows = [name for name, _ in self.rows()]
            return ([name for name in rows if name.startswith("train")] or rows)[number]
        digits = f"{number:06d}"
        return next(name for name, cells in self.rows() if any(c.endswith(digits) for c in cells))

    def saying(self, start: str) -> frozenset[str]:
        """The rows whose text begins like this."""
        return frozenset(
            name for name, cells in self.rows() if any(cell.startswith(start) for cell in cells)
        )

    def image(self, number: int) -> str:
        """Key of the file of an image of a COCO file."""
        for path in self.folder.glob("**/*.json"):
            for image in json.loads(path.read_text("utf-8"))["images"]:
                if image["id"] == number:
                    return key(image["file_name"])
        return f"image {number}"


def _unknown(kind: str, _entry: Truth, _set: _Set) -> Iterator[Planted]:
    yield Planted("nobody says how to tell", ("unknown",), frozenset({kind}))


def _of_files(*codes: str, required: bool = True) -> Any:
    def read(kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
        how = f"{kind}: {entry['how']}" if "how" in entry else kind
        yield Planted(how, codes, frozenset({key(entry["file"])}), required=required)

    return read


def _copies(kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    names = frozenset(map(key, entry["files"]))
    how = f"{entry.get('how', 'repeated')}, {entry['where']}"
    yield Planted(how, ("exact-duplicates",) if kind.startswith("exact") else COPIES[1:], names)
    if entry["where"] == "other class":
        yield Planted(how, ("conflicting-duplicates",), names)
        for name in names:  # one of the two is wrong, and may be told as such
            yield Planted(how, ("label-errors",), frozenset({name}), required=False)
    if entry["where"] == "train/test":
        yield Planted(how, ("split-leak",), names)


def _class_problems(_kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    what, name = entry["what"], key(entry["path"])
    if "one single image" in what:
        yield Planted(what, ("rare-class",), frozenset({name}))
    elif "only the test part has" in what:
        yield Planted(what, UNREADABLE, frozenset(), words=f"class {name!r} has no training images")
    elif "deeper" in what:
        yield Planted(what, KEPT, frozenset({name}))
    elif "checkpoints" in what:
        yield Planted(what, ("skipped",), frozenset({key(entry["path"])}))
    else:
        yield Planted(what, LAYOUT, frozenset({name}))


BOX_WORDS = {
    "box_out_of_bounds": "over the edge of the image",
    "box_wholly_outside": "outside of the image",
    "box_zero_area": "no area",
    "box_negative_size": "corners exchanged",
    "box_as_xyxy": "corners given as width and height",
    "box_below_2px": "under 2 pixels",
    "same_box_twice": "the same box twice",
    "same_box_two_classes": "another class on the same box",
    "unknown_category": "a category that is not in the file",
    "unknown_image": "an image that is not in the file",
    "duplicate_annotation_id": "an annotation id is used more than once",
    "polygon_with_two_points": "a polygon of fewer than three points",
    "empty_segmentation": "an empty segmentation",
    "missing_field": "no '",
}


def _box(kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    numbers = entry.get("ann_ids", [entry.get("ann_id")])
    names = frozenset(f"annotation {number}" for number in numbers)
    yield Planted(kind, BOXES, names, BOX_WORDS[kind], either=True)
    yield Planted(kind, BOXES, names, required=False, either=True)


COCO_IMAGES = ("image_file_missing", "duplicate_image_id", "same_file_under_two_ids")
COCO_IMAGES += ("wrong_size_in_json", "image_truncated", "image_without_annotations")
COCO_IMAGES += ("image_not_in_json", "file_name_with_windows_folder")


def _coco_image(kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    numbers = entry.get("image_ids", [entry["image_id"]] if "image_id" in entry else [])
    name = key(entry["file"]) if "file" in entry else of.image(numbers[0])
    codes = UNREADABLE if "missing" in kind or "truncated" in kind else IMAGES
    yield Planted(kind, codes, frozenset({name}))
    yield Planted(kind, ("bad-boxes (remark)",), frozenset({name}), required=False)


VOC_WORDS = {
    "swapped_corners": "corners exchanged",
    "zero_area": "no area",
    "out_of_bounds": "over the edge",
    "size_zero": "0 x 0 is stated",
    "size_swapped": "turned",
    "class_blanks": "blanks around it",
    "filename_differs": "the file name in it is another",
    "filename_without_extension": "the file name in it is another",
    "image_missing": "there is no such file",
    "no_objects": "",
    "object_without_box": "without box",
    "broken_xml": "no sound XML",
    "image_without_xml": "not mentioned",
}


def _voc(kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    yield Planted(kind, IMAGES, frozenset({key(entry["file"])}), VOC_WORDS[kind])
    codes = ("bad-boxes (remark)", "unreadable-files", "object-statistics")
    yield Planted(kind, codes, frozenset({key(entry["file"])}), required=False)


def _voc_class(kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    text = (of.folder / "annotations" / entry["file"]).read_text("utf-8")
    names = re.findall(r"<name>(.*?)</name>", text)
    odd = entry.get("text") or next(name for name in names if name != name.lower())
    yield Planted(kind, BOXES, frozenset({key(odd)}), "a class name like another")


def _line(_kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    names = frozenset({key(entry["file"]), f"line {entry['line']}"})
    yield Planted(entry["kind"], BOXES, names)


def _valid(kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    name = entry.get("file") or entry["mask"]
    yield Planted(entry.get("kind", kind), KEPT, frozenset({key(name)}))


def _yolo_file(kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    kind, name = entry["kind"], key(entry["file"])
    if "not a label file" in kind:
        yield Planted(kind, ("skipped",), frozenset({name}))
    elif "data.yaml" in kind:
        for words in ("nc differs", "train: ", "val: "):
            yield Planted(f"data.yaml: {words}", BOXES, frozenset({name}), words)
    else:
        required = "valid" not in kind
        yield Planted(kind, IMAGES, frozenset({name}), required=required)
        yield Planted(kind, ("object-statistics",), frozenset({name}), required=False)


def _mask(_kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    for name in entry["mask"].split(" and "):
        yield Planted(entry["kind"], MASKS, frozenset({key(name)}))


REJECTED_TARGETS = {"target missing", "target NaN", "target is text", "decimal comma", "inf"}
REJECTED_TARGETS |= {"thousands separator", "file not there", "row twice", "image truncated"}
REJECTED_TARGETS |= {"image without row", "empty text", "only blanks", "label missing"}
RESOLVED = {"windows path", "blanks around", "no extension", "other case"}
RESOLVED |= {"line breaks inside", "quotes inside"}


def _bad_row(kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    if "mask" in entry:
        yield from _mask(kind, entry, of)
        return
    kind, row = entry["kind"], entry.get("row")
    named = of.numbered(row) if isinstance(row, int) else (row[0] if row else entry["file"])
    names = frozenset({key(named)})
    if kind in REJECTED_TARGETS:
        yield Planted(kind, UNREADABLE, names)
    elif kind in RESOLVED:
        yield Planted(kind, KEPT, names)
    elif kind == "same image, other target":
        yield Planted(kind, ("conflicting-duplicates",), names)
        yield Planted(kind, ("exact-duplicates",), names)
    elif kind in {"label spelt otherwise", "unknown label"}:
        codes = LAYOUT if "spelt" in kind else ("rare-class",)
        yield Planted(kind, codes, frozenset({key(entry["label"])}))
    elif kind in {"html left in", "address"}:
        yield Planted(kind, ("leftover-markup",), names)
        yield Planted(kind, ("outliers",), names, required=False)
    elif kind == "outlier" or "character" in kind:
        yield Planted(kind, ("outliers",), names)
    else:
        yield from _unknown(kind, entry, of)


def _flip(_kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    name = entry["file"] if "file" in entry else of.numbered(entry["row"])
    how = f"{entry['true']} labelled {entry['given']}"
    yield Planted(how, ("label-errors",), frozenset({key(name)}))


def _same_text(kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    rows = of.saying(entry["text"])
    yield Planted(kind, ("exact-duplicates",), rows)
    if kind == "train_test_leak":
        yield Planted(kind, ("split-leak",), rows)
    if kind == "same_text_two_labels":
        yield Planted(kind, ("conflicting-duplicates",), rows)
        for row in rows:
            yield Planted(kind, ("label-errors",), frozenset({row}), required=False)


def _file(_kind: str, entry: Truth, _set: _Set) -> Iterator[Planted]:
    yield Planted(entry["kind"], ("read",), frozenset())


COLUMNS = {
    "identifier": ("identifier-column",),
    "constant": ("constant-column",),
    "all missing": ("constant-column", "missing-values"),
    "leak": ("leaking-column",),
    "copy of another": ("multicollinearity",),
    "dates as text": ("mixed-types",),
    "numbers mixed": ("mixed-types",),
}


def _column(_kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    kind, column = entry["kind"], entry.get("column")
    codes = next((codes for start, codes in COLUMNS.items() if kind.startswith(start)), None)
    if column and codes:
        yield Planted(kind, codes, frozenset({key(column)}))
        yield Planted(kind, ("missing-values",), frozenset({key(column)}), required=False)
    elif match := re.search(r"(\w+) missing$", kind):
        yield Planted(kind, ("missing-values",), frozenset({match[1]}))
    else:
        yield from _unknown(kind, entry, of)


def _cells(_kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    kind, column = entry["kind"], entry.get("column")
    rows = [of.numbered(number) for number in entry["rows"]]
    if "only in test" in kind or "spelt" in kind:
        codes = ("covariate-shift",) if "only" in kind else ("layout", "inconsistent-spelling")
        yield Planted(kind, codes, frozenset({key(str(column))}))
        return
    codes = UNREADABLE if kind == "target missing" else ("outliers",)
    for row in rows:
        yield Planted(kind, codes, frozenset({row}))


def _rows(_kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    for name in entry["row_ids"]:
        rows = frozenset(row for row, cells in of.rows() if name in cells)
        yield Planted(entry["kind"], ("exact-duplicates",), rows)
        if "test part" in entry["kind"]:
            yield Planted(entry["kind"], ("split-leak",), rows)


def _shift(_kind: str, entry: Truth, of: _Set) -> Iterator[Planted]:
    match = re.match(r"(\w+) holds the pictures of (\w+), changed", entry["kind"])
    if match is None:
        yield from _unknown(entry["kind"], entry, of)
        return
    changed, same = match.groups()
    yield Planted(f"{changed} is changed", ("covariate-shift",), frozenset({changed}))
    for path in sorted((of.folder / changed).rglob("*.*")):
        place = path.relative_to(of.folder / changed).as_posix()
        names = frozenset({f"{changed}/{place}", f"{same}/{place}"})
        yield Planted("the picture before its change", ("near-duplicates",), names)


RULES: Mapping[str, Any] = {
    "label_flips": _flip,
    "exact_duplicates": _copies,
    "near_duplicates": _copies,
    "unreadable": _of_files(*UNREADABLE),
    "damaged_but_decodes": _of_files("outliers", "unreadable-files", required=False),
    "unusual_but_valid": _valid,
    "valid_but_unusual": _valid,
    "blank_or_extreme": _of_files("outliers"),
    "odd_names": _of_files("kept", "unreadable-files"),
    "class_problems": _class_problems,
    "junk": _of_files("junk", "skipped"),
    **dict.fromkeys(BOX_WORDS, _box),
    **dict.fromkeys(VOC_WORDS, _voc),
    **dict.fromkeys(("class_typo", "class_case"), _voc_class),
    **dict.fromkeys(("difficult", "float_coordinate"), _valid),
    **dict.fromkeys(COCO_IMAGES, _coco_image),
    "crowd_annotations": lambda *_: iter(()),
    "bad_lines": _line,
    "files": _yolo_file,
    "bad": _bad_row,
    "file": _file,
    **dict.fromkeys(("train_test_leak", "row_twice", "same_text_two_labels"), _same_text),
    "columns": _column,
    "cells": _cells,
    "rows": _rows,
    "shift": _shift,
}
