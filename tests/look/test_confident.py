import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.look.confident import contradicted, joint, thresholds

cleanlab = pytest.importorskip("cleanlab", reason="cleanlab is the independent reference")


def drawn(seed, count=300, classes=4, noise=0.1, sharpness=4.0):
    """Labels, some of them wrong, and probabilities of a model that is right most of the time."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, count)
    scores = rng.normal(size=(count, classes))
    scores[np.arange(count), truth] += sharpness * rng.random(count)
    powers = np.exp(scores)
    labels = np.where(rng.random(count) < noise, rng.integers(0, classes, count), truth)
    labels[:classes] = np.arange(classes)
    return labels, powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(12))
def test_the_joint_is_cleanlabs(seed):
    from cleanlab.count import estimate_joint

    labels, probabilities = drawn(seed, noise=0.05 * (seed % 4), classes=2 + seed % 5)
    expected = estimate_joint(labels, probabilities)
    # cleanlab rounds to whole samples.
    assert joint(labels, probabilities) == pytest.approx(expected, abs=1.0 / len(labels))


@pytest.mark.parametrize("seed", range(12))
def test_the_contradicted_labels_are_cleanlabs(seed):
    from cleanlab.filter import find_label_issues

    labels, probabilities = drawn(seed, noise=0.05 * (seed % 4), classes=2 + seed % 5)
    expected = np.flatnonzero(
        find_label_issues(labels, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    )
    found = contradicted(labels, probabilities)
    # cleanlab rounds the counts of a class so that their sum stays; here each count is rounded.
    assert len(set(found) ^ set(expected)) <= max(2, 0.1 * len(expected))


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 6), noise=st.floats(0, 0.5))
def test_names_of_classes_and_order_of_samples_do_not_matter(seed, classes, noise):
    labels, probabilities = drawn(seed, 120, classes, noise)
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(120), rng.permutation(classes)
    other = np.empty_like(probabilities)
    other[:, names] = probabilities
    found = contradicted(labels, probabilities)
    again = contradicted(names[labels][rows], other[rows])
    assert set(rows[again]) == set(found)
    likely = probabilities.argmax(axis=1)
    assert (likely[found] != labels[found]).all()


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 6))
def test_the_joint_keeps_the_shares_of_the_given_labels(seed, classes):
    labels, probabilities = drawn(seed, 100, classes)
    shares = np.bincount(labels, minlength=classes) / len(labels)
    assert joint(labels, probabilities).sum(axis=1) == pytest.approx(shares)
    limits = thresholds(labels, probabilities)
    assert ((limits >= 0) & (limits <= 1)).all()


def test_right_labels_are_not_contradicted():
    labels = np.repeat([0, 1, 2], 20)
    probabilities = np.full((60, 3), 0.1)
    probabilities[np.arange(60), labels] = 0.8
    assert contradicted(labels, probabilities).tolist() == []
    assert contradicted(np.zeros(0, dtype=np.int64), np.zeros((0, 2))).tolist() == []


def test_the_plainest_contradiction_comes_first():
    labels = np.repeat([0, 1], 50)
    probabilities = np.where(labels[:, None] == [0, 1], 0.9, 0.1)
    probabilities[3], probabilities[60] = (0.05, 0.95), (0.99, 0.01)
    assert contradicted(labels, probabilities).tolist() == [60, 3]
