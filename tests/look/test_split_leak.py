import numpy as np
import polars as pl
import pytest

from phoropter.core.records import Split
from phoropter.look.checks.split_leak import check
from phoropter.look.name_groups import find_name_groups, group_of

PARTS = ["train"] * 120 + ["test"] * 80


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32)).astype(np.uint8)


def visits(patients, seed=0, *, alike=True):
    """Three pictures of each patient, alike or not, and their file names."""
    rng = np.random.default_rng(seed)
    scenes = rng.normal(size=(12, 16, 16)).repeat(2, axis=1).repeat(2, axis=2)
    people = np.repeat(rng.normal(size=(patients, 12)), 3, axis=0)
    own = rng.normal(size=people.shape)
    mixed = np.tensordot(people + own if alike else own, scenes, axes=1)
    pictures = np.clip(128 + 10 * mixed, 0, 255)
    names = [f"{number:05d}_{visit:03d}.png" for number in range(patients) for visit in range(3)]
    return pictures.astype(np.uint8), names


def test_a_clean_split_is_no_leak(evidence_of):
    assert list(check(evidence_of(noise(200), part=PARTS))) == []


def test_without_parts_there_is_nothing_to_leak(evidence_of):
    assert list(check(evidence_of(noise(200), digest=["same"] * 200))) == []


@pytest.mark.parametrize(("count", "severity"), [(1, "warning"), (8, "critical")])
def test_one_file_on_both_sides(evidence_of, count, severity):
    digest = [str(row) for row in range(200)]
    digest[120 : 120 + count] = digest[:count]
    (finding,) = check(evidence_of(noise(200), part=PARTS, digest=digest))
    assert (finding.code, finding.severity) == ("split-leak", severity)
    assert finding.evidence["kind"] == "exact"
    assert finding.evidence["share"] == pytest.approx(count / 80)
    first = finding.evidence["samples"][0]
    assert first == [{"id": "00000.jpg", "part": "train"}, {"id": "00120.jpg", "part": "test"}]


def test_a_copy_on_the_other_side(evidence_of):
    pictures = noise(200)
    pictures[150] = pictures[3, :, ::-1] // 2
    (finding,) = check(evidence_of(pictures, part=PARTS))
    assert finding.evidence["kind"] == "near"
    assert finding.evidence["rows"] == 2
    assert finding.severity == "info"  # a pair may be strangers who look alike


def test_several_copies_on_the_other_side_are_no_chance(evidence_of):
    pictures = noise(200)
    pictures[150:153] = pictures[3:6, :, ::-1] // 2
    (finding,) = check(evidence_of(pictures, part=PARTS))
    assert finding.evidence["kind"] == "near"
    assert (finding.evidence["rows"], finding.severity) == (6, "warning")


def test_a_declared_group_on_both_sides(evidence_of):
    group = [f"g{row // 10}" for row in range(200)]
    group[130] = "g0"
    (finding,) = check(evidence_of(noise(200), part=PARTS, group=group))
    assert finding.evidence["kind"] == "group"
    assert finding.evidence["groups"] == 1


def test_the_split_in_force_counts_not_the_given_parts(evidence_of):
    digest = [str(row) for row in range(200)]
    digest[150] = digest[0]
    ids = [f"{row:05d}.jpg" for row in range(200)]
    table = pl.DataFrame({"id": ids[::-1], "part": ["train"] * 150 + ["test"] * 50})
    moved = Split(table, (), 0)
    kinds = [
        finding.evidence["kind"]
        for finding in check(evidence_of(noise(200), digest=digest, part=PARTS, split=moved))
    ]
    assert kinds == ["exact"]
    together = Split(table.with_columns(part=pl.Series(["train", "test"] * 100)), (), 0)
    assert list(check(evidence_of(noise(200), digest=digest, part=PARTS, split=together))) == []


def test_patients_in_file_names_on_both_sides(evidence_of):
    pictures, names = visits(60)
    parts = np.where(np.random.default_rng(0).random(180) < 0.7, "train", "test")
    labels = np.repeat(["sick", "well"], 90)
    (finding,) = check(evidence_of(pictures, labels, part=parts, path=names))
    assert finding.evidence["kind"] == "file name"
    assert finding.severity == "critical"


def test_patients_kept_on_one_side_are_no_leak(evidence_of):
    pictures, names = visits(60)
    assert list(check(evidence_of(pictures, part=["train"] * 90 + ["test"] * 90, path=names))) == []


def film(frames, seed):
    """A scene that drifts."""
    rng = np.random.default_rng(seed)
    scenes = rng.normal(size=(6, 32, 32))
    weights = 2 * rng.normal(size=6) + rng.normal(size=(frames, 6)).cumsum(axis=0) / 8
    return np.clip(128 + 15 * np.tensordot(weights, scenes, axes=1), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("form", ["{:04d}R0_{:06d}.png", "Seq{:02d}VD_f{:05d}.png"])
def test_recordings_that_given_parts_divide(evidence_of, form):
    pictures = np.concatenate([film(60, seed) for seed in range(4)])
    names = [form.format(row // 60 + 1, row % 60 * 30) for row in range(240)]
    parts = ["train"] * 150 + ["test"] * 90
    (finding,) = check(evidence_of(pictures, part=parts, path=names))
    assert (finding.evidence["kind"], finding.severity) == ("recording", "critical")
    assert finding.evidence["groups"] == 1
    assert finding.evidence["share"] == pytest.approx(30 / 90)
    assert "a picture of the same recording, by its file name," in finding.message
    whole = ["train"] * 180 + ["test"] * 60
    assert list(check(evidence_of(pictures, part=whole, path=names))) == []
    # Names that say nothing about the pictures name no recordings; neighbouring frames are copies.
    mixed = np.random.default_rng(0).permutation(240)
    found = check(evidence_of(pictures[mixed], part=parts, path=names))
    assert {finding.evidence["kind"] for finding in found} <= {"near"}


def test_a_stretch_that_the_split_holds_out_is_no_leak_of_a_recording(evidence_of):
    pictures = np.concatenate([film(60, seed) for seed in range(4)])
    names = [f"{row // 60 + 1:04d}R0_{row % 60:06d}.png" for row in range(240)]
    given = ["train"] * 180 + ["test"] * 60
    evidence = evidence_of(pictures, part=given, path=names)
    cut = ["train"] * 150 + ["val"] * 30 + ["test"] * 60
    table = evidence.dataset.table.select("id", part=pl.Series(cut), unit="id")
    split = Split(table, (), 0)
    assert list(check(evidence_of(pictures, part=given, path=names, split=split))) == []


def test_names_that_say_nothing_about_pictures_are_no_groups(evidence_of):
    """Of 15 sets whose names are shared by chance, none may be called grouped."""
    for seed in range(15):
        pictures, names = visits(40, seed, alike=False)
        assert find_name_groups(evidence_of(pictures, path=names, seed=seed)) is None


@pytest.mark.parametrize("form", ["{:05d}", "image_{:04d}", "{:04d}-num3", "7f3e{:04d}a"])
def test_running_numbers_are_no_groups(evidence_of, form):
    names = [form.format(row) for row in range(200)]
    assert find_name_groups(evidence_of(noise(200), path=names)) is None


def test_prefixes_that_name_a_class_are_no_groups(evidence_of, digits):
    thumbnails, labels = digits
    names = [f"c{label}_{row:04d}.png" for row, label in enumerate(labels)]
    assert find_name_groups(evidence_of(thumbnails, labels, path=names)) is None


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("a/00003140_012.png", "00003140"),
        ("p12 (3).jpg", "p12"),
        ("center_2018_07_1.jpg", "center_2018_07"),
        ("dog.jpg", None),
    ],
)
def test_group_of(path, group):
    assert group_of(path) == group
