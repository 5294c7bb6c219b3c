"""What is done block by block, or on drawn rows, of large sets says what the whole would say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from phoropter.look import class_probabilities, name_groups, oddness, text_copies
from phoropter.look.name_groups import find_folder_groups, find_name_groups
from phoropter.look.properties import light
from phoropter.look.run import look
from phoropter.prediction import row_features

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "look_scale.py"


def reviews(count, seed=0):
    """Texts of two topics."""
    rng = np.random.default_rng(seed)
    topics = [[f"{topic}{number}" for number in range(60)] for topic in ("film", "meal")]
    return [" ".join(rng.choice(topics[row % 2], 12)) for row in range(count)]


def test_light_is_that_of_each_picture(digits):
    grey = digits[0].astype(float)
    found = light(digits[0])
    assert found["brightness"] == pytest.approx(grey.mean(axis=(1, 2)))
    assert found["contrast"] == pytest.approx(grey.std(axis=(1, 2)))
    across = np.abs(grey[:, :, 1:] - grey[:, :, :-1]).mean(axis=(1, 2))
    down = np.abs(grey[:, 1:] - grey[:, :-1]).mean(axis=(1, 2))
    assert found["detail"] == pytest.approx((across + down) / 2)


def test_odd_pictures_of_many_are_those_of_an_exhaustive_search(evidence_of, digits, monkeypatch):
    evidence = evidence_of(*digits)
    exact = oddness.neighbour_distances(evidence)
    monkeypatch.setattr(oddness, "MOST_COMPARED", 900)
    monkeypatch.setattr(oddness, "BLOCK_ROWS", 250)
    drawn = oddness.neighbour_distances(evidence)
    assert spearmanr(exact, drawn).statistic > 0.9
    assert drawn.min() > 0
    assert len(set(np.argsort(exact)[-20:]) & set(np.argsort(drawn)[-20:])) >= 10


def test_rows_are_described_in_blocks_as_at_once(evidence_of, digits, monkeypatch):
    evidence = evidence_of(digits[0][:400], digits[1][:400])
    rows = np.arange(0, 400, 2)
    exact = class_probabilities.described_rows(evidence, rows)
    monkeypatch.setattr(class_probabilities, "MOST_AT_ONCE", 100)
    monkeypatch.setattr(class_probabilities, "BLOCK_ROWS", 70)
    in_blocks = class_probabilities.described_rows(evidence, rows)
    assert len(in_blocks) == len(exact) == 200
    assert in_blocks.std() == pytest.approx(exact.std(), rel=0.1)
    assert np.corrcoef(pdist(exact), pdist(in_blocks))[0, 1] > 0.999


def test_texts_of_one_topic_are_near_whether_or_not_they_were_fitted(monkeypatch):
    monkeypatch.setattr(row_features, "_MOST_FITTED", 120)
    monkeypatch.setattr(row_features, "_BLOCK", 70)
    vectors = row_features.text_vectors(reviews(400))
    assert vectors.shape == (400, 119)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    likeness = vectors @ vectors.T
    topic = np.arange(400) % 2
    same = topic[:, None] == topic[None]
    assert likeness[same & ~np.eye(400, dtype=bool)].mean() > 0.1
    assert abs(likeness[~same].mean()) < 0.02


def test_copies_of_texts_do_not_depend_on_the_blocks(monkeypatch):
    texts = reviews(200)
    texts += [text + " indeed" for text in texts[:30]]
    whole = text_copies.text_copies(texts)
    monkeypatch.setattr(text_copies, "BLOCK_TEXTS", 17)
    in_blocks = text_copies.text_copies(texts)
    assert len(whole.pairs) >= 30
    assert np.array_equal(whole.pairs, in_blocks.pairs)


def test_groups_of_many_files_are_told_by_some_of_them(evidence_of, monkeypatch):
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(12, 16, 16)).repeat(2, axis=1).repeat(2, axis=2)
    people = rng.normal(size=(60, 12)).repeat(3, axis=0) + 0.5 * rng.normal(size=(180, 12))
    pictures = np.clip(128 + 10 * np.tensordot(people, scenes, axes=1), 0, 255).astype(np.uint8)
    monkeypatch.setattr(name_groups, "MOST", 90)
    names = [f"{row // 3:05d}_{row % 3}.png" for row in range(180)]
    found = find_name_groups(evidence_of(pictures, path=names))
    assert found is not None
    assert len(found.numbers) == 180
    order = rng.permutation(180)
    assert find_name_groups(evidence_of(pictures[order], path=names)) is None


def test_pictures_of_flat_colours_are_looked_at_without_a_fall(evidence_of):
    """Nothing can be compared, and nothing is said of likeness."""
    paths = [f"day {row // 5}/{row:04d}.png" for row in range(200)]
    flat = np.full((200, 32, 32), 90, dtype=np.uint8)
    evidence = evidence_of(flat, np.repeat(["a", "b"], 100), path=paths)
    assert find_folder_groups(evidence) is None
    codes = {finding.code: finding for finding in look(evidence)}
    assert codes["outliers"].evidence["count"] == 200
    assert not {"near-duplicates", "undeclared-groups", "label-errors"} & set(codes)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["table", "text", "images", "boxes"])
def test_a_large_set_needs_little_memory(kind):
    command = [sys.executable, str(SCRIPT), "--alone", kind, "--rows", "50000"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = float(ended.stdout.split()[-2])
    assert peak < 1.5, ended.stdout
