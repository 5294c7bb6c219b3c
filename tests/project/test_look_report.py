"""`look` from files to its page."""

import csv
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import phoropter
from phoropter.core.events import Progress
from phoropter.data import decode as decoding
from phoropter.data.decode import UnreadableImageError


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Class folders of 90 digits, one picture of them black, one file broken."""
    root = tmp_path_factory.mktemp("data") / "digits"
    data = load_digits(n_class=3)
    for row in range(90):
        folder = root / f"digit {data.target[row]}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (data.images[row] * 15.9).astype(np.uint8) * (row != 4)
        Image.fromarray(pixels).save(folder / f"{row:03}.png")
    (root / "digit 0" / "broken.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def looked(digits, tmp_path_factory):
    events = []
    project = tmp_path_factory.mktemp("project")
    result = phoropter.look(digits, project=project, listener=events.append)
    return result, Path(result.report).read_text("utf-8"), events


def test_the_page_lies_in_the_project_and_tells_what_was_found(looked):
    result, page, _ = looked
    assert Path(result.report) == Path(result.project) / "look.html"
    assert "outliers" in {finding.code for finding in result.findings}
    for finding in result.findings:
        assert f"<code>{finding.code}</code>" in page
    for fact in ("digit 0", "digit 2", "broken.png", "handcrafted", "90"):
        assert fact in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)


def test_progress_is_told_to_the_end(looked):
    stages = {}
    for event in looked[2]:
        if isinstance(event, Progress):
            stages[event.stage] = event
    for stage in ("indexing", "looking", "drawing the page", "pictures"):
        assert stages[stage].done == stages[stage].total > 0


def test_no_picture_of_the_test_part_is_in_a_gallery_or_on_the_map(looked):
    result, page, _ = looked
    split = pl.read_parquet(Path(result.project) / "data" / "split.parquet")
    sealed = set(split.filter(pl.col("part") == "test")["id"])
    named = {
        item["id"] if isinstance(item, dict) else item
        for finding in result.findings
        for item in finding.evidence.get("samples", [])
        if isinstance(item, dict | str)
    }
    assert len(sealed) > 10
    shown = set(re.findall(r"<img [^>]*alt=\"(digit \d/\d+\.png)\"", page))
    assert len(shown) > 20
    assert not (shown - named) & sealed
    points = re.findall(r"<i class=\"p [^>]*style=\"([^\"]*)\" title=\"(digit \d/\d+\.png)", page)
    assert len(points) == 2 * 90
    assert {name for style, name in points if "--u" not in style} == sealed


def test_looking_again_in_korean_gives_the_same_in_korean(digits, looked):
    result, _, _ = looked
    again = phoropter.look(digits, project=result.project, lang="ko")
    page = Path(again.report).read_text("utf-8")
    assert again.findings == result.findings
    assert '<html lang="ko">' in page
    assert "발견한 것" in page


def test_a_table_of_numbers_has_its_page(tmp_path):
    rng = np.random.default_rng(0)
    rows = [("path", "angle")]
    for row in range(40):
        pixels = rng.integers(0, 256, (20, 24, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{row:02}.png")
        rows.append((f"{row:02}.png", row / 3))
    with (tmp_path / "angles.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    result = phoropter.look(tmp_path / "angles.csv", project=tmp_path / "project")
    page = Path(result.report).read_text("utf-8")
    assert "all samples" in page
    assert page.count('<i class="p ') == 2 * 40


def test_a_file_that_breaks_after_it_was_indexed_is_left_out(digits, looked, monkeypatch):
    from phoropter.project import look_report

    shown = re.findall(r"<img [^>]*alt=\"digit \d/(\d+\.png)\"", looked[1])
    real = decoding.decode

    def fragile(path, *, min_side_px=None):
        if path.name == shown[0]:
            raise UnreadableImageError("it has just gone", path=path)
        return real(path, min_side_px=min_side_px)

    monkeypatch.setattr(look_report, "decode", fragile)
    result = phoropter.look(digits, project=looked[0].project)
    page = Path(result.report).read_text("utf-8")
    left = re.findall(r"<img [^>]*alt=\"digit \d/(\d+\.png)\"", page)
    assert left == [name for name in shown if name != shown[0]]
