from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy import ndimage
from scipy.stats import entropy

from phoropter.core.errors import NothingUsableError
from phoropter.core.events import Event, Note, Progress
from phoropter.core.records import Rejected
from phoropter.data import index as module
from phoropter.data.index import index, thumbnails
from phoropter.data.open import open_dataset

Writer = Callable[[Mapping[str, int]], Path]


@pytest.fixture
def root(class_folders: Writer) -> Path:
    return class_folders({"cat": 3, "dog": 3})


def test_columns(root: Path) -> None:
    picture = root / "cat" / "000.png"
    Image.new("L", (30, 20), 51).save(picture)
    row = index(open_dataset(root)).table.row(0, named=True)
    assert row["digest"] == hashlib.blake2b(picture.read_bytes(), digest_size=16).hexdigest()
    assert row["size_bytes"] == picture.stat().st_size
    assert row["mtime_ns"] == picture.stat().st_mtime_ns
    assert (row["height"], row["width"]) == (20, 30)
    assert (row["mode"], row["format"], row["frames"]) == ("L", "PNG", 1)
    assert row["brightness"] == pytest.approx(0.2)
    assert row["contrast"] == pytest.approx(0, abs=1e-6)
    assert "problem" not in row
    assert "thumbnail" not in row


def test_statistics_against_numpy(root: Path) -> None:
    table = index(open_dataset(root)).table
    for path, brightness, contrast in table.select("path", "brightness", "contrast").iter_rows():
        with Image.open(root / path) as image:
            grey = np.asarray(image.convert("L")) / 255
        assert brightness == pytest.approx(grey.mean(), abs=1e-6)
        assert contrast == pytest.approx(grey.std(), abs=1e-6)


def test_texture_against_scipy(root: Path) -> None:
    from scipy.ndimage import laplace
    from scipy.stats import entropy

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (64, 64)).astype(np.uint8)
    Image.fromarray(pixels).save(root / "cat/000.png")
    Image.new("RGB", (90, 50), (9, 99, 199)).save(root / "cat/001.png")
    table = index(open_dataset(root)).table
    sharp, flat = table.row(0, named=True), table.row(1, named=True)
    expected = laplace(pixels / 255.0)[1:-1, 1:-1].var()
    assert sharp["sharpness"] == pytest.approx(expected, rel=1e-4)
    counts = np.unique_counts(pixels).counts
    assert sharp["entropy"] == pytest.approx(entropy(counts, base=2), rel=1e-9)
    assert (flat["sharpness"], flat["entropy"]) == (0.0, 0.0)


def test_unreadable_files_are_rejected(root: Path) -> None:
    whole = (root / "cat/001.png").read_bytes()
    (root / "cat/001.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog/000.png").write_bytes(b"")
    events: list[Event] = []
    dataset = index(open_dataset(root), listener=events.append)
    assert len(dataset) == 4
    assert dataset.rejected == (
        Rejected("cat/001.png", "the file is truncated"),
        Rejected("dog/000.png", "the file is empty"),
    )
    assert dataset.description.endswith("6 images; 2 unreadable")
    assert events[:-1] == [Progress("indexing", done, 6) for done in range(1, 7)]
    assert events[-1] == Note("2 of 6 images cannot be read.")


def test_files_that_vanish(root: Path) -> None:
    dataset = open_dataset(root)
    (root / "cat/002.png").unlink()
    assert index(dataset).rejected[0].reason == "there is no such file"


def test_nothing_readable(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.write_bytes(b"no")
    with pytest.raises(NothingUsableError, match=r"6 rejected, the first: 'cat/000\.png'"):
        index(open_dataset(root))


def test_only_one_class_readable(root: Path) -> None:
    for path in root.glob("cat/*.png"):
        path.write_bytes(b"no")
    with pytest.raises(NothingUsableError, match="only one class, 'dog'"):
        index(open_dataset(root))


def test_class_whose_training_images_are_unreadable(class_folders: Writer) -> None:
    root = class_folders({f"{part}/{label}": 1 for part in ("train", "test") for label in "abc"})
    (root / "train/c/000.png").write_bytes(b"")
    dataset = index(open_dataset(root))
    assert len(dataset) == 4
    assert dataset.rejected[1] == Rejected(
        "test/c/000.png", "class 'c' has no training images", "unusable"
    )


def test_cache_is_used_and_kept_up_to_date(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "deep" / "index.parquet"
    (root / "cat/001.png").write_bytes(b"")
    first = index(open_dataset(root), cache=cache)
    measured: list[str] = []
    real = module._read

    def spy(path: Path) -> object:
        measured.append(path.name)
        return real(path)

    monkeypatch.setattr(module, "_read", spy)
    written = cache.stat().st_mtime_ns
    again = index(open_dataset(root), cache=cache)
    assert measured == []
    assert cache.stat().st_mtime_ns == written
    assert again.table.equals(first.table)
    assert again.rejected == first.rejected

    Image.new("RGB", (5, 5)).save(root / "cat/001.png")
    os.utime(root / "dog/002.png", ns=(0, 0))
    (root / "dog/000.png").unlink()
    changed = index(open_dataset(root), cache=cache)
    assert sorted(measured) == ["001.png", "002.png"]
    assert len(changed) == 5
    assert changed.rejected == ()


@pytest.mark.parametrize(("files", "seconds"), [(2, 60.0), (256, 0.0)])
def test_blocks_of_files_change_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, files: int, seconds: float
) -> None:
    draw = np.random.default_rng(0)
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        size = (20 + number, 30 - number, 3)
        Image.fromarray(draw.integers(0, 256, size).astype(np.uint8)).save(path)
    (root / "cat/001.png").write_bytes(b"")
    whole = index(open_dataset(root))
    monkeypatch.setattr(module, "_BLOCK_FILES", files)
    monkeypatch.setattr(module, "_BLOCK_S", seconds)
    parted = index(open_dataset(root))
    assert parted.table.equals(whole.table)
    assert parted.rejected == whole.rejected
    assert len(parted) == 5


def test_numbers_are_those_of_each_picture(root: Path) -> None:
    draw = np.random.default_rng(0)
    for path in root.rglob("*.png"):
        pixels = draw.integers(0, draw.integers(2, 256), (70, 90)).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    table = index(open_dataset(root)).table
    for path, row in zip(table["path"], table.iter_rows(named=True), strict=True):
        grey = Image.open(root / path)
        shares = np.asarray(grey) / 255
        square = np.asarray(grey.resize((64, 64), Image.Resampling.BOX))
        _, counts = np.unique(square, return_counts=True)
        laplacian = ndimage.laplace(square / 255)[1:-1, 1:-1]
        assert row["brightness"] == pytest.approx(shares.mean())
        assert row["contrast"] == pytest.approx(shares.std())
        assert row["sharpness"] == pytest.approx(laplacian.var(), rel=1e-4)
        assert row["entropy"] == pytest.approx(entropy(counts, base=2))


@pytest.mark.parametrize("damage", ["text", "columns", "version"])
def test_unusable_cache_is_made_again(root: Path, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "index.parquet"
    first = index(open_dataset(root), cache=cache)
    if damage == "text":
        cache.write_bytes(b"no parquet")
    elif damage == "columns":
        pl.read_parquet(cache).drop("digest").write_parquet(cache, metadata={"version": "1"})
    else:
        pl.read_parquet(cache).write_parquet(cache)
    assert index(open_dataset(root), cache=cache).table.equals(first.table)


def test_interrupted_indexing_leaves_no_cache(root: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(open_dataset(root), cache=tmp_path / "cache" / "index.parquet", listener=stop)
    assert not (tmp_path / "cache").exists()


def test_interrupted_indexing_goes_on_where_it_was_last_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEEP_EVERY_S", 0.0)
    cache = tmp_path / "index.parquet"

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(open_dataset(root), cache=cache, listener=stop)
    heard: list[Event] = []
    again = index(open_dataset(root), cache=cache, listener=heard.append)
    assert [event for event in heard if isinstance(event, Progress)] == [
        Progress("indexing", done, 2) for done in (1, 2)
    ]
    assert again.table.equals(index(open_dataset(root)).table)


def test_rows_that_share_a_file(tmp_path: Path, paint: Callable[..., Path]) -> None:
    for number in range(3):
        paint(tmp_path / f"{number}.png", seed=number)
    (tmp_path / "x.csv").write_text("path,y\n0.png,1.5\n1.png,2.5\n2.png,3.5\n0.png,4.5")
    dataset = index(open_dataset(tmp_path / "x.csv"))
    assert dataset.table["digest"].n_unique() == 3
    assert len(dataset) == 4
    assert thumbnails(dataset, None).shape == (4, 32, 32)


def test_thumbnails_follow_the_table(root: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (255, 255, 255)).save(root / "dog/001.png")
    (root / "cat/000.png").write_bytes(b"")
    cache = tmp_path / "index.parquet"
    dataset = index(open_dataset(root), cache=cache)
    pictures = thumbnails(dataset, cache)
    assert pictures.shape == (5, 32, 32)
    assert pictures.dtype == np.uint8
    white = dataset.table["path"].to_list().index("dog/001.png")
    assert (pictures[white] == 255).all()
    assert np.array_equal(thumbnails(dataset, None), pictures)
    for path, picture in zip(dataset.table["path"], pictures, strict=True):
        with Image.open(root / path) as image:
            grey = image.convert("L").resize((32, 32), Image.Resampling.BOX)
        assert np.array_equal(np.asarray(grey), picture)


def test_photographs_are_measured_at_a_reduced_scale(root: Path) -> None:
    for name, size in (("000", (1200, 900)), ("001", (10, 900))):
        Image.linear_gradient("L").resize(size).save(root / "cat" / f"{name}.jpg")
    table = index(open_dataset(root)).table.filter(pl.col("format") == "JPEG")
    assert table.select("height", "width").rows() == [(900, 1200), (900, 10)]
    assert table["brightness"].to_list() == pytest.approx([0.5, 0.5], abs=0.01)
