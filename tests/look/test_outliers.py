import numpy as np
import pytest

from phoropter.look.checks.outliers import check
from phoropter.look.oddness import FEWEST, neighbour_distances, oddness, upper_scores


def ids_of(finding):
    return [item["id"] for item in finding.evidence["samples"]]


@pytest.mark.parametrize("seed", range(3))
def test_clean_sets_have_none(evidence_of, digits, seed):
    thumbnails, labels = digits
    rows = np.random.default_rng(seed).permutation(len(labels))[:600]
    assert list(check(evidence_of(thumbnails[rows], labels[rows], seed=seed))) == []


def test_empty_pictures_come_first_and_are_a_warning(evidence_of, digits):
    thumbnails, labels = digits
    thumbnails = thumbnails[:400].copy()
    thumbnails[7], thumbnails[99] = 0, 255
    [finding] = check(evidence_of(thumbnails, labels[:400]))
    assert finding.severity == "warning"
    assert set(ids_of(finding)[:2]) == {"00007.jpg", "00099.jpg"}
    assert [item["why"] for item in finding.evidence["samples"][:2]] == ["flat", "flat"]
    assert "2 of them of one flat colour" in finding.message


def test_a_strip_and_noise_among_photographs_are_found(evidence_of, digits):
    thumbnails, labels = digits
    thumbnails = thumbnails[:300].copy()
    rng = np.random.default_rng(0)
    thumbnails[5] = rng.integers(0, 2, (32, 32)) * 255
    heights, widths = [100] * 300, rng.integers(95, 106, 300).tolist()
    heights[5], widths[5] = 10, 4000
    [finding] = check(evidence_of(thumbnails, labels[:300], height=heights, width=widths))
    assert ids_of(finding) == ["00005.jpg"]
    assert finding.severity == "info"
    assert finding.message == "1 picture is like no other."


def test_few_samples_are_not_judged(evidence_of, digits):
    thumbnails, labels = digits
    evidence = evidence_of(thumbnails[: FEWEST - 1], labels[: FEWEST - 1])
    assert oddness(evidence) is None
    assert list(check(evidence)) == []


def test_distances_are_those_of_an_exhaustive_search(evidence_of, digits):
    from scipy.spatial.distance import cdist

    thumbnails, labels = digits
    table = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32)

    class Features:
        name = "drawn"

        def __call__(self, dataset, rows):
            return table[rows]

    units = table / np.linalg.norm(table, axis=1, keepdims=True)
    expected = np.sort(cdist(units, units), axis=1)[:, 10]
    evidence = evidence_of(thumbnails[:200], labels[:200], features=Features())
    assert neighbour_distances(evidence) == pytest.approx(expected, abs=1e-3)


def test_scores_do_not_depend_on_scale():
    values = np.random.default_rng(0).gamma(2.0, size=500)
    assert upper_scores(7.0 + 3.0 * values) == pytest.approx(upper_scores(values))
    assert upper_scores(np.ones(20)).tolist() == [0.0] * 20


def test_absurd_targets_are_named(evidence_of, digits):
    thumbnails, _ = digits
    rng = np.random.default_rng(0)
    angles = rng.uniform(-1, 1, 100)
    angles[[4, 50]] = 1e6, -9999
    [finding] = check(evidence_of(thumbnails[:100], angles))
    assert set(ids_of(finding)) == {"00004.jpg", "00050.jpg"}
    assert finding.severity == "warning"
    heavy = rng.standard_t(2.5, 100)
    assert list(check(evidence_of(thumbnails[:100], heavy))) == []
