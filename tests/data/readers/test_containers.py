"""Arrays, archives, Hugging Face folders and objects: unpacked once, whole or not at all."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn_arrays
from PIL import Image

from phoropter.core.errors import InputError, StorageError, UsageError
from phoropter.data import cache
from phoropter.data.array_file import array_members
from phoropter.data.decode import decode
from phoropter.data.open import open_dataset
from phoropter.data.sample_objects import unpack_object

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (8, 6, 5, 3), dtype=np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pixels_of(dataset):
    return [decode(dataset.root / path) for path in dataset.table["path"]]


@pytest.mark.parametrize(
    "stack",
    [
        IMAGES,
        np.moveaxis(IMAGES, 3, 1),
        np.asfortranarray(IMAGES),
        IMAGES / 255,
        IMAGES.astype(np.float32),
        IMAGES.astype(np.int64),
    ],
)
def test_arrays_come_back_pixel_by_pixel(tmp_path, stack):
    np.savez(tmp_path / "a.npz", images=stack, labels=np.arange(8) % 2)
    dataset = open_dataset(tmp_path / "a.npz")
    for found, image in zip(pixels_of(dataset), IMAGES, strict=True):
        assert np.array_equal(found, image)


@settings(max_examples=15)
@given(drawn_arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3), unique=False))
def test_any_grey_array_comes_back(tmp_path_factory, stack):
    path = tmp_path_factory.mktemp("grey") / "images.npy"
    np.save(path, stack)
    dataset = open_dataset(path)
    assert dataset.task == "unlabelled"
    for found, image in zip(pixels_of(dataset), stack, strict=True):
        assert np.array_equal(found[:, :, 0], image)


@pytest.mark.parametrize(
    ("labels", "task", "first"),
    [
        (np.arange(8) % 2, "classification", "0"),
        ((np.arange(8) % 2)[:, None], "classification", "0"),
        (np.array(["cat", "dog"] * 4), "classification", "cat"),
        (np.eye(2, dtype=int)[np.arange(8) % 2], "classification", "0"),
        (np.array([[1, 1], [0, 1]] * 4), "multilabel", ["0", "1"]),
        (np.arange(8) / 3, "regression", 0.0),
    ],
)
def test_labels_of_arrays(tmp_path, labels, task, first):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=labels)
    dataset = open_dataset(tmp_path / "a.npz")
    assert dataset.task == task
    value = dataset.table["label"][0]
    assert (value.to_list() if task == "multilabel" else value) == first


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "val_images", "val_labels"),
        ("Xtrain", "ytrain", "Xtest", "ytest"),
    ],
)
def test_parts_of_arrays(tmp_path, names):
    values = (IMAGES[:6], np.arange(6) % 2, IMAGES[6:], np.arange(2))
    np.savez(tmp_path / "a.npz", **dict(zip(names, values, strict=True)))
    dataset = open_dataset(tmp_path)
    held_out = "val" if "val" in names[2] else "test"
    assert dataset.table["part"].to_list() == ["train"] * 6 + [held_out] * 2
    folder = tmp_path / "files"
    folder.mkdir()
    for name, value in zip(names, values, strict=True):
        np.save(folder / f"{name}.npy", value)
    assert open_dataset(folder).table["label"].equals(dataset.table["label"])


def test_class_names_in_the_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=np.arange(8) % 2, class_names=["cat", "dog"])
    assert open_dataset(tmp_path / "a.npz").table["label"].to_list() == ["cat", "dog"] * 4


def test_arrays_that_cannot_be_used(tmp_path):
    def refused(match, **values):
        np.savez(tmp_path / "a.npz", **values)
        with pytest.raises(InputError, match=match):
            open_dataset(tmp_path / "a.npz")

    refused("Python objects", x=IMAGES, y=np.array([{}] * 8))
    refused("8 images, but 'y' 7 labels", x=IMAGES, y=np.arange(7))
    refused("No array holds images: y", y=np.arange(8))
    refused("from -1", x=IMAGES / 128 - 1, y=np.arange(8))
    (tmp_path / "b.npy").write_bytes(pickle.dumps(IMAGES))
    with pytest.raises(InputError, match="no sound file"):
        open_dataset(tmp_path / "b.npy")


def test_a_header_that_claims_too_much_is_refused_before_reading(tmp_path):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (9, 99999999, 99999999), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", content)
    assert array_members(tmp_path / "a.npz")["images"].shape == (9, 99999999, 99999999)
    with pytest.raises(InputError, match="GiB at once"):
        open_dataset(tmp_path / "a.npz")


def test_unpacked_once_by_content(tmp_path, own_cache):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=np.arange(8) % 2)
    first = open_dataset(tmp_path / "a.npz")
    times = {path: path.stat().st_mtime_ns for path in own_cache.rglob("*.png")}
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes())
    assert open_dataset(tmp_path / "copy" / "a.npz").root == first.root
    assert {path: path.stat().st_mtime_ns for path in own_cache.rglob("*.png")} == times
    np.savez(tmp_path / "a.npz", x=IMAGES[::-1], y=np.arange(8) % 2)
    assert open_dataset(tmp_path / "a.npz").root != first.root
    assert open_dataset(first.root).table.equals(first.table)


def test_interrupted_unpacking_leaves_nothing(tmp_path, own_cache, monkeypatch):
    def stop(size):
        raise KeyboardInterrupt

    np.savez(tmp_path / "a.npz", x=IMAGES, y=np.arange(8) % 2)
    monkeypatch.setattr("phoropter.data.unpacked.check_space", stop)
    with pytest.raises(KeyboardInterrupt):
        open_dataset(tmp_path / "a.npz")
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_told_before_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SPARE_BYTES", 1 << 62)
    np.savez(tmp_path / "a.npz", x=IMAGES, y=np.arange(8) % 2)
    with pytest.raises(StorageError, match="PHOROPTER_CACHE"):
        open_dataset(tmp_path / "a.npz")


def tar(path: Path, members, mode="w") -> Path:
    with tarfile.open(path, mode) as shard:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            shard.addfile(header, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("ending", "spelt"),
    [
        ("cls", lambda n: str(n).encode()),
        ("txt", lambda n: f"kind {n}\n".encode()),
        ("json", lambda n: json.dumps({"label": n, "more": [1]}).encode()),
    ],
)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_shards(tmp_path, ending, spelt, mode):
    for part, images in (("train", IMAGES[:6]), ("test", IMAGES[6:])):
        members = []
        for number, image in enumerate(images):
            members += [
                (f"{number:03d}.png", png(image)),
                (f"{number:03d}.{ending}", spelt(number % 2)),
            ]
        tar(tmp_path / f"{part}-000.tar{'.gz' if mode != 'w' else ''}", members, mode)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "webdataset"
    assert dataset.table["part"].to_list() == ["test"] * 2 + ["train"] * 6
    assert dataset.table["label"].n_unique() == 2
    stored = {(dataset.root / path).read_bytes() for path in dataset.table["path"]}
    assert stored == {png(image) for image in IMAGES}


def test_an_archive_of_class_folders(tmp_path):
    members = [(f"set/{'cat' if n % 2 else 'dog'}/{n}.png", png(IMAGES[n])) for n in range(8)]
    dataset = open_dataset(tar(tmp_path / "pets.tar.gz", members, "w:gz"))
    assert dataset.name == "pets"
    assert dataset.table["label"].to_list() == ["dog", "cat"] * 4


def test_members_cannot_escape(tmp_path, own_cache):
    path = tmp_path / "a.tar"
    names = ["../../evil", "/evil", "ok"]
    members = []
    for at, name in enumerate(names):
        members += [(f"{name}.png", png(IMAGES[at])), (f"{name}.cls", b"xyx"[at : at + 1])]
    tar(path, members)
    with tarfile.open(path, "a") as shard:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        shard.addfile(link)
    dataset = open_dataset(path)
    assert all(
        (dataset.root / item).resolve().is_relative_to(own_cache) for item in dataset.table["path"]
    )
    assert {path.name for path in tmp_path.rglob("*")} == {"a.tar"}
    assert list(tmp_path.parent.glob("evil*")) == []
    assert len(dataset) == 3


def test_shards_without_images_or_labels(tmp_path):
    with pytest.raises(InputError, match="No image"):
        open_dataset(tar(tmp_path / "a.tar", [("a.txt", b"x")]))
    members = [(f"{n}.png", png(IMAGES[n])) for n in range(8)]
    assert open_dataset(tar(tmp_path / "b.tar", members)).task == "unlabelled"
    mixed = members[:1]
    for n in range(1, 8):
        mixed += [members[n], (f"{n}.cls", b"02"[n % 2 : n % 2 + 1])]
    dataset = open_dataset(tar(tmp_path / "c.tar", mixed))
    assert [(item.path, item.reason) for item in dataset.rejected] == [
        ("c.tar/0", "it has no label")
    ]


def hf_folder(folder: Path, frame: pl.DataFrame, features: dict, split="train") -> Path:
    folder.mkdir(parents=True)
    frame.write_ipc_stream(folder / "data-00000-of-00001.arrow")
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": split}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


CLASSES = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
FRAME = pl.DataFrame(
    {"image": [{"bytes": png(i), "path": "x.png"} for i in IMAGES], "label": [0, 1] * 4}
)


def test_hugging_face_splits(tmp_path):
    for split in ("train", "validation"):
        hf_folder(tmp_path / split, FRAME, CLASSES, split)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}')
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "hf"
    assert dataset.table["part"].to_list() == ["train"] * 8 + ["val"] * 8
    assert dataset.table["label"].to_list() == ["cat", "dog"] * 8
    assert (dataset.root / dataset.table["path"][3]).read_bytes() == png(IMAGES[3])


def test_hugging_face_parquet_with_its_features(tmp_path):
    about = json.dumps({"info": {"features": CLASSES}})
    FRAME.write_parquet(tmp_path / "train-00000-of-00001.parquet", metadata={"huggingface": about})
    assert open_dataset(tmp_path).table["label"].to_list() == ["cat", "dog"] * 4
    FRAME.write_parquet(tmp_path / "train-00000-of-00001.parquet")
    assert open_dataset(tmp_path).table["label"].to_list() == ["0", "1"] * 4


def test_hugging_face_texts_and_tables(tmp_path):
    texts = [f"a {word} film, number {n}" for n in range(8) for word in ("good", "bad")]
    frame = pl.DataFrame({"text": texts, "label": [0, 1] * 8})
    dataset = open_dataset(hf_folder(tmp_path / "films", frame, CLASSES))
    assert (dataset.layout, dataset.modality, dataset.inputs) == ("hf", "text", ("text",))
    assert dataset.table["label"].to_list() == ["cat", "dog"] * 8
    numbers = pl.DataFrame({"size": [n / 3 for n in range(16)], "label": [0, 1, -1, 0] * 4})
    table = open_dataset(hf_folder(tmp_path / "sizes", numbers, CLASSES))
    assert (table.modality, len(table), len(table.rejected)) == ("table", 12, 4)


def test_files_that_a_folder_of_hugging_face_names_stay_inside(tmp_path):
    folder = hf_folder(tmp_path / "a", FRAME, CLASSES)
    FRAME.write_ipc_stream(tmp_path / "secret.arrow")
    (folder / "state.json").write_text('{"_data_files": [{"filename": "../secret.arrow"}]}')
    with pytest.raises(InputError, match="names no files"):
        open_dataset(folder)


class Objects:
    """As torchvision's data sets: pairs by position, and names of the classes."""

    def __init__(self, images, targets, classes=None):
        self.images, self.targets, self.classes = images, targets, classes

    def __len__(self):
        return len(self.images)

    def __getitem__(self, at):
        return self.images[at], self.targets[at]


def test_objects(own_cache):
    import torch

    images = [Image.fromarray(image) for image in IMAGES]
    folder = unpack_object(Objects(images, [0, 1] * 4, ["cat", "dog"]))
    dataset = open_dataset(folder)
    assert (dataset.name, dataset.layout) == ("objects", "objects")
    assert dataset.table["label"].to_list() == ["cat", "dog"] * 4
    assert np.array_equal(pixels_of(dataset)[2], IMAGES[2])
    tensors = torch.from_numpy(IMAGES).permute(0, 3, 1, 2)
    again = unpack_object(Objects(tensors, [0, 1] * 4, ["cat", "dog"]))
    assert again == folder
    assert unpack_object(Objects(tensors / 255, [0, 1] * 4, ["cat", "dog"])) == folder
    stack = torch.utils.data.TensorDataset(tensors, torch.arange(8) / 3)
    assert open_dataset(unpack_object(stack)).task == "regression"
    parts = open_dataset(unpack_object({"train": stack, "test": stack}))
    assert parts.table["part"].to_list() == ["train"] * 8 + ["test"] * 8


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (Objects([], []), "no samples"),
        (Objects(["a.png"], [0]), "An image is 'a.png'"),
        (Objects(IMAGES, [{}] * 8), "A target is a dict"),
        (Objects(IMAGES, [0, "cat"] * 4), "some numbers"),
        (Objects(IMAGES / 100 - 1, [0] * 8), None),
        ([(1, 2, 3)], "not \\(image, target\\)"),
        ({"left": Objects(IMAGES, [0] * 8)}, "is no data set"),
    ],
)
def test_objects_that_cannot_be_used(data, match, own_cache):
    with pytest.raises((UsageError, InputError), match=match):
        unpack_object(data)
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []
