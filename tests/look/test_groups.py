from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from phoropter.data.exif import Shot, shot, shots
from phoropter.look.checks.undeclared_groups import check, cut_anywhere
from phoropter.look.groups import find_groups, stretches
from phoropter.look.name_groups import find_folder_groups, find_sessions


def scenes(groups, each, seed=0):
    """Pictures of people: `each` of each of `groups`, more alike than others."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(12, 16, 16)).repeat(2, axis=1).repeat(2, axis=2)
    people = rng.normal(size=(groups, 12)).repeat(each, axis=0)
    mixed = np.tensordot(people + rng.normal(size=people.shape), basis, axes=1)
    return np.clip(128 + 10 * mixed, 0, 255).astype(np.uint8)


def hashed(count, seed=0):
    """File names without any order, and the permutation behind them."""
    rng = np.random.default_rng(seed)
    return [f"{value:08x}" for value in rng.choice(2**32, count, replace=False)]


def test_patients_in_file_names_and_whether_the_parts_divide_them(evidence_of):
    names = [f"{number:05d}_{visit:03d}.png" for number in range(60) for visit in range(3)]
    mixed = ["train", "train", "test"] * 60
    (finding,) = check(evidence_of(scenes(60, 3), part=mixed, path=names))
    assert (finding.code, finding.severity) == ("undeclared-groups", "warning")
    assert (finding.evidence["kind"], finding.evidence["groups"]) == ("file name", 60)
    assert len(finding.evidence["families"]) == 20
    assert [member["id"] for member in finding.evidence["families"][0]] == [
        "00000.jpg", "00001.jpg", "00002.jpg",
    ]  # fmt: skip
    kept = ["train"] * 120 + ["test"] * 60
    (finding,) = check(evidence_of(scenes(60, 3), part=kept, path=names))
    assert finding.severity == "info"


def test_sessions_in_folders(evidence_of):
    pictures, names = scenes(40, 5), hashed(200)
    labels = np.repeat(["cat", "dog"], 100)
    paths = [f"{labels[row]}/day {row // 5}/{names[row]}.png" for row in range(200)]
    assert find_folder_groups(evidence_of(pictures, labels, path=paths)).kind == "folder"
    of_class = [f"train/{labels[row]}/{names[row]}.png" for row in range(200)]
    evidence = evidence_of(pictures, labels, path=of_class, part_name=["train"] * 200)
    assert find_folder_groups(evidence) is None


def test_sessions_by_the_camera_s_clock(evidence_of, tmp_path):
    pictures, names = scenes(15, 4), hashed(60)
    for row, name in enumerate(names):
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Maker", "Model"
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:{1 + row // 4:02d} 09:{row % 4:02d}:00"
        Image.fromarray(pictures[row]).save(tmp_path / f"{name}.jpg", exif=exif)
    paths = [f"{name}.jpg" for name in names]
    said = shot(tmp_path / paths[5])
    assert said == Shot("Maker Model", datetime(2024, 5, 2, 9, 1))
    evidence = evidence_of(pictures, path=paths)
    object.__setattr__(evidence.dataset, "root", tmp_path)
    found = find_sessions(evidence)
    assert found.kind == "camera time"
    assert found.numbers.reshape(15, 4).std(axis=1).max() == 0
    assert len(np.unique(found.numbers)) == 15


def test_files_that_say_nothing_or_are_broken_have_no_time(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff\xe1\x00\x10Exif\0\0broken")
    assert shots(tmp_path, ["a.jpg", "b.jpg", "gone.jpg"]) == [Shot("", None)] * 3


def test_declared_groups_are_believed(evidence_of, digits):
    group = [f"g{row // 100}" for row in range(1797)]
    names = [f"{row:04d}.png" for row in range(1797)]
    assert find_groups(evidence_of(*digits, group=group, path=names)) == ()


def test_the_writers_of_digits_are_reported_where_parts_are_mixed(evidence_of, digits):
    names = [f"{row:04d}.png" for row in range(1797)]
    mixed = np.random.default_rng(0).choice(["train", "val", "test"], 1797, p=[0.6, 0.2, 0.2])
    (finding,) = check(evidence_of(*digits, path=names, part=mixed))
    assert (finding.severity, finding.evidence["kind"]) == ("warning", "file order")
    assert finding.evidence["probe"]["p_value"] == 0.001


def test_stretches_in_order_are_no_division(evidence_of, digits):
    parts = np.array(["train"] * 6 + ["val"] * 2 + ["test"] * 2)[np.arange(900) * 10 // 900]
    names = [f"{row:04d}.png" for row in range(900)]
    assert not cut_anywhere(evidence_of(digits[0][:900], digits[1][:900], path=names, part=parts))
    mixed = np.random.default_rng(0).permutation(parts)
    assert cut_anywhere(evidence_of(digits[0][:900], digits[1][:900], path=names, part=mixed))


def test_stretches_are_cut_between_units_and_far_copies_do_not_tie_them(evidence_of):
    names = [f"{row:04d}" for row in range(400)]
    evidence = evidence_of(np.zeros((400, 32, 32), np.uint8), path=names)
    units = np.arange(400)
    units[35:45] = 35  # one second of film across the first cut
    units[390] = 5  # a copy of a frame of the first stretch in the last
    numbers = stretches(evidence, np.arange(400), units)
    assert len(np.unique(numbers)) == 10
    assert np.bincount(numbers).tolist() == [46, 35, *[40] * 7, 39]
    assert numbers[390] == numbers[5]


@pytest.mark.parametrize("by_class", [False, True])
def test_stretches_hold_every_class(evidence_of, by_class):
    labels = np.array(["a", "b", "c", "d"] * 100)
    names = [f"{label if by_class else ''}{row:04d}" for row, label in enumerate(labels)]
    evidence = evidence_of(np.zeros((400, 32, 32), np.uint8), labels, path=names)
    numbers = stretches(evidence, np.arange(400), np.arange(400))
    assert len(np.unique(numbers)) == (40 if by_class else 10)
    assert set(np.bincount(numbers)) == {10 if by_class else 40}
    for number in np.unique(numbers):
        rows = np.flatnonzero(numbers == number)
        assert rows.max() - rows.min() < 40  # contiguous
