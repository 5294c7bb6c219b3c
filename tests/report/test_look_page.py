"""The page of `look` shows what was found, to everybody, and asks nobody for anything."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from phoropter.core.objects import no_objects
from phoropter.core.records import Dataset, Finding, Prescription, Rejected, Split
from phoropter.look.map import Clusters, DataMap
from phoropter.report.look_content import (
    ClassGallery,
    LookContent,
    exhibits,
    wanted,
)
from phoropter.report.look_page import render_look, write_look_page
from phoropter.report.plane import COLOURS, _colours, planes
from phoropter.report.sentences import Sentences, texts
from phoropter.report.small_pictures import CELL_PX, cell, mean_of, sheet_of, squashed, webp

LABELS = Finding(
    "label-errors", "warning", 0.95, "2 labels of 300 are likely wrong.",
    {"samples": [
        {"id": "digit 3/0003.png", "given": "digit 3", "suggested": "digit 8", "doubt": 0.97,
         "part": "train"},
        {"id": "digit 5/0005.png", "given": "digit 5", "suggested": "digit 9", "doubt": 0.8,
         "part": "test"},
    ]},
    (Prescription({}, "Look at the listed pictures.", None, 0.0, "They teach the wrong thing."),),
)  # fmt: skip
COPIES = Finding(
    "near-duplicates", "info", 0.95, "1 pair of files.",
    {"samples": [["digit 1/0001.png", "digit 1/0011.png"]]},
)  # fmt: skip
EVIL = "<script>alert(1)</script>\"'><img src=http://x>"


def clusters_for(count):
    return Clusters((2, 3, 4), (9.0, 4.0, 3.0), (0.2, 0.5, 0.3), 3, 3,
                    np.arange(count) % 3, np.arange(count) % 2 - 1, 0.5)  # fmt: skip


def content_of(count, points):
    """A look at some digits; the pictures are real, the map is a grid."""
    images, target = load_digits().images, load_digits().target
    rows = np.arange(count) % len(images)
    labels = [f"digit {target[row]}" for row in rows]
    ids = [f"{label}/{place:04}.png" for place, label in enumerate(labels)]
    parts = np.where(np.arange(count) % 5 == 0, "test", "train")
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {"id": ids, "path": ids, "label": labels, "height": [8] * count,
         "width": rng.integers(8, 12, count), "format": ["PNG"] * count, "mode": ["L"] * count,
         "brightness": rng.random(count), "contrast": rng.random(count),
         "sharpness": rng.random(count), "entropy": rng.random(count) * 8}
    )  # fmt: skip
    dataset = Dataset("digits", Path("digits"), "folders", f"10 classes, {count} images",
                      "classification", ("label",), table,
                      (Rejected("digit 3/broken.png", "the file is empty"),))  # fmt: skip
    galleries = {
        name: ClassGallery(*(tuple(members[k : k + 6]) for k in (0, 6, 12)))
        for name in sorted(set(labels))
        for members in [[one for one, label, part in zip(ids, labels, parts, strict=True)
                         if label == name and part == "train"]]
    }  # fmt: skip
    drawn = np.linspace(0, count - 1, points).round().astype(np.int64)
    plane = rng.normal(size=(points, 2))
    split = Split(pl.DataFrame({"id": ids, "part": parts}), (), 0)
    content = LookContent(
        name="digits", dataset=dataset, split=split,
        findings=(LABELS, COPIES), features="handcrafted", galleries=galleries,
        map=DataMap(drawn, plane, (0.4, 0.2), plane[:, ::-1], clusters_for(points)),
    )  # fmt: skip

    def pixels(row):
        grey = (images[row % len(images)] * 15.9).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)

    place = {name: row for row, name in enumerate(ids)}
    shown = [row for row in drawn.tolist() if parts[row] == "train"]
    return replace(
        content,
        pictures={name: webp(pixels(place[name])) for name in wanted(content)
                  if name in place},
        sheet=sheet_of({ids[row]: cell(pixels(row)) for row in shown}),
        means={"digit 0": mean_of([squashed(pixels(row)) for row in (0, 10, 20)])},
    )  # fmt: skip


@pytest.fixture(scope="module")
def content():
    return content_of(300, 300)


@pytest.fixture(scope="module")
def page(content, page_of):
    return page_of(render_look(content))


def test_it_is_well_formed(page):
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"][1:] for attrs in page.all("a")} <= set(ids)
    assert all(image.get("alt") for image in page.all("img"))
    assert all("scope" in attrs for attrs in page.all("th"))


def test_nothing_is_loaded_from_anywhere(page, content):
    for tag, attrs in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "srcset", "data", "action"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, attrs)
    html = render_look(content)
    assert set(re.findall(r"url\(\"?([a-z:/]+)", html)) == {"data:image/webp"}
    [policy] = [attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_findings_are_shown_with_their_pictures(page):
    said = page.said("findings")
    for fact in ("label-errors", "given: digit 3", "suggested: digit 8", "doubt: 0.97",
                 "Look at the listed pictures.", "near-duplicates"):  # fmt: skip
        assert fact in said
    shown = [image["alt"] for image in page.all("img")]
    assert {"digit 3/0003.png", "digit 1/0001.png"} <= set(shown)


def test_test_pictures_are_shown_only_for_findings(page, content):
    parts = dict(zip(content.split.table["id"], content.split.table["part"], strict=True))
    named = {item.id for f in content.findings for group in exhibits(f) for item in group}
    for image in page.all("img"):
        assert parts.get(image["alt"], "train") == "train" or image["alt"] in named
    assert not {name for name in content.sheet.places if parts[name] == "test"}


def test_everything_else_is_told(page):
    assert "300" in page.said("head")
    assert "samples by class and part" in page.said("classes").lower()
    for name in ("brightness", "sharpness", "entropy", "width / height"):
        assert name in page.said("properties")
    assert "height, pixels888" in page.said("properties")  # all alike: in the table, not drawn
    assert "silhouette is largest for 3 clusters" in page.said("map")
    assert "the file is empty" in page.said("rejected")


def test_every_point_of_the_map_knows_its_picture(page, content):
    points = [attrs for tag, attrs in page.tags if tag == "i" and "title" in attrs]
    assert len(points) == 2 * 300
    sheet = Image.open(io.BytesIO(content.sheet.file))
    assert sheet.size == (content.sheet.columns * CELL_PX, content.sheet.rows * CELL_PX)
    for attrs in points:
        spot = dict(item.split(":") for item in attrs["style"].split(";"))
        assert 0 <= float(spot["--x"]) <= 100
        assert 0 <= float(spot["--y"]) <= 100
        name = attrs["title"].partition(" · ")[0]
        place = content.sheet.places.get(name)
        assert (place is None) == ("--u" not in spot)
        if place is not None:
            assert int(spot["--v"]) * content.sheet.columns + int(spot["--u"]) == place


def test_ten_thousand_images_make_a_page_below_five_megabytes(tmp_path):
    path = write_look_page(content_of(10_000, 1_500), tmp_path / "look.html")
    assert 100_000 < path.stat().st_size < 5_000_000
    again = write_look_page(content_of(10_000, 1_500), tmp_path / "again.html")
    assert path.read_bytes() == again.read_bytes()


def test_korean(content):
    html = render_look(content, lang="ko")
    assert '<html lang="ko">' in html
    assert texts("ko")["h-look-findings"] in html
    assert "제안: digit 8" in html
    assert "$" not in re.sub(r"base64,[^\"]*|<style>.*?</style>", "", html, flags=re.DOTALL)


def test_hostile_words_stay_words(content, page_of):
    finding = Finding(EVIL, "critical", 1.0, EVIL, {"samples": [{"id": EVIL, EVIL: EVIL}]})
    table = content.dataset.table.with_columns(
        pl.col("label").replace("digit 3", EVIL), pl.col("id").replace("digit 3/0003.png", EVIL)
    )
    split = Split(content.split.table.with_columns(table["id"]), (EVIL,), 0)
    page = page_of(
        render_look(
            replace(
                content, name=EVIL, features=EVIL, findings=(finding,), split=split,
                dataset=replace(content.dataset, table=table, description=EVIL),
                pictures={**content.pictures, EVIL: webp(np.zeros((4, 4, 3), np.uint8))},
                galleries={EVIL: ClassGallery((EVIL,), (EVIL,), (EVIL,))},
            )
        )
    )  # fmt: skip
    assert page.open == []
    assert page.all("script") == []
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert EVIL in page.text["head"]


@pytest.mark.parametrize("missing", ["map", "sheet", "pictures", "galleries", "findings", "means"])
def test_what_is_missing_is_left_out(content, missing, page_of):
    nothing = {"map": None, "sheet": None, "findings": ()}.get(missing, {})
    page = page_of(render_look(replace(content, **{missing: nothing})))
    assert page.open == []
    assert ("map" in page.text) == (missing != "map")


@pytest.mark.parametrize("task", ["regression", "unlabelled", "detection"])
def test_other_tasks_have_their_page(content, task, page_of):
    old = content.dataset
    rng = np.random.default_rng(0)
    table = old.table.with_columns(angle=pl.Series(rng.normal(size=len(old))))
    dataset = replace(old, table=table, task=task, targets=("angle",) * (task == "regression"))
    if task == "detection":
        objects = pl.DataFrame({"id": table["id"][:4], "label": ["cat", "cat", "dog", "cat"]})
        dataset = replace(
            dataset, objects=pl.concat([no_objects(), objects], how="diagonal"), classes=("cat",)
        )
    page = page_of(render_look(replace(content, dataset=dataset, galleries={}, means={})))
    assert page.open == []
    said = page.said("classes")
    assert ("angle" in said) == (task == "regression")
    assert ("dog" in said) == (task == "detection")
    assert len([attrs for tag, attrs in page.tags if tag == "i" and "title" in attrs]) == 600


def test_more_groups_than_colours_share_the_last(content):
    labels = [f"class {row % 30:02}" for row in range(300)]
    dataset = replace(content.dataset, table=content.dataset.table.with_columns(
        pl.Series("label", labels)))  # fmt: skip
    first, _ = planes(replace(content, dataset=dataset), Sentences("en"))
    assert len(first.legend) == COLOURS
    assert {point.colour for point in first.points} == set(range(COLOURS + 1))


def test_entries_of_other_kinds_are_passed_over():
    strange = Finding("x", "info", 1.0, "", {"samples": [3, None, {"no": 1}, [4, "a"], "b"]})
    assert [[item.id for item in group] for group in exhibits(strange)] == [["a"], ["b"]]
    assert exhibits(Finding("x", "info", 1.0, "", {"samples": 7})) == ()
    assert exhibits(Finding("x", "info", 1.0, "", {})) == ()


def test_cells_keep_the_shape_of_the_picture():
    wide = cell(np.full((10, 40, 3), 255, np.uint8))
    assert wide.shape == (CELL_PX, CELL_PX, 3)
    assert (wide[0] == 128).all()
    assert (wide[CELL_PX // 2] == 255).all()
    assert sheet_of({}) is None


def test_groups_are_listed_in_the_order_of_their_numbers():
    groups = ["cluster 10", "cluster 2", "cluster 1", "cluster 2"]
    assert _colours(groups) == {"cluster 1": 0, "cluster 2": 1, "cluster 10": 2}
