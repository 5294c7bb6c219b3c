from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score

from phoropter.look import evidence as evidence_module
from phoropter.look.evidence import described
from phoropter.look.exemplars import exemplars
from phoropter.look.map import FEWEST_POINTS, bend, clusters_of, map_of


class Given:
    name = "given"

    def __init__(self, table):
        self.table = table.astype(np.float32)

    def __call__(self, dataset, rows):
        return self.table[rows]


def test_blobs_are_found_by_both_clusterings():
    points, truth = make_blobs(240, centers=4, cluster_std=0.6, random_state=3)
    found = clusters_of(points.astype(np.float64), seed=0)
    assert (found.best, found.elbow) == (4, 4)
    assert adjusted_rand_score(truth, found.numbers) == pytest.approx(1.0)
    grouped = found.dense >= 0
    assert grouped.mean() > 0.9
    assert adjusted_rand_score(truth[grouped], found.dense[grouped]) == pytest.approx(1.0)
    place = found.counts.index(4)
    assert found.silhouettes[place] == pytest.approx(silhouette_score(points, found.numbers))
    centres = np.array([points[found.numbers == one].mean(axis=0) for one in range(4)])
    assert found.sse[place] == pytest.approx(((points - centres[found.numbers]) ** 2).sum())


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12))
def test_the_bend_is_the_farthest_from_the_chord(values):
    values = np.sort(values)[::-1]
    place = bend(values)
    ends = np.linspace(values[0], values[-1], len(values))
    gaps = np.abs(values - ends)
    assert gaps[place] == pytest.approx(gaps.max(), rel=1e-6, abs=1e-6 * np.ptp(values))


def test_the_plane_is_that_of_a_singular_value_decomposition(evidence_of, digits):
    thumbnails, labels = digits
    table = np.random.default_rng(0).normal(size=(60, 8)) * np.array([5, 3, 1, 1, 1, 1, 1, 1])
    found = map_of(evidence_of(thumbnails[:60], labels[:60], features=Given(table)))
    units = table / np.linalg.norm(table, axis=1, keepdims=True)
    left, values, _ = np.linalg.svd(units - units.mean(axis=0), full_matrices=False)
    assert np.abs(found.pca) == pytest.approx(np.abs(left[:, :2] * values[:2]), abs=1e-3)
    assert found.explained == pytest.approx(values[:2] ** 2 / (values**2).sum(), abs=1e-3)
    assert found.tsne.shape == (60, 2)
    assert np.isfinite(found.tsne).all()


def test_neighbours_stay_neighbours(evidence_of, digits):
    thumbnails, labels = digits
    found = map_of(evidence_of(thumbnails[:400], labels[:400]))
    gaps = np.linalg.norm(found.tsne[:, None] - found.tsne[None], axis=2)
    nearest = np.argsort(gaps, axis=1)[:, 1:6]
    agreeing = (labels[:400][nearest] == labels[:400, None]).mean()
    assert agreeing > 0.8


def test_of_many_samples_some_are_drawn_by_class(evidence_of, digits):
    thumbnails, _ = digits
    labels = np.array(["a"] * 300 + ["b"] * 100)
    evidence = evidence_of(thumbnails[:400], labels)
    first, second = map_of(evidence, most=40), map_of(evidence, most=40)
    assert first.rows.tolist() == second.rows.tolist() == sorted(set(first.rows.tolist()))
    assert first.tsne.tolist() == second.tsne.tolist()
    assert abs((labels[first.rows] == "b").sum() - 10) <= 1


def test_sets_without_a_map(evidence_of, digits):
    thumbnails, labels = digits
    assert map_of(evidence_of(thumbnails[: FEWEST_POINTS - 1], labels[: FEWEST_POINTS - 1])) is None
    same = map_of(evidence_of(np.repeat(thumbnails[:1], 12, axis=0), labels[:12]))
    assert np.ptp(same.tsne) == 0
    assert same.clusters.counts == ()


def test_exemplars_are_those_of_an_exhaustive_search(evidence_of, digits):
    thumbnails, labels = digits
    table = np.random.default_rng(1).normal(1.0, 1.0, size=(120, 6)).astype(np.float32)
    evidence = evidence_of(thumbnails[:120], labels[:120], features=Given(table))
    among = np.arange(120) % 5 > 0
    found = exemplars(evidence, among, count=3)
    units = table / np.linalg.norm(table, axis=1, keepdims=True)
    for name, one in found.items():
        rows = np.flatnonzero(among & (labels[:120] == name))
        rest = [units[rows[rows != row]].sum(axis=0) for row in rows]
        likeness = [
            float(units[row] @ other / np.linalg.norm(other))
            for row, other in zip(rows, rest, strict=True)
        ]
        order = rows[np.argsort(likeness)]
        assert one.unusual.tolist() == order[:3].tolist()
        assert one.typical.tolist() == order[::-1][:3].tolist()


def test_an_odd_one_is_the_most_unusual_and_copies_are_named_once(evidence_of, digits):
    thumbnails, labels = digits
    rows = np.flatnonzero(labels == "1")[:40]
    pictures = np.concatenate([thumbnails[rows], thumbnails[labels == "0"][:1]])
    pictures = np.concatenate([pictures, pictures[:1]])
    digests = [str(row) for row in range(41)] + ["0"]
    found = exemplars(
        evidence_of(pictures, ["one"] * 42, digest=digests), np.ones(42, bool), count=25
    )["one"]
    assert found.unusual[0] == 40
    assert 41 not in {*found.typical.tolist(), *found.unusual.tolist()}
    assert not set(found.typical.tolist()) & set(found.unusual.tolist())


def test_of_many_texts_only_those_that_are_shown_are_described(monkeypatch, evidence_of):
    asked = []

    class Counting:
        name = "words"

        def __call__(self, dataset, rows):
            asked.append(len(rows))
            return np.eye(len(dataset), 3, dtype=np.float32)[rows]

    monkeypatch.setattr(evidence_module, "MOST_TEXTS", 30)
    for count, expected in ((30, 30), (31, 4)):
        asked.clear()
        evidence = evidence_of(np.zeros((count, 32, 32), np.uint8), features=Counting())
        evidence = replace(evidence, dataset=replace(evidence.dataset, modality="text"))
        rows = np.array([1, 5, 9, 20])
        assert described(evidence, rows).shape == (4, 3)
        assert asked == [expected]
