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


def sections_of(page):
    return re.findall(r"<section id=\"(\w+)\"", page)


def test_texts_have_their_page(tmp_path):
    rng = np.random.default_rng(0)
    words = {"sport": ["goal", "match", "team", "coach"], "money": ["bank", "rate", "bond", "fund"]}
    rows = [("text", "label")]
    for row in range(80):
        label = ("sport", "money")[row % 2]
        rows.append((" ".join(rng.choice([*words[label], "the", "said"], 12)), label))
    rows[20] = rows[10] = ("the goal & the <b>match</b> said the coach of the team", "sport")
    with (tmp_path / "news.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    result = phoropter.look(tmp_path / "news.csv", project=tmp_path / "project")
    page = Path(result.report).read_text("utf-8")
    assert sections_of(page) == ["findings", "classes", "texts", "map", "rejected", "split"]
    assert "Pictures" not in page
    assert "Texts are compared by their words" in page
    for word in ("goal", "bank", "length, characters"):
        assert word in page
    assert "the goal &amp; the &lt;b&gt;match&lt;/b&gt;" in page
    assert "the same: " in page  # equal texts are shown once
    split = pl.read_parquet(Path(result.project) / "data" / "split.parquet")
    sealed = set(split.filter(pl.col("part") == "test")["id"])
    titled = dict(re.findall(r"<i class=\"p [^>]*title=\"([^\"]*?) · ([^\"]*)\"", page))
    named = {name for name in titled if "#" in name}  # sealed texts are named, not shown
    assert sealed == named


def test_rows_of_a_table_have_their_page(tmp_path):
    rng = np.random.default_rng(0)
    size = rng.normal(size=90).round(2)
    table = pl.DataFrame(
        {"size": size, "twice": 2 * size, "price": rng.normal(size=90).round(2),
         "place": ["bog", "fen", None] * 30, "sold": ["yes", "no"] * 45}
    ).with_columns(price=pl.when(pl.int_range(90) == 5).then(9e9).otherwise("price"))  # fmt: skip
    table.write_csv(tmp_path / "rows.csv")
    result = phoropter.look(tmp_path / "rows.csv", target="sold", project=tmp_path / "project")
    page = Path(result.report).read_text("utf-8")
    assert sections_of(page) == ["findings", "classes", "columns", "map", "rejected", "split"]
    for fact in ("33 %", "VIF", "Correlation of the columns", "category", "Rows are compared"):
        assert fact in page
    assert '<td class="flagged">9e+09</td>' in page
    assert "Pictures" not in page


def test_boxes_are_drawn_where_they_are_wrong(tmp_path):
    rng = np.random.default_rng(0)
    for row in range(12):
        pixels = rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)
        (tmp_path / "data" / "images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "labels").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "data" / "images" / f"{row:02}.png")
        wrong = row == 3
        line = f"0 0.5 0.5 {0 if wrong else 0.25} 0.5\n1 0.2 0.2 0.1 0.1\n"
        (tmp_path / "data" / "labels" / f"{row:02}.txt").write_text(line)
    (tmp_path / "data" / "data.yaml").write_text("names: [cat, dog]\n")
    result = phoropter.look(tmp_path / "data", project=tmp_path / "project")
    page = Path(result.report).read_text("utf-8")
    assert "objects" in sections_of(page)
    assert "Objects by class and part" in page
    assert "Classes that occur in the same images" in page
    assert page.count('class="marked"') == 1
    assert 'aria-label="1 × cat, 1 × dog"' in page
    assert page.count('<rect x="30" y="15" width="20" height="30" class="k0">') >= 5


def test_masks_colour_their_pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for row in range(12):
        Image.fromarray(rng.integers(0, 99, (40, 40, 3)).astype(np.uint8)).save(
            tmp_path / "data" / "images" / f"{row:02}.png"
        )
        mask = np.zeros((40, 40), np.uint8)
        mask[:20] = 1
        Image.fromarray(mask if row else mask[:10]).save(
            tmp_path / "data" / "masks" / f"{row:02}.png"
        )
    result = phoropter.look(tmp_path / "data", project=tmp_path / "project")
    page = Path(result.report).read_text("utf-8")
    assert "Pixels by class and part" in page
    [bad] = [one for one in page.split("<article") if "<code>bad-masks</code>" in one]
    assert 'alt="images/00.png"' in bad


def test_hostile_names_of_columns_and_classes_stay_words(tmp_path):
    evil = "<img src=x onerror=alert(1)>\"'</style><script>"
    rng = np.random.default_rng(0)
    pl.DataFrame(
        {evil: rng.normal(size=60).round(2), "b": rng.normal(size=60).round(2),
         "place": [evil, "fen"] * 30, "sold": [evil, "no", "no"] * 20}
    ).write_csv(tmp_path / "rows.csv")  # fmt: skip
    table = phoropter.look(tmp_path / "rows.csv", target="sold", project=tmp_path / "one")
    said = ["".join(rng.choice(list("abcdefgh "), 60)) for _ in range(60)]
    words = [("text", "label")]
    words += [(f"{evil} {one}", f"{evil}{row % 2}") for row, one in enumerate(said)]
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        csv.writer(file).writerows(words)
    texts = phoropter.look(tmp_path / "texts.csv", project=tmp_path / "two", layout="text")
    for result in (table, texts):
        page = Path(result.report).read_text("utf-8")
        assert "&lt;script&gt;" in page
        assert "<script" not in page
        assert "<img src=x" not in page
        assert page.count("</style>") == 1


def test_pictures_of_several_labels_have_their_page(tmp_path):
    data = load_digits()
    rows = [("path", "labels")]
    for row in range(220):
        number = int(data.target[row])
        there = {"even": number % 2 == 0, "small": number < 5, "round": number in {0, 6, 8, 9}}
        names = [name for name in there if there[name]]
        Image.fromarray((data.images[row] * 15.9).astype(np.uint8)).save(tmp_path / f"{row:03}.png")
        rows.append((f"{row:03}.png", "|".join(names) or "other"))
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    result = phoropter.look(tmp_path / "labels.csv", project=tmp_path / "project")
    page = Path(result.report).read_text("utf-8")
    assert result.task == "multilabel"
    assert "Samples by class and part" in page
    for name in ("even", "small", "other"):
        assert f">{name}</text>" in page
