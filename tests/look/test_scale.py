"""What is done block by block, or on drawn rows, of large sets says what the whole would say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from phoropter.look import (
    class_probabilities,
    label_opinion,
    name_groups,
    oddness,
    text_copies,
)
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


def test_texts_with_much_in_common_are_left_before_they_are_compared(monkeypatch):
    """Of texts that share half of their parts many have a band in common; few are looked at."""
    rng = np.random.default_rng(0)
    words = [f"{word:x}" for word in rng.integers(1 << 20, 1 << 24, 5_000)]
    shared = [" ".join(rng.choice(words, 14)) for _ in range(10)]
    texts = [f"{shared[row % 10]} {' '.join(rng.choice(words, 6))}" for row in range(300)]
    texts += [text + " x" for text in texts[:50]]
    exact = text_copies._similarity
    compared = []
    monkeypatch.setattr(
        text_copies, "_similarity", lambda *sets: compared.append(exact(*sets)) or compared[-1]
    )
    found = text_copies.text_copies(texts)
    assert {(row, 300 + row) for row in range(50)} == set(map(tuple, found.pairs.tolist()))
    looked_at = len(compared)
    monkeypatch.setattr(text_copies, "LEAST_AGREEMENT", 0.0)
    everything = text_copies.text_copies(texts)
    assert np.array_equal(everything.pairs, found.pairs)
    assert looked_at < 200 < (len(compared) - looked_at) / 5


def test_the_share_of_equal_hash_values_is_the_similarity():
    """Against the exact Jaccard similarity: unbiased, with the spread of 280 draws."""
    rng = np.random.default_rng(1)
    words = [f"{word:x}" for word in rng.integers(1 << 20, 1 << 24, 500)]
    texts = []
    for _ in range(400):
        text = rng.choice(words, 30)
        changed = text.copy()
        changed[rng.choice(30, rng.integers(1, 12), replace=False)] = rng.choice(words)
        texts += [" ".join(text), " ".join(changed)]
    _, marks = text_copies._signatures(texts, 0)
    sets = [text_copies._shingles(text) for text in texts]
    exact = np.array([text_copies._similarity(*sets[at : at + 2]) for at in range(0, 800, 2)])
    agreement = (marks[::2] == marks[1::2]).mean(axis=1)
    errors = (agreement - exact) / np.sqrt(exact * (1 - exact) / marks.shape[1])
    assert abs(errors.mean()) < 5 / np.sqrt(400)
    assert errors.std() == pytest.approx(1, abs=0.2)


def test_labels_in_doubt_are_the_same_where_the_trusted_ones_are_drawn(monkeypatch):
    rng = np.random.default_rng(0)
    texts, labels = reviews(600), np.arange(600) % 2
    wrong = rng.choice(600, 30, replace=False)
    labels[wrong] = 1 - labels[wrong]
    model = class_probabilities.by_words(texts, labels, seed=0)
    whole = label_opinion.judge_labels((model,), labels, np.arange(600), seed=0)
    monkeypatch.setattr(label_opinion, "MOST_TRUSTED", 300)
    drawn = label_opinion.judge_labels((model,), labels, np.arange(600), seed=0)
    assert set(whole.suspects.tolist()) == set(drawn.suspects.tolist()) == set(wrong.tolist())
    assert not np.array_equal(whole.probabilities, drawn.probabilities)


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
    codes = {finding.code: finding for finding in look(evidence).findings}
    assert codes["outliers"].evidence["count"] == 200
    assert not {"near-duplicates", "undeclared-groups", "label-errors"} & set(codes)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["table", "text", "images", "boxes"])
def test_a_large_set_needs_little_memory(kind):
    command = [sys.executable, str(SCRIPT), "--alone", kind, "--rows", "50000"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = float(ended.stdout.split()[-2])
    assert peak < 1.5, ended.stdout
