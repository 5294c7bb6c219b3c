"""Memory and time of `look` on generated data of a million samples, one process for each kind.

Run: python benchmarks/look_scale.py [--rows 1000000] [--kinds table text images boxes]

| kind | what is generated | what runs |
|---|---|---|
| table | a Parquet file of five columns and a target | `phoropter look`, whole |
| text | a CSV file of reviews of 4 to 20 words | `phoropter look`, whole |
| images | an index of images in ten classes and 2,000 folders | the index read, every check |
| boxes | a COCO file, ten boxes an image, and its images' index | both read, every check |

No picture is opened: the index says that nothing has changed since it was measured, and its
thumbnails are flat, so that checks which compare pictures have nothing to compare. The aim is to
stay under 4 GiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from phoropter.core.records import Dataset
from phoropter.data.index import _SCHEMA, _VERSION, THUMBNAIL_PX, index, thumbnails
from phoropter.data.readers import coco
from phoropter.look.evidence import LookEvidence
from phoropter.look.run import look
from phoropter.project import api
from phoropter.project.results import LookResult

KINDS = ("table", "text", "images", "boxes")
LIMIT_GIB = 4.0
BOXES_PER_IMAGE = 10
CLASSES = 10


def table(folder: Path, rows: int) -> None:
    """A table, looked at by the command's function."""
    draw = np.random.default_rng(0)
    numbers = {f"number {at}": draw.normal(size=rows).round(4) for at in range(3)}
    kinds = {"kind": draw.choice(["a", "b", "c", "d"], rows), "unit": np.arange(rows) % 977}
    label = np.where(numbers["number 0"] + draw.normal(size=rows) > 0, "yes", "no")
    pl.DataFrame({**numbers, **kinds, "label": label}).write_parquet(folder / "rows.parquet")
    report_page(api.look(folder / "rows.parquet", project=folder / "p"))


def text(folder: Path, rows: int) -> None:
    """Reviews, looked at by the command's function."""
    draw = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(20_000)])
    places = (draw.pareto(1.2, size=20 * rows) * 20).astype(np.int64) % len(words)
    lengths = draw.integers(4, 21, rows)
    starts = np.arange(rows) * 20
    texts = [
        " ".join(words[places[start : start + length]])
        for start, length in zip(starts, lengths, strict=True)
    ]
    label = np.where(draw.random(rows) < 0.5, "good", "bad")
    pl.DataFrame({"text": texts, "label": label}).write_csv(folder / "reviews.csv")
    del texts, places
    report_page(api.look(folder / "reviews.csv", project=folder / "p"))


def images(folder: Path, rows: int) -> None:
    """Class folders as their index knows them."""
    paths = [f"class {n % CLASSES}/day {n % 2_000}/{n:08d}.jpg" for n in range(rows)]
    nothing = pl.Series([None] * rows, dtype=pl.String)
    frame = pl.DataFrame(
        {
            "id": paths,
            "path": paths,
            "label": [f"class {n % CLASSES}" for n in range(rows)],
            "group": nothing,
            "part": nothing,
            "part_name": nothing,
        }
    )
    about = f"class folders, {CLASSES} classes, {rows} images"
    dataset = Dataset("x", folder, "folders", about, "classification", ("label",), frame)
    looked(dataset, folder)


def boxes(folder: Path, rows: int) -> None:
    """A COCO file of boxes."""
    draw = np.random.default_rng(0)
    count = rows // BOXES_PER_IMAGE
    (folder / "train").mkdir()
    for number in range(count):
        (folder / "train" / f"{number:08d}.jpg").touch()
    corners = draw.integers(0, 400, (rows, 2)).tolist()
    sides = draw.integers(5, 80, (rows, 2)).tolist()
    listed = [
        {"id": n, "file_name": f"{n:08d}.jpg", "height": 480, "width": 640} for n in range(count)
    ]
    annotations = [
        {
            "id": n, "image_id": n % count, "category_id": 1 + n % CLASSES, "iscrowd": 0,
            "bbox": [*corners[n], *sides[n]], "area": sides[n][0] * sides[n][1],
        }
        for n in range(rows)
    ]  # fmt: skip
    categories = [{"id": 1 + n, "name": f"class {n}"} for n in range(CLASSES)]
    content = {"images": listed, "annotations": annotations, "categories": categories}
    (folder / "train.json").write_text(json.dumps(content))
    del corners, sides, listed, annotations, content
    looked(coco.read(folder, target=None), folder)


def looked(dataset: Dataset, folder: Path) -> None:
    """Every check on a data set whose files are as their index knows them."""
    cache = folder / "index.parquet"
    write_index(dataset, cache)
    indexed = index(dataset, cache=cache)
    pictures = thumbnails(indexed, cache)
    report(look(LookEvidence(indexed, None, None, pictures)).findings)


def write_index(dataset: Dataset, cache: Path) -> None:
    """Measurements as `index` keeps them, of files that have not changed since."""
    draw = np.random.default_rng(1)
    paths = sorted(set(dataset.table["path"]))
    count = len(paths)
    stated = [_stated(dataset.root / path) for path in paths]
    flat = bytes(THUMBNAIL_PX * THUMBNAIL_PX)
    columns = {
        "path": paths,
        "size_bytes": [size for size, _ in stated],
        "mtime_ns": [when for _, when in stated],
        "digest": [f"{number:032x}" for number in range(count)],
        "height": [480] * count,
        "width": [640] * count,
        "mode": ["RGB"] * count,
        "format": ["JPEG"] * count,
        "frames": [1] * count,
        "brightness": draw.normal(0.5, 0.1, count),
        "contrast": draw.normal(0.2, 0.05, count),
        "sharpness": draw.gamma(2, 0.01, count),
        "entropy": draw.normal(7, 0.5, count),
        "problem": pl.Series([None] * count, dtype=pl.String),
        "thumbnail": [flat] * count,
    }
    frame = pl.DataFrame(columns, schema=_SCHEMA)
    frame.write_parquet(cache, metadata={"version": str(_VERSION)})


def _stated(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:  # as the index notes one that is gone
        return -1, -1
    return found.st_size, found.st_mtime_ns


def report(findings: tuple[object, ...]) -> None:
    """What was found, for the line of the benchmark."""
    print(len(findings), "findings")


def report_page(result: LookResult) -> None:
    """The same of the whole command, with the size of its page."""
    size = Path(result.report).stat().st_size
    print(len(result.findings), f"findings, a page of {size / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--alone", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        with tempfile.TemporaryDirectory() as place:
            begun = time.perf_counter()
            globals()[given.alone](Path(place), given.rows)
            taken = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{peak:.2f} {taken:.0f}")
        return
    for kind in given.kinds:
        command = [sys.executable, __file__, "--alone", kind, "--rows", str(given.rows)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        findings, numbers = ended.stdout.strip().splitlines()[-2:]
        peak, taken = map(float, numbers.split())
        verdict = "ok" if peak < LIMIT_GIB else "TOO MUCH"
        print(f"{kind:7} {given.rows:,} rows: {peak:.2f} GiB {verdict}, {taken:.0f} s, {findings}")


if __name__ == "__main__":
    main()
