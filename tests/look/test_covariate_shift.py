import numpy as np
import polars as pl
import pytest

from phoropter.core.records import Split
from phoropter.look.checks.covariate_shift import check


def given_parts(count, held_out):
    return ["train"] * (count - held_out) + ["test"] * held_out


def drawn(digits, seed, count=400):
    rows = np.random.default_rng(seed).permutation(1797)[:count]
    return digits[0][rows], digits[1][rows]


@pytest.mark.parametrize("seed", range(12))
def test_random_parts_are_alike(evidence_of, digits, seed):
    thumbnails, labels = drawn(digits, seed)
    evidence = evidence_of(thumbnails, labels, part=given_parts(400, 120), seed=seed)
    assert list(check(evidence)) == []


def test_only_the_changed_part_is_named(evidence_of, digits):
    thumbnails, labels = drawn(digits, 0)
    changed = thumbnails.copy()
    changed[300:] = (changed[300:] * 0.4).astype(np.uint8)
    parts = given_parts(400, 200)
    names = ["train"] * 200 + ["test_same"] * 100 + ["test_shifted"] * 100
    (finding,) = check(evidence_of(changed, labels, part=parts, part_name=names))
    assert (finding.code, finding.severity) == ("covariate-shift", "warning")
    assert finding.evidence["part"] == "test_shifted"
    assert finding.evidence["area_under_curve"] > 0.95
    assert "brightness" in {item["name"] for item in finding.evidence["properties"]}
    assert len(finding.evidence["samples"]) == 20
    assert min(finding.evidence["samples"]) >= "00300.jpg"


def test_other_shares_of_the_classes_are_no_covariate_shift(evidence_of, digits):
    thumbnails, labels = digits
    rng = np.random.default_rng(0)
    order = rng.permutation(np.flatnonzero(np.isin(labels, ["0", "1"])))
    test = np.concatenate([order[labels[order] == "0"][:60], order[labels[order] == "1"][:20]])
    train = np.setdiff1d(order, test)
    rows = np.concatenate([train, test])
    evidence = evidence_of(thumbnails[rows], labels[rows], part=given_parts(len(rows), 80))
    assert list(check(evidence)) == []


def test_file_size_alone_betrays_another_source(evidence_of, digits):
    thumbnails, labels = drawn(digits, 1)
    sizes = np.random.default_rng(0).integers(1000, 1300, 400)
    sizes[300:] += 400
    (finding,) = check(
        evidence_of(thumbnails, labels, part=given_parts(400, 100), size_bytes=sizes)
    )
    assert finding.evidence["properties"][0]["name"] == "file size"


def test_groups_are_one_sample_each(evidence_of):
    """Twenty groups of forty look-alikes: a grouped split differs, and not by more than chance."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        scenes = rng.integers(0, 256, (60, 1, 32, 32))
        pictures = (scenes * 0.9 + rng.integers(0, 25, (60, 20, 32, 32))).reshape(-1, 32, 32)
        groups = np.repeat([f"g{number}" for number in range(60)], 20)
        parts = given_parts(1200, 480)
        evidence = evidence_of(pictures.astype(np.uint8), group=groups, part=parts, seed=seed)
        assert list(check(evidence)) == []


def test_a_handful_of_pictures_is_not_asked(evidence_of, digits):
    thumbnails, labels = drawn(digits, 2, 100)
    thumbnails[90:] //= 3
    assert list(check(evidence_of(thumbnails, labels, part=given_parts(100, 10)))) == []


@pytest.mark.parametrize(("stretch", "codes"), [(80, []), (1, ["covariate-shift"])])
def test_stretches_that_a_split_dealt_are_one_sample_each(evidence_of, digits, stretch, codes):
    """A film that grows darker: parts of whole stretches differ, by the deal of five cards."""
    thumbnails, labels = drawn(digits, 0)
    dark = (thumbnails * np.linspace(1, 0.3, 400)[:, None, None]).astype(np.uint8)
    names = [f"{row:05d}.jpg" for row in range(400)]
    units = [f"stretch {row // stretch}" for row in range(400)]
    columns = {"id": names, "part": given_parts(400, 80), "unit": units}
    split = Split(pl.DataFrame(columns), (), 0, grouped=True)
    found = check(evidence_of(dark, labels, split=split))
    assert [finding.code for finding in found] == codes
