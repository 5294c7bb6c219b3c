"""One small example of every layout, for the contract and for the fuzz."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

COUNT = 12


def picture(seed: int) -> bytes:
    """A small PNG."""
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _put(folder: Path, names: list[str]) -> None:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(seed))


def _folders(root: Path) -> Path:
    _put(root, [f"{kind}/{n}.png" for n in range(COUNT // 2) for kind in ("cat", "dog")])
    return root


def _csv(root: Path) -> Path:
    _put(root, [f"images/{n}.png" for n in range(COUNT)])
    rows = "".join(f"images/{n}.png,{'ab'[n % 2]}\n" for n in range(COUNT))
    (root / "labels.csv").write_text("path,label\n" + rows)
    return root


def _text(root: Path) -> Path:
    words = ["good old film", "bad new film", "what a dull story", "one more good story"]
    rows = "".join(
        f'"{words[n % 4]} number {n}, said ""he""\nand left",{n % 2}\n' for n in range(COUNT)
    )
    (root / "reviews.csv").write_text("text,label\n" + rows)
    return root / "reviews.csv"


def _lines(root: Path) -> Path:
    words = ["good old film", "bad new film", "what a dull story", "one more good story"]
    rows = [
        json.dumps({"text": f"{words[n % 4]} no. {n}", "tags": ["a", "b"][: n % 3]})
        for n in range(COUNT)
    ]
    (root / "reviews.jsonl").write_text("\n".join(rows))
    return root / "reviews.jsonl"


def _parquet(root: Path) -> Path:
    frame = pl.DataFrame({"size": [n / 3 for n in range(COUNT)], "label": ["u", "v"] * 6})
    frame.write_parquet(root / "measured.parquet")
    return root / "measured.parquet"


def _table(root: Path) -> Path:
    rows = "".join(f"{n};{n / 3:.3f};{'xyz'[n % 3]};{'uv'[n % 2]}\n" for n in range(COUNT))
    (root / "measured.csv").write_text("id;size;kind;label\n" + rows)
    return root


def _arrays(root: Path) -> Path:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT, 6, 5, 3), dtype=np.uint8)
    np.savez(root / "set.npz", x_train=images[:8], y_train=np.arange(8) % 2, x_test=images[8:],
             y_test=np.arange(4) % 2)  # fmt: skip
    return root / "set.npz"


def _npy(root: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 5, 3), dtype=np.uint8)
    np.save(root / "images.npy", images)
    return root / "images.npy"


def _webdataset(root: Path) -> Path:
    with tarfile.open(root / "train-0000.tar", "w") as shard:
        for number in range(COUNT):
            for ending, content in (("png", picture(number)), ("cls", str(number % 3).encode())):
                header = tarfile.TarInfo(f"{number:04d}.{ending}")
                header.size = len(content)
                shard.addfile(header, io.BytesIO(content))
    return root


def _hf(root: Path) -> Path:
    images = [{"bytes": picture(n), "path": f"{n}.png"} for n in range(COUNT)]
    frame = pl.DataFrame({"image": images, "label": [n % 2 for n in range(COUNT)]})
    frame.write_ipc_stream(root / "data-00000-of-00001.arrow")
    (root / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"})
    )
    label = {"names": ["cat", "dog"], "_type": "ClassLabel"}
    info = {"features": {"image": {"_type": "Image"}, "label": label}}
    (root / "dataset_info.json").write_text(json.dumps(info))
    return root


def _unlabelled(root: Path) -> Path:
    _put(root, [f"{n}.png" for n in range(COUNT)])
    return root


def _unpaired(root: Path) -> Path:
    _put(
        root,
        [f"{half}/{n}.png" for n in range(3) for half in ("trainA", "trainB", "testA", "testB")],
    )
    return root


def _unpacked(root: Path) -> Path:
    from phoropter.data.readers import arrays

    return arrays.read(_arrays(root), target=None).root


def _coco(root: Path) -> Path:
    _put(root, [f"images/{n}.png" for n in range(COUNT)])
    images = [
        {"id": n + 5, "file_name": f"{n}.png", "height": 9, "width": 11} for n in range(COUNT)
    ]
    annotations = [
        {"id": n, "image_id": n + 5, "category_id": 1 + n % 2, "bbox": [1, 2, 4, 3], "area": 12,
         "iscrowd": 0}
        for n in range(COUNT)
    ]  # fmt: skip
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations.json").write_text(json.dumps(content))
    return root


def _voc(root: Path) -> Path:
    _put(root, [f"JPEGImages/{n}.png" for n in range(COUNT)])
    (root / "Annotations").mkdir()
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "val.txt").write_text("3\n4\n")
    for number in range(COUNT):
        name = "dog" if number % 2 else "cat"
        box = "<xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>8</ymax>"
        (root / "Annotations" / f"{number}.xml").write_text(
            f"<annotation><filename>{number}.png</filename><size><width>11</width>"
            f"<height>9</height><depth>3</depth></size><object><name>{name}</name>"
            f"<bndbox>{box}</bndbox></object></annotation>"
        )
    return root


def _yolo(root: Path) -> Path:
    _put(root, [f"images/train/{n}.png" for n in range(COUNT)])
    (root / "labels" / "train").mkdir(parents=True)
    for number in range(COUNT):
        line = f"{number % 2} 0.5 0.5 0.25 0.5\n"
        (root / "labels" / "train" / f"{number}.txt").write_text(line)
    (root / "data.yaml").write_text("train: images/train\nnc: 2\nnames: [cat, dog]\n")
    return root


def _masks(root: Path) -> Path:
    _put(root, [f"images/{n}.png" for n in range(COUNT)])
    (root / "masks").mkdir()
    for number in range(COUNT):
        bands = np.repeat(np.arange(9) // 3, 11).reshape(9, 11).astype(np.uint8)
        Image.fromarray(np.roll(bands, number, axis=0)).save(root / "masks" / f"{number}.png")
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    return root


def _instances(root: Path) -> Path:
    for number in range(COUNT):
        place = f"stage1_train/{number:02d}"
        _put(root, [f"{place}/images/{number:02d}.png"])
        for at in range(1 + number % 2):
            mask = np.zeros((9, 11), dtype=np.uint8)
            mask[4 * at : 4 * at + 3, 2:6] = 255
            file = root / place / "masks" / f"mask {at}.png"
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(mask).save(file)
    return root


EXAMPLES: dict[str, Callable[[Path], Path]] = {
    "arrays": _arrays,
    "coco": _coco,
    "csv": _csv,
    "folders": _folders,
    "hf": _hf,
    "instances": _instances,
    "lines": _lines,
    "masks": _masks,
    "npy": _npy,
    "parquet": _parquet,
    "table": _table,
    "text": _text,
    "unlabelled": _unlabelled,
    "unpacked": _unpacked,
    "unpaired": _unpaired,
    "voc": _voc,
    "webdataset": _webdataset,
    "yolo": _yolo,
}


@pytest.fixture
def examples() -> dict[str, Callable[[Path], Path]]:
    """Functions that write an example of a layout into a folder and return what to read."""
    return EXAMPLES


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PHOROPTER_CACHE", str(folder))
    return folder
