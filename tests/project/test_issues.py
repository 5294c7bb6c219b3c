"""Corrections that the user accepts, from the first look to a trained run."""

import shutil
from dataclasses import replace
from pathlib import Path

import phoropter
from phoropter.data.corrections import (
    Correction,
    read_corrections,
    relabelled,
    write_corrections,
)


def test_accepted_corrections_are_honoured_and_the_split_stays(write_digits, tmp_path):
    data, project = write_digits(tmp_path / "digits", each=80), tmp_path / "p.phoropter"
    shutil.copyfile(
        data / seen_label(data, "nine"),
        data / "nine" / "zz.png",
    )
    seen = phoropter.look(data, project=project)
    split = phoropter.split(data, project=project)
    [proposed] = [
        item for item in read_corrections(Path(seen.issues)) if "zz.png" in item.path + item.problem
    ]
    own = Correction(
        seen_label(data, "three"), "I looked at it", relabelled("eight"), accepted=True
    )
    write_corrections(Path(seen.issues), [replace(proposed, accepted=True), own])
    again = phoropter.look(data, project=project)
    assert seen.samples == 241
    assert again.classes == {"eight": 81, "nine": 80, "three": 79}
    assert [lost.path for lost in again.rejected] == [proposed.path]
    after = phoropter.split(data, project=project)
    assert after.digest == split.digest
    assert sum(after.parts.values()) == 240
    trained = phoropter.train(data, project=project, settings={"model.name": "majority"})
    assert trained.metrics
    assert read_corrections(Path(again.issues))[:2] == (replace(proposed, accepted=True), own)


def seen_label(data, label):
    return f"{label}/{min(path.name for path in (data / label).iterdir())}"
