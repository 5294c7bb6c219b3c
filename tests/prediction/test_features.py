import hashlib

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from phoropter.core.errors import MissingExtraError
from phoropter.core.events import Progress
from phoropter.core.records import Dataset, Normalization, Preprocessing
from phoropter.data.preprocess import read_square
from phoropter.models import offline_weights
from phoropter.models.build import build_trunk
from phoropter.prediction import features as module
from phoropter.prediction.feature_store import FeatureStore
from phoropter.prediction.features import DeepFeatures, HandcraftedFeatures
from phoropter.prediction.handcrafted import FEATURE_COUNT, described

HOW = Preprocessing(32, "crop", 3, "bicubic", 0.875, Normalization((0.5,) * 3, (0.5,) * 3))


@pytest.fixture
def dataset(tmp_path):
    """Twelve small files, of which the last has the content of the first."""
    rng = np.random.default_rng(0)
    files = []
    for index in range(12):
        path = tmp_path / "data" / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        if index == 11:
            path.write_bytes((tmp_path / "data" / "00.png").read_bytes())
        else:
            Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
        files.append(path)
    table = pl.DataFrame(
        {
            "id": [path.name for path in files],
            "path": [path.name for path in files],
            "digest": [hashlib.sha256(path.read_bytes()).hexdigest() for path in files],
        }
    )
    return Dataset("d", tmp_path / "data", "folders", "", "classification", (), table)


@pytest.fixture
def deep(tmp_path):
    def make(**options):
        options = {"folder": tmp_path / "cache", "preprocessing": HOW, **options}
        return DeepFeatures("efficientnet_lite0", **options)

    return make


@pytest.fixture
def computed(monkeypatch):
    """How many images went through the network."""
    rows = []
    original = module.answers

    def counting(network, inputs, blocks, **options):
        rows.extend(np.concatenate(blocks).tolist())
        return original(network, inputs, blocks, **options)

    monkeypatch.setattr(module, "answers", counting)
    return rows


def test_equal_to_the_plain_trunk(dataset, deep):
    rows = np.array([5, 0, 11, 3])
    found = deep()(dataset, rows)
    trunk, _ = build_trunk("efficientnet_lite0", pretrained=True, channels=3, size=32)
    squares = [read_square(dataset.root / dataset.table["path"][int(row)], HOW) for row in rows]
    with torch.inference_mode():
        expected = trunk((torch.from_numpy(np.stack(squares)) / 255 - 0.5) / 0.5).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(found[1], found[2])


def test_each_content_is_computed_once(dataset, deep, computed):
    first = deep()(dataset, np.arange(6))
    assert sorted(computed) == [0, 1, 2, 3, 4, 5]
    everything = deep()(dataset, np.arange(12))
    assert sorted(computed) == list(range(11))  # the twelfth has the content of the first
    np.testing.assert_array_equal(everything[:6], first)
    deep()(dataset, np.arange(12))
    assert len(computed) == 11


def test_what_was_finished_survives_a_kill(dataset, deep, computed, monkeypatch):
    monkeypatch.setattr(module, "cpu_batch", lambda numbers: 4)
    monkeypatch.setattr(module, "_SHARD", 1)

    class KilledError(Exception):
        pass

    def kill(event):
        if isinstance(event, Progress) and event.stage == "features" and event.done == 8:
            raise KilledError

    with pytest.raises(KilledError):
        deep(listener=kill)(dataset, np.arange(11))
    assert len(computed) == 8
    deep()(dataset, np.arange(11))
    assert sorted(computed) == list(range(11))


def test_a_damaged_shard_is_computed_again(dataset, deep, tmp_path, computed):
    first = deep()(dataset, np.arange(4))
    (shard,) = (tmp_path / "cache").glob("features-*/*.npz")
    shard.write_bytes(shard.read_bytes()[:200])
    np.testing.assert_array_equal(deep()(dataset, np.arange(4)), first)
    assert len(computed) == 8
    assert len(FeatureStore(shard.parent).read()) == 4


def test_other_preprocessing_has_other_features(dataset, deep):
    other = Preprocessing(32, "stretch", 3, "bicubic", 1.0, HOW.normalization)
    first = deep()(dataset, np.arange(2))
    assert not np.allclose(first, deep(preprocessing=other)(dataset, np.arange(2)))


def test_progress_ends_at_the_total(dataset, deep):
    events = []
    deep(listener=events.append)(dataset, np.arange(12))
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.stage, last.done, last.total) == ("features", 11, 11)


def test_nothing_asked_for_computes_nothing(dataset, deep, computed):
    assert len(deep()(dataset, np.arange(0))) == 0
    assert computed == []


def test_missing_weights_are_said(dataset, deep, monkeypatch):
    monkeypatch.setattr(offline_weights, "weights_file", lambda: None)
    with pytest.raises(MissingExtraError):
        deep()(dataset, np.arange(2))


def test_handcrafted_features_have_their_shape(dataset):
    rows = np.array([2, 0, 11])
    found = HandcraftedFeatures()(dataset, rows)
    assert found.shape == (3, FEATURE_COUNT)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[1], found[2])
    assert HandcraftedFeatures()(dataset, rows[:0]).shape == (0, FEATURE_COUNT)


def test_handcrafted_blocks_see_what_they_say():
    stripes = np.zeros((3, 64, 64), np.uint8)
    stripes[:, :, ::8] = 255
    upright, lying = described(stripes), described(stripes.transpose(0, 2, 1).copy())
    np.testing.assert_allclose(upright[:48], lying[:48], atol=1e-6)  # the same colours
    assert np.abs(upright[96:] - lying[96:]).max() > 0.1  # other edges
    red, blue = np.zeros((2, 3, 64, 64), np.uint8)
    red[0], blue[2] = 200, 200
    assert np.abs(described(red)[:48] - described(blue)[:48]).max() > 0.1
    assert np.linalg.norm(described(red)[:48]) == pytest.approx(1.0)
    assert np.isfinite(described(np.full((3, 64, 64), 255, np.uint8))).all()


@pytest.mark.parametrize("threads", [1, 2, 6, 16])
@pytest.mark.parametrize("first_s", [8.0, 0.2])
def test_the_time_of_what_is_missing_is_measured_without_decoding_any(
    deep, dataset, tmp_path, monkeypatch, threads, first_s
):
    """Calls of twelve images a thread; the second of eight times twelve at least after a quick one.

    But always as many as keep all threads at work.
    """
    monkeypatch.setattr(module, "cpu_batch", lambda numbers: 12)
    monkeypatch.setattr(module.torch, "get_num_threads", lambda: threads)
    features, every = deep(), np.arange(12)
    clock = iter([0.0, first_s, 10.0, 10.5])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    timed = {1: 96, 2: 96, 6: 144, 16: 192}[threads] if first_s == 0.2 else 12 * threads
    each_s = min(first_s / (12 * threads), 0.5 / timed)
    assert features.waiting_s(dataset, every[:6]) == pytest.approx(6 * each_s)
    monkeypatch.undo()
    assert not list((tmp_path / "cache").glob("*.npy")), "decoded"
    features(dataset, every[:4])
    assert len(features.missing(dataset, every[:4])) == 0
    assert features.waiting_s(dataset, every[:4]) == 0.0
