"""Reading a COCO file of many boxes: time and memory beside pycocotools' `COCO()`.

Run: python benchmarks/coco_reading.py [--boxes N] [--images N] [--rounds N] [--polygons]

Each reading is a process of its own that imports, reads and ends; both alternate. Seconds are those
of the reading alone, on the clock and of all cores together (which other programs disturb less),
megabytes the largest resident set less that of the process after its imports. Ours also looks for
the files of the images, which are empty here, and for faults.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BEFORE = """
import resource, sys, time
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""
AFTER = """
print(time.perf_counter() - begun, time.process_time() - cpu, peak() - before, boxes)
"""
OURS = f"""{BEFORE}
from pathlib import Path
from phoropter.data.readers import coco
before, begun, cpu = peak(), time.perf_counter(), time.process_time()
dataset = coco.read(Path(sys.argv[1]), target=None)
boxes = dataset.objects.height
{AFTER}"""
PEER = f"""{BEFORE}
import contextlib, io
from pycocotools.coco import COCO
before, begun, cpu = peak(), time.perf_counter(), time.process_time()
with contextlib.redirect_stdout(io.StringIO()):
    read = COCO(sys.argv[1])
boxes = len(read.anns)
{AFTER}"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--boxes", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--polygons", action="store_true", help="a polygon of 20 points an object")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "instances_train.json")
        write(file, given.boxes, given.images, polygons=given.polygons)
        print(f"{given.boxes:,} boxes, {file.stat().st_size / 2**20:.0f} MiB")
        measured: dict[str, list[tuple[float, ...]]] = {"ours": [], "pycocotools": []}
        for _ in range(given.rounds):
            for name, code in (("ours", OURS), ("pycocotools", PEER)):
                measured[name].append(reading(code, file, given.boxes))
    medians = {
        name: [statistics.median(values) for values in zip(*rows, strict=True)]
        for name, rows in measured.items()
    }
    for name, (seconds, cpu, megabytes) in medians.items():
        print(f"{name:12} {seconds:6.2f} s  {cpu:6.2f} s of CPU  {megabytes:7.0f} MiB")
    ratios = [ours / peer for ours, peer in zip(*medians.values(), strict=True)]
    print("ours / pycocotools: time {:.2f}, CPU {:.2f}, memory {:.2f}".format(*ratios))


def write(file: Path, boxes: int, images: int, *, polygons: bool) -> None:
    """A file as COCO's own, with numbers of two decimals, and an empty file for each image."""
    draw = random.Random(0)
    (file.parent / "train").mkdir()
    for number in range(images):
        (file.parent / "train" / f"{number:012d}.jpg").touch()
    listed = [
        {"id": n, "file_name": f"{n:012d}.jpg", "height": 480, "width": 640} for n in range(images)
    ]
    names = [{"id": n, "name": f"class {n}", "supercategory": "all"} for n in range(1, 81)]
    with file.open("w") as opened:
        opened.write(f'{{"images": {json.dumps(listed)}, "annotations": [')
        for number in range(boxes):
            x, y = draw.uniform(0, 500), draw.uniform(0, 400)
            width, height = draw.uniform(1, 140), draw.uniform(1, 80)
            ring = [round(draw.uniform(0, 640), 2) for _ in range(40)] if polygons else []
            annotation = {
                "id": number + 1,
                "image_id": draw.randrange(images),
                "category_id": draw.randrange(1, 81),
                "bbox": [round(value, 2) for value in (x, y, width, height)],
                "area": round(width * height, 4),
                "iscrowd": 0,
                "segmentation": [ring] if polygons else [],
            }
            opened.write(("," if number else "") + json.dumps(annotation))
        opened.write(f'], "categories": {json.dumps(names)}}}')


def reading(code: str, file: Path, boxes: int) -> tuple[float, ...]:
    """Seconds, seconds of CPU and megabytes of one reading in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    *figures, read = finished.stdout.split()
    if int(read) != boxes:
        message = f"{read} boxes were read, not {boxes}"
        raise RuntimeError(message)
    return tuple(map(float, figures))


if __name__ == "__main__":
    main()
