"""Checks that count: each must speak where it should and be silent where nothing is wrong."""

import numpy as np
import pytest
from scipy.stats import binomtest

from phoropter.core.recipe import Recipe
from phoropter.core.records import Rejected
from phoropter.look.checks import (
    class_imbalance,
    conflicting_duplicates,
    exact_duplicates,
    low_resolution,
    mixed_sizes,
    near_duplicates,
    rare_class,
    unreadable_files,
)

RNG = np.random.default_rng(0)


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32)).astype(np.uint8)


def only(findings):
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("lost", "kind", "severity"),
    [
        (3, "unreadable", "critical"),
        (1, "unreadable", "warning"),
        (3, "junk", "info"),
        (1, "unusable", "warning"),
    ],
)
def test_rejected_files_are_listed_with_their_reasons(evidence_of, lost, kind, severity):
    rejected = tuple(Rejected(f"{n}.jpg", "truncated", kind) for n in range(lost))
    finding = only(unreadable_files.check(evidence_of(noise(40), rejected=rejected)))
    assert (finding.code, finding.severity) == ("unreadable-files", severity)
    assert finding.evidence["reasons"] == {"truncated": lost}
    assert finding.evidence["files"][0] == {"path": "0.jpg", "reason": "truncated"}


def test_nothing_rejected_is_nothing_said(evidence_of):
    assert list(unreadable_files.check(evidence_of(noise(5)))) == []


@pytest.mark.parametrize(
    ("counts", "severity"),
    [
        ((50, 50), None),
        ((50, 40), None),
        ((50, 25), "info"),
        ((75, 25), "info"),
        ((90, 20), "warning"),
    ],
)
def test_imbalance_is_a_matter_of_the_ratio(evidence_of, counts, severity):
    labels = np.repeat(["cat", "dog"], counts)
    findings = list(class_imbalance.check(evidence_of(noise(len(labels)), labels)))
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    if severity == "warning":
        evidence = findings[0].evidence
        assert evidence["counts"] == {"cat": 90, "dog": 20}
        assert evidence["majority_share"] == pytest.approx(90 / 110)
        changed = Recipe().changed(findings[0].prescriptions[0].change)
        assert changed.train.class_weights == "balanced"


@pytest.mark.parametrize("count", [1, 7, 12, 100])
def test_half_width_equals_scipys_wilson_interval(count):
    interval = binomtest(count, 2 * count).proportion_ci(method="wilson")
    assert rare_class.half_width(2 * count) == pytest.approx((interval.high - interval.low) / 2)


@pytest.mark.parametrize(
    ("held_out", "train", "severity"),
    [(30, 60, None), (15, 60, "info"), (4, 60, "warning"), (30, 3, "warning"), (0, 60, "critical")],
)
def test_a_class_is_rare_where_it_cannot_be_learnt_or_measured(
    evidence_of, held_out, train, severity
):
    labels = ["big"] * 200 + ["small"] * (held_out + train)
    parts = ["train"] * 100 + ["val"] * 100 + ["val"] * held_out + ["train"] * train
    findings = list(rare_class.check(evidence_of(noise(len(labels)), labels, part=parts)))
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    if severity:
        assert [entry["class"] for entry in findings[0].evidence["classes"]] == ["small"]


def test_numbers_have_no_classes(evidence_of):
    evidence = evidence_of(noise(20), RNG.normal(size=20))
    assert list(class_imbalance.check(evidence)) == list(rare_class.check(evidence)) == []


def test_identical_files_are_grouped(evidence_of):
    digests = [f"{row}" for row in range(97)] + ["0", "0", "5"]
    finding = only(exact_duplicates.check(evidence_of(noise(100), digest=digests)))
    assert finding.severity == "warning"
    assert (finding.evidence["groups"], finding.evidence["repeats"]) == (2, 3)
    assert finding.evidence["samples"][0] == ["00000.jpg", "00097.jpg", "00098.jpg"]


def test_one_repeat_in_a_thousand_is_only_a_remark(evidence_of):
    digests = [f"{row}" for row in range(999)] + ["0"]
    assert only(exact_duplicates.check(evidence_of(noise(1000), digest=digests))).severity == "info"


def test_different_files_are_no_duplicates(evidence_of):
    evidence = evidence_of(noise(100))
    assert list(exact_duplicates.check(evidence)) == []
    assert list(near_duplicates.check(evidence)) == []
    assert list(conflicting_duplicates.check(evidence)) == []


def test_digits_have_no_near_duplicates(evidence_of, digits):
    assert list(near_duplicates.check(evidence_of(*digits))) == []


def test_near_duplicates_are_named_with_their_families_and_listed_briefly(evidence_of):
    pictures = noise(130)
    pictures[100:130] = pictures[:30] // 2
    pictures[0] = pictures[101] + 3  # a copy of a copy
    labels = np.where(np.arange(130) % 100 < 50, "a", "b")
    evidence = evidence_of(pictures, labels, part=["train"] * 100 + ["test"] * 30)
    finding = only(near_duplicates.check(evidence))
    assert finding.severity == "warning"
    assert finding.evidence["pairs"] == 31
    assert finding.evidence["share"] == pytest.approx(30 / 130)
    assert len(finding.evidence["samples"]) == len(finding.evidence["how"]) == 20
    assert set(finding.evidence["how"]) == {"in place"}
    assert finding.evidence["family_count"] == 29
    assert finding.evidence["families"][0] == [
        {"id": "00000.jpg", "part": "train", "label": "a"},
        {"id": "00001.jpg", "part": "train", "label": "a"},
        {"id": "00101.jpg", "part": "test", "label": "a"},
    ]
    assert list(conflicting_duplicates.check(evidence)) == []


def test_flat_pictures_are_not_copies_of_each_other(evidence_of):
    pictures = noise(100)
    pictures[:10] = np.arange(10)[:, None, None] * 20
    assert list(near_duplicates.check(evidence_of(pictures))) == []


def test_one_picture_with_two_labels_is_a_conflict(evidence_of, digits):
    thumbnails = np.concatenate([digits[0][:200], digits[0][:2] // 2])
    labels = np.array(["a", "b"] * 101)
    labels[201] = "a"
    digest = [f"{row}" for row in range(202)]
    digest[11] = digest[10]
    finding = only(conflicting_duplicates.check(evidence_of(thumbnails, labels, digest=digest)))
    assert finding.severity == "warning"
    shown = [[entry["id"] for entry in pair] for pair in finding.evidence["samples"]]
    assert shown == [["00010.jpg", "00011.jpg"], ["00001.jpg", "00201.jpg"]]
    assert finding.evidence["samples"][0][0]["target"] == "a"


def test_numbers_of_one_file_may_differ_a_little(evidence_of):
    values = np.linspace(0, 10, 60)
    digest = [f"{row}" for row in range(60)]
    digest[1] = digest[0]
    assert list(conflicting_duplicates.check(evidence_of(noise(60), values, digest=digest))) == []
    digest[50] = digest[5]
    finding = only(conflicting_duplicates.check(evidence_of(noise(60), values, digest=digest)))
    assert finding.evidence["pairs"] == 1


def test_sizes_are_mixed_where_they_spread(evidence_of):
    sides = np.linspace(50, 900, 80).astype(int)
    finding = only(mixed_sizes.check(evidence_of(noise(80), height=sides, width=sides)))
    assert finding.severity == "info"
    assert finding.evidence["height"][0] == 50
    assert list(mixed_sizes.check(evidence_of(noise(80)))) == []


@pytest.mark.parametrize(
    ("sides", "severity"),
    [
        ([224] * 100, None),
        ([28] * 100, "info"),
        ([224] * 999 + [1], "info"),
        ([224] * 90 + [20] * 10, "warning"),
    ],
)
def test_resolution_is_low_for_all_or_for_some(evidence_of, sides, severity):
    findings = list(low_resolution.check(evidence_of(noise(len(sides)), height=sides, width=sides)))
    assert [finding.severity for finding in findings] == ([severity] if severity else [])


def test_a_class_that_a_part_lacks_by_no_chance_is_critical(evidence_of):
    labels = np.repeat(["cat", "dog", "owl"], (40, 40, 4))
    parts = np.where(np.arange(84) % 4 == 0, "val", "train")
    sorted_parts = np.where(labels == "cat", "train", np.where(np.arange(84) % 2, "val", "train"))
    for given, severity, absent in ((parts, "warning", 0), (sorted_parts, "critical", 1)):
        finding = only(rare_class.check(evidence_of(noise(84), labels, part=given)))
        assert (finding.severity, finding.evidence["absent"]) == (severity, absent)
    assert "none of the 40 samples of 'cat' measure it" in finding.message
