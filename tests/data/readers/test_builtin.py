from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image
from sklearn.datasets import load_digits

from phoropter.data.open import open_dataset
from phoropter.data.readers import builtin
from phoropter.data.readers.builtin import builtin_folder, builtin_names


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOROPTER_CACHE", str(tmp_path))
    return tmp_path


def test_digits_are_scikit_learns(cache: Path) -> None:
    folder = builtin_folder("digits")
    files = sorted(folder.glob("*/*.png"), key=lambda path: path.stem)
    truth = load_digits()
    assert [int(path.parent.name) for path in files] == truth.target.tolist()
    assert len(files) == 1797
    for number in (0, 17, 1796):
        with Image.open(files[number]) as image:
            assert image.mode == "L"
            assert np.array_equal(
                np.asarray(image), np.rint(truth.images[number] * 255 / 16).astype(np.uint8)
            )


def test_written_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def write(folder: Path) -> None:
        calls.append(folder)
        (folder / "a").mkdir()

    monkeypatch.setitem(builtin._WRITERS, "digits", write)
    first, second = builtin_folder("digits"), builtin_folder("digits")
    assert first == second
    assert first.is_relative_to(cache)
    assert first.name == "digits"
    assert len(calls) == 1


def test_interrupted_writing_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(folder: Path) -> None:
        (folder / "0").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setitem(builtin._WRITERS, "digits", stop)
    with pytest.raises(KeyboardInterrupt):
        builtin_folder("digits")
    assert [path for path in cache.rglob("*") if path.name.startswith((".", "0"))] == []
    monkeypatch.undo()


def test_another_process_may_be_faster(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def race(folder: Path) -> None:
        (folder / "mine").mkdir()
        (folder.parent.parent / "digits" / "theirs").mkdir(parents=True)

    monkeypatch.setitem(builtin._WRITERS, "digits", race)
    assert [path.name for path in builtin_folder("digits").iterdir()] == ["theirs"]


def test_without_the_variable_the_users_cache_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOROPTER_CACHE", raising=False)
    assert builtin.cache_folder().name == "phoropter"


def test_names_are_sorted() -> None:
    assert "digits" in builtin_names()
    assert list(builtin_names()) == sorted(builtin_names())


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "iris", "wine"])
def test_tables_are_scikit_learns(cache: Path, name: str) -> None:
    truth = getattr(sklearn.datasets, f"load_{name}")()
    dataset = open_dataset(name)
    assert dataset.inputs == tuple(truth.feature_names)
    assert np.array_equal(dataset.table.select(dataset.inputs).to_numpy(), truth.data)
    target = dataset.table["target"].to_numpy()
    names = getattr(truth, "target_names", None)
    assert np.array_equal(target, truth.target if names is None else names[truth.target])


def test_blobs_are_four_clouds(cache: Path) -> None:
    points, numbers = sklearn.datasets.make_blobs(1000, centers=4, cluster_std=2, random_state=2)
    dataset = open_dataset("blobs")
    assert np.array_equal(dataset.table.select("x", "y").to_numpy(), points)
    assert dataset.table["target"].to_list() == [f"blob {number}" for number in numbers]
