"""Annotation files with bytes changed: read or refused, never a crash, and no image is lost."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from phoropter.core.errors import PhoropterError
from phoropter.core.objects import OBJECTS_SCHEMA
from phoropter.data import rle
from phoropter.data.readers import coco, masks, voc, yolo

SHORT, LONG = 150, 6_000
TOKENS = [
    b"null", b"NaN", b"1e999", b"-1", b'"', b"{", b"]", b"[[", b"\\u0000", b"\xff\xfe", b"\x00",
    b"<!DOCTYPE a [", b"&x;", b"</object>", b"<![CDATA[", b"1" * 400, b"../../", b",", b"\n", b" ",
    b"names:", b"!!python/object:os.system", b"*a", b"&a [*a]", b"true", b"0.5", b": {", b"\t",
]  # fmt: skip


def mutated(content, draw):
    """The bytes with one to four random changes."""
    data = bytearray(content)
    for _ in range(draw.integers(1, 5)):
        at = int(draw.integers(0, len(data) + 1))
        kind = draw.integers(0, 5)
        if kind == 0 and data:
            data[at % len(data)] = draw.integers(0, 256)
        elif kind == 1:
            del data[at : at + int(draw.integers(1, 30))]
        elif kind == 2:
            data[at:at] = TOKENS[draw.integers(0, len(TOKENS))]
        elif kind == 3:
            data[at:at] = data[at : at + int(draw.integers(1, 60))]
        else:
            data = data[:at] or data
    return bytes(data)


def write_coco(folder):
    counts = rle.counts_of(np.eye(12, 16, dtype=bool))
    base = {"category_id": 1, "area": 5.5}
    document = {
        "images": [
            {"id": n, "file_name": f"{n}.png", "height": 12, "width": 16} for n in range(3)
        ],
        "annotations": [
            {**base, "id": 1, "image_id": 0, "bbox": [1, 2, 3.5, 4], "iscrowd": 0,
             "segmentation": [[1, 1, 5, 1, 5, 5]]},
            {**base, "id": 2, "image_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 1,
             "segmentation": {"size": [12, 16], "counts": counts}},
            {**base, "id": 3, "image_id": 1, "bbox": [0, 0, 1, 1], "attributes": {"a": [1]},
             "segmentation": {"size": [12, 16], "counts": rle.packed(counts)}},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder / "annotations.json"


def write_yolo(folder):
    (folder / "data.yaml").write_text("train: .\nnc: 2\nnames: [cat, dog]\n")
    for number in (1, 2):
        (folder / f"{number}.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    (folder / "0.txt").write_text("1 0.5 0.5 0.25 0.5\n0 .1 .1 .2 .1 .2 .2\n")
    return folder / "0.txt"


def write_config(folder):
    write_yolo(folder)
    return folder / "data.yaml"


def write_voc(folder):
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>8</xmax><ymax>9.5</ymax></bndbox>"
    ring = "<polygon><x1>1</x1><y1>1</y1><x2>4</x2><y2>1</y2><x3>4</x3><y3>4</y3></polygon>"
    entry = f"<object><name>cat</name><pose>Left</pose>{box}{ring}</object>"
    size = "<size><width>16</width><height>12</height><depth>3</depth></size>"
    for number in range(3):
        (folder / f"{number}.xml").write_text(
            f'<?xml version="1.0"?><annotation><filename>{number}.png</filename>'
            f"<source><database>x</database></source>{size}{entry}</annotation>"
        )
    return folder / "0.xml"


def write_mask(folder):
    values = np.repeat(np.arange(12, dtype=np.uint8)[:, None] // 4, 16, axis=1)
    for number in range(3):
        Image.fromarray(values).save(folder / f"{number}_mask.png")
    return folder / "0_mask.png"


def write_names(folder):
    write_mask(folder)
    (folder / "classes.txt").write_text("0 sky\n1 road\n2 void\n")
    return folder / "classes.txt"


PARSERS = {
    "coco": (coco, write_coco),
    "yolo": (yolo, write_yolo),
    "data.yaml": (yolo, write_config),
    "voc": (voc, write_voc),
    "masks": (masks, write_mask),
    "names": (masks, write_names),
}


def check_accounts(dataset, folder):
    """Every image is a sample or rejected, by itself or with its folder; objects are in order."""
    told = {item.path for item in dataset.rejected} | set(dataset.table["path"])
    for number in range(3):
        assert f"{number}.png" in told or "./" in told, number
    assert dataset.table["id"].is_unique().all()
    assert all((folder / path).is_file() for path in dataset.table["path"])
    if dataset.objects is not None:
        assert dataset.objects.schema == OBJECTS_SCHEMA
        assert set(dataset.objects["label"].drop_nulls()) <= set(dataset.classes)
        for row in dataset.objects.iter_rows(named=True):
            corners = [row[name] for name in ("x1", "y1", "x2", "y2")]
            assert all(value is None or math.isfinite(value) for value in corners)
            if row["rle"] is not None:
                height, width = json.loads(row["extra"])["rle_size"]
                rle.checked(rle.unpacked(row["rle"]), height, width)


def bombard(folder, paint, name, count, seed):
    reader, write = PARSERS[name]
    for number in range(3):
        paint(folder / f"{number}.png", seed=number)
    file = write(folder)
    sound = file.read_bytes()
    check_accounts(reader.read(folder, target=None), folder)
    draw = np.random.default_rng(seed)
    read = 0
    for _ in range(count):
        content = mutated(sound, draw)
        file.write_bytes(content)
        try:
            assert 0 <= reader.detects(folder) <= 1
            dataset = reader.read(folder, target=None)
        except PhoropterError:
            continue
        except Exception as error:
            error.add_note(f"while reading {content!r}")
            raise
        check_accounts(dataset, folder)
        read += 1
    return read


@pytest.mark.parametrize("name", PARSERS)
def test_a_few_changed_bytes(tmp_path, paint, name):
    assert bombard(tmp_path, paint, name, SHORT, seed=0)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", PARSERS)
def test_many_changed_bytes(tmp_path, paint, name):
    assert bombard(tmp_path, paint, name, LONG, seed=1)
