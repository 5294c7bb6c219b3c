"""How many planted annotation faults are found, and what is reported beyond them.

Run: python benchmarks/annotation_faults.py --data DIR

DIR holds dirty_coco_dev, dirty_voc_dev, dirty_yolo_dev and dirty_seg_dev with the lists of their
faults in DIR/truth, and the sound sets coco_mini, fruits_nuts_coco and raccoon_voc.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phoropter.core.records import Finding
from phoropter.data.index import index
from phoropter.data.open import open_dataset
from phoropter.look.checks import bad_boxes, bad_masks, object_statistics
from phoropter.look.evidence import LookEvidence

COCO_BOXES = {
    "box_out_of_bounds": "over the edge of the image",
    "box_wholly_outside": "outside of the image",
    "box_zero_area": "no area",
    "box_negative_size": "corners exchanged",
    "box_as_xyxy": "corners given as width and height",
    "box_below_2px": "under 2 pixels",
    "same_box_twice": "the same box twice",
    "same_box_two_classes": "another class on the same box",
}
COCO_ENTRIES = {
    "unknown_category": "a category that is not in the file",
    "unknown_image": "an image that is not in the file",
    "duplicate_annotation_id": "an annotation id is used more than once",
    "polygon_with_two_points": "a polygon of fewer than three points",
    "empty_segmentation": "an empty segmentation",
    "missing_field": "no '",
}
COCO_IMAGES = {
    "image_file_missing": "there is no such file",
    "duplicate_image_id": "an image id is used twice",
    "same_file_under_two_ids": "one file under two image ids",
    "wrong_size_in_json": "is stated",
    "image_truncated": "unreadable",
    "image_without_annotations": "without objects",
    "image_not_in_json": "not mentioned",
    "file_name_with_windows_folder": "backslashes",
}
VOC = {
    "swapped_corners": "corners exchanged",
    "zero_area": "no area",
    "out_of_bounds": "over the edge",
    "size_zero": "0 x 0 is stated",
    "size_swapped": "turned",
    "class_blanks": "blanks around it",
    "filename_differs": "'other_name.jpg'",
    "filename_without_extension": "the file name in it is another ('raccoon-",
    "image_missing": "there is no such file",
    "no_objects": "without objects",
    "object_without_box": "without box",
    "broken_xml": "no sound XML",
    "image_without_xml": "not mentioned",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What is said of one set: a line a thing, findings and rejected entries alike."""

    lines: tuple[str, ...]
    examples: Mapping[str, Sequence[Mapping[str, Any]]]

    def saying(self, words: str) -> list[str]:
        return [line for line in self.lines if words in line]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    planted = found = beyond = 0
    for name, rows in (("coco", coco), ("voc", voc), ("yolo", yolo), ("seg", masks)):
        truth = json.loads((data / "truth" / f"dirty_{name}_dev.json").read_text("utf-8"))
        for kind, there, seen, more in rows(truth, reported(data / f"dirty_{name}_dev")):
            print(f"{name} {kind:60} planted {there}  found {seen}  beyond {more}")
            planted, found, beyond = planted + there, found + seen, beyond + more
    print(f"recall {found / planted:.3f} ({found} of {planted}), {beyond} reported beyond them")
    for name in ("coco_mini", "fruits_nuts_coco", "raccoon_voc"):
        print(name, reported(data / name).lines)


def reported(folder: Path) -> Report:
    dataset = index(open_dataset(folder))
    blank = np.zeros((len(dataset), 32, 32), dtype=np.uint8)
    evidence = LookEvidence(dataset, None, None, blank)
    lines = [f"{item.path} | {item.kind} | {item.reason}" for item in dataset.rejected]
    examples: dict[str, Sequence[Mapping[str, Any]]] = {}
    for finding in (*bad_boxes.check(evidence), *bad_masks.check(evidence)):
        examples |= {kind: list(rows) for kind, rows in of(finding)}
    for finding in object_statistics.check(evidence):
        lines += [f"{name} without objects" for name in finding.evidence["without_objects"]]
        lines += [f"{name} without file" for name in finding.evidence["without_annotation_file"]]
    lines += [f"{kind} | {json.dumps(row)}" for kind, rows in examples.items() for row in rows]
    return Report(tuple(lines), examples)


def of(finding: Finding) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    files = finding.evidence.get("files", ())
    yield from finding.evidence.get("examples", {}).items()
    for kind in {row["kind"] for row in files}:
        yield kind, [row for row in files if row["kind"] == kind]


Row = tuple[str, int, int, int]


def coco(truth: Mapping[str, Any], report: Report) -> Iterator[Row]:
    planted_twice = {row["ann_id"] for row in truth["duplicate_annotation_id"]}
    for kind, words in (COCO_BOXES | COCO_ENTRIES).items():
        if kind in COCO_BOXES:
            seen = {row["annotation"] for row in report.examples.get(words, ())}
        else:
            lines = " ".join(report.saying(f"| annotation | {words}"))
            seen = {int(number) for number in re.findall(r"annotation (\d+)", lines)}
        groups = [set(row.get("ann_ids", [row.get("ann_id")])) for row in truth[kind]]
        known = set().union(*groups) | planted_twice
        yield kind, len(groups), sum(bool(group & seen) for group in groups), len(seen - known)
    for kind, words in COCO_IMAGES.items():
        lines = report.saying(words)
        names = [str(row.get("file") or row["image_id"])[-10:] for row in truth[kind]]
        names = [name.replace("\\", "/").rpartition("/")[2] for name in names]
        hits = sum(any(name in line for line in lines) for name in names)
        yield kind, len(names), hits, len([x for x in lines if not any(n in x for n in names)])


def voc(truth: Mapping[str, Any], report: Report) -> Iterator[Row]:
    for kind, words in VOC.items():
        names = {row["file"].removesuffix(".xml") for row in truth[kind]}
        seen = {name for line in report.saying(words) for name in re.findall(r"raccoon-\d+", line)}
        spare = words == "without objects"  # boxes that were left out leave their images empty
        yield kind, len(names), len(names & seen), 0 if spare else len(seen - names)
    slips = {row["path"] for row in report.examples["a class name like another"]}
    for kind, name in (("class_typo", "raccono"), ("class_case", "RACCOON")):
        yield kind, 1, int(name in slips), 0
    valid = {row["file"][:-4] for row in truth["difficult"] + truth["float_coordinate"]}
    said = sum(any(f"{name}." in line for line in report.lines) for name in valid)
    yield "valid but unusual", 0, 0, said


def yolo(truth: Mapping[str, Any], report: Report) -> Iterator[Row]:
    said: set[tuple[str, int]] = set()
    for kind, rows in report.examples.items():
        if kind != "under 2 pixels":
            said |= {(Path(row["id"]).stem, row["line"]) for row in rows if "line" in row}
    for line in report.saying("| annotation |"):
        stem = Path(line.partition(" ")[0]).stem
        said |= {(stem, int(number)) for number in re.findall(r"line (\d+)", line)}
    lines = {(Path(row["file"]).stem, row["line"]): row["kind"] for row in truth["bad_lines"]}
    for place, kind in lines.items():
        yield kind, 1, int(place in said), 0
    yield "other lines, valid ones among them", 0, 0, len(said - set(lines))
    for kind, words in (
        ("label file missing", "194.jpg without file"),
        ("label file of white space", "136.txt | annotation | it holds nothing but white space"),
        ("labels without image", "009.txt | annotation | no image for it"),
        ("data.yaml: nc", "nc differs"),
        ("data.yaml: train", "train: '../somewhere"),
        ("data.yaml: val", "val: 'images/val'"),
    ):
        yield kind, 1, int(bool(report.saying(words))), 0
    yield "classes.txt taken for labels", 0, 0, len(report.saying("classes.txt"))


def masks(truth: Mapping[str, Any], report: Report) -> Iterator[Row]:
    planted: set[str] = set()
    for row in truth["bad"]:
        names = {Path(name).stem for name in row["mask"].split(" and ")}
        planted |= names
        hits = sum(any(name in line for line in report.lines) for name in names)
        yield row["kind"], len(names), hits, 0
    said = {stem for line in report.lines for stem in re.findall(r"masks/(\w+)\.", line)}
    yield "others, valid ones among them", 0, 0, len(said - planted)


if __name__ == "__main__":
    main()
