from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from phoropter.core.errors import InputError, StorageError, UsageError
from phoropter.core.events import Event, Note, Progress
from phoropter.core.records import Dataset, Normalization, Preprocessing
from phoropter.data import store as module
from phoropter.data import streaming
from phoropter.data.index import index
from phoropter.data.open import open_dataset
from phoropter.data.preprocess import read_square
from phoropter.data.store import StoredInputs, limit_bytes, open_store, store_key
from phoropter.data.streaming import StreamingInputs

pytestmark = pytest.mark.usefixtures("roomy_disk")


@pytest.fixture
def dataset(class_folders: Callable[[Mapping[str, int]], Path]) -> Dataset:
    return index(open_dataset(class_folders({"cat": 5, "dog": 4})))


def expected(dataset: Dataset, preprocessing: Preprocessing) -> torch.Tensor:
    paths = [dataset.root / path for path in dataset.table["path"]]
    return torch.from_numpy(np.stack([read_square(path, preprocessing) for path in paths]))


def test_store_and_stream_give_what_reading_gives(
    dataset: Dataset, small: Preprocessing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = expected(dataset, small)
    order = np.array([8, 0, 3, 3])
    stored = open_store(dataset, small, folder=tmp_path / "cache")
    monkeypatch.setenv("PHOROPTER_STORE_GIB", "1e-7")  # 107 bytes
    told: list[Event] = []
    streamed = open_store(dataset, small, folder=tmp_path / "none", listener=told.append)
    assert isinstance(told[0], Note)
    assert "not stored, for PHOROPTER_STORE_GIB is" in told[0].text
    assert isinstance(stored, StoredInputs)
    assert isinstance(streamed, StreamingInputs)
    assert not (tmp_path / "none").exists()
    for inputs in (stored, streamed):
        assert len(inputs) == 9
        batch = inputs.batch(order)
        assert batch.dtype == torch.uint8
        assert torch.equal(batch, wanted[order])
        batch.zero_()  # a copy: the store is not touched
        assert torch.equal(inputs.batch(order), wanted[order])
        assert inputs.batch(np.array([], dtype=np.int64)).shape == (0, 3, 8, 8)


def test_one_channel(dataset: Dataset, small: Preprocessing, tmp_path: Path) -> None:
    inputs = open_store(dataset, replace(small, channels=1), folder=tmp_path)
    assert inputs.batch(np.arange(9)).shape == (9, 1, 8, 8)


def test_second_time_nothing_is_decoded(
    dataset: Dataset, small: Preprocessing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    open_store(dataset, small, folder=tmp_path, listener=events.append)
    assert events == [Progress("decoding", done, 9) for done in range(1, 10)]
    monkeypatch.setattr(streaming, "read_square", lambda *_: pytest.fail("decoded again"))
    events.clear()
    again = open_store(dataset, small, folder=tmp_path, listener=events.append)
    assert events == []
    assert len(again) == 9


def test_key_depends_on_content_order_and_preprocessing_but_not_on_normalisation(
    dataset: Dataset, small: Preprocessing
) -> None:
    key = store_key(dataset, small)
    other_statistics = Normalization((0.1,) * 3, (0.2,) * 3)
    assert store_key(dataset, replace(small, normalization=other_statistics)) == key
    assert store_key(replace(dataset, name="else", root=Path("/moved")), small) == key
    turned = replace(dataset, table=dataset.table.reverse())
    changed = [
        store_key(turned, small),
        store_key(replace(dataset, table=dataset.table.head(8)), small),
        store_key(dataset, replace(small, size=9)),
        store_key(dataset, replace(small, resize="stretch")),
        store_key(dataset, replace(small, channels=1)),
        store_key(dataset, replace(small, interpolation="bicubic")),
        store_key(dataset, replace(small, crop_share=0.9)),
    ]
    assert len({key, *changed}) == 8


def test_key_needs_an_index(dataset: Dataset, small: Preprocessing) -> None:
    bare = replace(dataset, table=dataset.table.drop("digest"))
    with pytest.raises(ValueError, match="index"):
        store_key(bare, small)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY garbage", None])
def test_damaged_store_is_made_again(
    dataset: Dataset, small: Preprocessing, tmp_path: Path, damage: bytes | None
) -> None:
    wanted = expected(dataset, small)
    open_store(dataset, small, folder=tmp_path)
    (file,) = tmp_path.glob("*.npy")
    file.write_bytes(file.read_bytes()[:-7] if damage is None else damage)
    again = open_store(dataset, small, folder=tmp_path)
    assert torch.equal(again.batch(np.arange(9)), wanted)


def test_interrupted_writing_leaves_nothing(
    dataset: Dataset, small: Preprocessing, tmp_path: Path
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(dataset, small, folder=tmp_path / "cache", listener=stop)
    assert list((tmp_path / "cache").iterdir()) == []


def test_file_that_became_unreadable(
    dataset: Dataset, small: Preprocessing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = dataset.root / dataset.table["path"][2]
    lost.write_bytes(b"gone")
    with pytest.raises(InputError, match="was readable") as caught:
        open_store(dataset, small, folder=tmp_path / "cache")
    assert repr(str(lost)) in caught.value.message
    monkeypatch.setenv("PHOROPTER_STORE_GIB", "0")
    streamed = open_store(dataset, small, folder=tmp_path)
    with pytest.raises(InputError, match="was readable"):
        streamed.batch(np.array([2]))
    assert list((tmp_path / "cache").iterdir()) == []


def test_nearly_full_disk_streams_instead(
    dataset: Dataset, small: Preprocessing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=module.SPARE_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    events: list[Event] = []
    inputs = open_store(dataset, small, folder=tmp_path / "deep" / "er", listener=events.append)
    assert isinstance(inputs, StreamingInputs)
    assert isinstance(events[0], Note)
    assert "not stored, for the disk is nearly full" in events[0].text


@pytest.mark.parametrize(("chosen", "bytes_"), [("", 4 * 2**30), ("0", 0), ("0.5", 2**29)])
def test_the_limit_is_set_in_the_environment(
    chosen: str, bytes_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOROPTER_STORE_GIB", chosen)
    assert limit_bytes() == bytes_


@pytest.mark.parametrize("chosen", ["8G", "-1", "nan", "inf"])
def test_a_limit_that_is_no_size_is_refused(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOROPTER_STORE_GIB", chosen)
    with pytest.raises(UsageError, match=f"PHOROPTER_STORE_GIB must be .* got '{chosen}'"):
        limit_bytes()


def test_folder_that_cannot_be_written(
    dataset: Dataset, small: Preprocessing, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(StorageError, match="Cannot write"):
        open_store(dataset, small, folder=blocked / "cache")


def test_photographs_are_decoded_at_a_reduced_scale(
    tmp_path: Path, small: Preprocessing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        Image.new("RGB", (640, 480), "teal").save(tmp_path / label / "x.jpg")
    dataset = index(open_dataset(tmp_path))
    seen: list[int | None] = []
    from phoropter.data import preprocess

    real = preprocess.decode

    def spy(path: Path, *, min_side_px: int | None = None) -> np.ndarray:
        seen.append(min_side_px)
        return real(path, min_side_px=min_side_px)

    monkeypatch.setattr(preprocess, "decode", spy)
    open_store(dataset, small, folder=tmp_path / "cache")
    assert seen == [8, 8]


@pytest.mark.parametrize("place", [128, -5, -1])
def test_a_store_with_a_changed_byte_is_made_again(
    dataset: Dataset, small: Preprocessing, tmp_path: Path, place: int
) -> None:
    wanted = expected(dataset, small)
    open_store(dataset, small, folder=tmp_path)
    (file,) = tmp_path.glob("*.npy")
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    again = open_store(dataset, small, folder=tmp_path)
    assert torch.equal(again.batch(np.arange(9)), wanted)


def test_a_store_without_a_checksum_is_made_again(
    dataset: Dataset, small: Preprocessing, tmp_path: Path
) -> None:
    open_store(dataset, small, folder=tmp_path)
    (file,) = tmp_path.glob("*.npy")
    whole = file.read_bytes()
    file.write_bytes(whole[:-4])
    open_store(dataset, small, folder=tmp_path)
    assert file.read_bytes() == whole
