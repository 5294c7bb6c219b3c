"""Whatever lies in a folder, every file of it is used, rejected, or counted as ignored."""

import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from phoropter.data.accounts import account
from phoropter.data.index import index
from phoropter.data.open import open_dataset


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


IGNORED = {
    ".DS_Store": b"\0\0\0\1Bud1",
    "._0.png": b"\0\5\26\7",
    "__MACOSX/._0.png": b"\0\5\26\7",
    ".git/objects/ab/cdef": b"x\1",
    ".git/HEAD": b"ref: refs/heads/main",
    "@eaDir/0.png/thumb.jpg": picture(90),
    "__pycache__/load.pyc": b"\0",
    "old.phoropter/report.html": b"<p>",
    "old.phoropter/data/cache/x.png": picture(91),
}
"""Files that no layout takes for data, wherever they lie."""

NOTES = {
    "README.md": b"# Cats",
    "LICENSE": b"free",
    "notes.txt": b"bad light",
    "CITATION.cff": b"c",
}
LEFTOVERS = {
    "Thumbs.db": b"\xd0\xcf\x11\xe0",
    "desktop.ini": b"[.ShellClassInfo]",
    "load.py": b"import os",
    "broken.png": b"",
    "cut.png": picture(92)[:60],
    "page.jpg": b"<html>not found</html>",
    "more.gif": picture(93),
    ".hidden.png": picture(94),
}
FOLDER_LAYOUTS = ("folders", "csv", "coco", "voc", "yolo", "masks", "instances", "unlabelled",
                  "unpaired")  # fmt: skip


def on_disk(folder):
    return sorted(
        Path(place, name).relative_to(folder).as_posix()
        for place, _, names in os.walk(folder)
        for name in names
    )


def places_of(layout, folder):
    """Folders in which something may lie: the root, and one that holds samples."""
    if layout == "instances":  # a second picture there would make the first one no sample
        return {"root": folder, "inner": folder / "stage1_train"}
    return {"root": folder, "inner": min(path.parent for path in folder.rglob("*.png"))}


@pytest.mark.parametrize("layout", FOLDER_LAYOUTS)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    extras=st.lists(
        st.tuples(
            st.sampled_from([*IGNORED, *NOTES, *LEFTOVERS]), st.sampled_from(["root", "inner"])
        ),
        max_size=8,
        unique=True,
    )
)
def test_every_file_is_counted_once(examples, layout, extras):
    with tempfile.TemporaryDirectory() as place:
        folder = examples[layout](Path(place))
        sound = set(on_disk(folder))
        targets = places_of(layout, folder)
        added = {}
        for name, where in extras:
            file = targets[where] / name
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes((IGNORED | NOTES | LEFTOVERS)[name])
                added[file.relative_to(folder).as_posix()] = name
        dataset = index(open_dataset(folder, layout=layout))
        accounts = account(folder, dataset)
        counts = accounts.counts
        assert counts.pop("found") == len(on_disk(folder)) == len(sound) + len(added)
        assert sum(counts.values()) == len(sound) + len(added)
        # A sound picture among the samples may become one itself; a broken one never does.
        taken = {path for path in added if added[path] == "more.gif"}
        assert counts["samples"] + counts["sources"] >= len(sound)
        assert counts["samples"] + counts["sources"] <= len(sound) + len(taken)
        rejected = {item.path for item in dataset.rejected}
        hidden = {path for path, name in added.items() if name in IGNORED}
        assert not hidden & rejected
        assert counts["ignored"] >= len(hidden)
        by_reason = {item.reason: item for item in accounts.ignored}
        if hidden:
            assert by_reason["hidden, or left by a system or a program"].count >= len(hidden)
        for item in accounts.ignored:
            assert 1 <= len(item.examples) <= min(item.count, 3)
            assert set(item.examples) <= set(added)


def test_a_table_of_a_few_images_leaves_the_others_with_a_reason(examples, tmp_path):
    folder = examples["csv"](tmp_path)
    (folder / "elsewhere").mkdir()
    for number in range(5):
        (folder / "elsewhere" / f"far {number}.png").write_bytes(picture(50 + number))
    (folder / "images" / "extra.png").write_bytes(picture(60))
    with (folder / "labels.csv").open("a") as table:
        table.write("images/extra,\nimages/gone.png,a\n")
    accounts = account(folder, open_dataset(folder, layout="csv"))
    assert accounts.counts == {
        "found": 19, "samples": 12, "sources": 1, "rejected": 1, "ignored": 5
    }  # fmt: skip
    [item] = accounts.ignored
    assert item.reason == "images that nothing in this layout mentions"
    assert item.examples == tuple(f"elsewhere/far {number}.png" for number in range(3))


def test_images_that_a_coco_file_does_not_mention_are_rejected_by_folder(examples, tmp_path):
    folder = examples["coco"](tmp_path)
    content = json.loads((folder / "annotations.json").read_text())
    content["images"].pop()
    (folder / "annotations.json").write_text(json.dumps(content))
    (folder / "other").mkdir()
    for number in range(3):
        (folder / "other" / f"far {number}.png").write_bytes(picture(70 + number))
    counts = account(folder, open_dataset(folder)).counts
    assert counts == {"found": 16, "samples": 11, "sources": 1, "rejected": 4, "ignored": 0}


@pytest.mark.parametrize("layout", ["arrays", "webdataset", "hf", "table"])
def test_files_that_hold_the_samples_are_sources(examples, layout, tmp_path):
    examples[layout](tmp_path)
    made = len(on_disk(tmp_path))
    (tmp_path / "README.md").write_text("Cats")
    dataset = open_dataset(tmp_path)
    assert dataset.layout == layout
    counts = account(tmp_path, dataset).counts
    assert (counts["sources"], counts["ignored"], counts["found"]) == (made, 1, made + 1)


def test_names_that_are_no_utf8_are_counted(examples, tmp_path):
    folder = examples["folders"](tmp_path)
    odd = os.fsencode(folder / "cat") + b"/caf\xe9.png"
    Path(os.fsdecode(odd)).write_bytes(picture(80))
    counts = account(folder, open_dataset(folder)).counts
    assert (counts["rejected"], counts["ignored"], counts["found"]) == (1, 0, 13)
