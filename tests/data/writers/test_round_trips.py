"""COCO, YOLO and VOC hold the same objects, each to the decimals that it states."""

import contextlib
import json
from pathlib import PurePosixPath

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from phoropter.core.errors import UsageError
from phoropter.core.records import Dataset
from phoropter.data.annotated import AnnotatedImage, ObjectRows, samples
from phoropter.data.readers import coco, voc, yolo
from phoropter.data.writers import coco as to_coco
from phoropter.data.writers import voc as to_voc
from phoropter.data.writers import yolo as to_yolo
from phoropter.data.writing import place_file, planned, unique_names, whole_folder

READERS = {"coco": coco, "voc": voc, "yolo": yolo}
WRITERS = {"coco": to_coco, "voc": to_voc, "yolo": to_yolo}
SIZES = {"1": (12, 16), "2": (300, 7), "3": (50, 50)}
PIXELS = {"coco": 1e-6, "voc": 1e-6, "yolo": 300 * 2e-8}
CORNERS = ["x1", "y1", "x2", "y2"]

NAMES = st.text(
    st.characters(categories=["L", "N"], include_characters=" &<>'\"-#:,ß가"),
    min_size=1,
    max_size=12,
).map(str.strip)
CLASSES = st.lists(
    NAMES.filter(bool), min_size=1, max_size=5, unique_by=lambda name: name.casefold()
)
COORDINATE = st.floats(-5, 310, allow_nan=False).map(lambda value: round(value, 4))


@st.composite
def data_sets(draw):
    """Images with any boxes, and all or none of the objects with one polygon."""
    classes = draw(CLASSES)
    parts = draw(st.sampled_from([(None, None, None), ("train", "val2017", "test_b")]))
    rows, with_polygons = ObjectRows(), draw(st.booleans())
    for stem in SIZES:
        for _ in range(draw(st.integers(0, 3))):
            ring = draw(st.lists(COORDINATE, min_size=6, max_size=6)) if with_polygons else None
            box = [draw(COORDINATE) for _ in CORNERS]
            if ring:
                xs, ys = ring[::2], ring[1::2]
                box = [min(xs), min(ys), max(xs), max(ys)]
            label = draw(st.sampled_from(classes))
            rows.add(f"{stem}.png", label, box, polygons=[ring] if ring else None)
    images = [AnnotatedImage(f"{n}.png", part) for n, part in zip(SIZES, parts, strict=True)]
    return classes, samples(images), rows.frame()


def data_set(root, drawn):
    classes, table, objects = drawn
    for stem, (height, width) in SIZES.items():
        if not (root / f"{stem}.png").exists():
            Image.new("L", (width, height), int(stem)).save(root / f"{stem}.png")
    return Dataset(
        "toy", root, "toy", "", "detection", (), table, classes=tuple(classes), objects=objects
    )


def written(dataset, folder, name):
    plan = planned(dataset)
    with whole_folder(folder) as partial:
        for image in plan.images:
            place_file(dataset.root / image.id, partial / WRITERS[name].image_path(image))
        lost = [*plan.lost, *WRITERS[name].write(plan, partial)]
    return READERS[name].read(folder, target=None), lost


def content(dataset):
    """Objects by the stem of their image, in order."""
    stem = pl.col("id").str.split("/").list.last()
    return dataset.objects.with_columns(stem).sort("id", maintain_order=True)


def assert_same(one, other, tolerance):
    first, second = content(one), content(other)
    assert (
        first.select("id", "label", "crowd").rows() == second.select("id", "label", "crowd").rows()
    )
    for name in CORNERS:
        assert first[name].to_list() == pytest.approx(second[name].to_list(), abs=tolerance)
    assert [
        [pytest.approx(ring, abs=tolerance) for ring in rings] if rings else None
        for rings in first["polygons"].to_list()
    ] == second["polygons"].to_list()
    stem = pl.col("id").str.split("/").list.last()
    columns = ["part", "part_name"]
    tables = [d.table.select(stem, *columns).sort("id").rows() for d in (one, other)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=data_sets())
def test_there_and_back(tmp_path_factory, name, drawn):
    root = tmp_path_factory.mktemp("there")
    dataset = data_set(root, drawn)
    back, lost = written(dataset, root / "new", name)
    assert_same(dataset, back, PIXELS[name])
    if name != "voc" or len(dataset.objects):
        assert back.classes == dataset.classes
    assert {item.what for item in lost} <= {"images of no part"}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=data_sets(), route=st.permutations(list(READERS)))
def test_around_all_three(tmp_path_factory, drawn, route):
    root = tmp_path_factory.mktemp("around")
    dataset = first = data_set(root, drawn)
    for name in [*route, route[0]]:
        dataset, _ = written(dataset, root / f"{len(list(root.iterdir()))}", name)
    assert_same(first, dataset, sum(PIXELS.values()))


def test_what_a_format_cannot_hold_is_said(tmp_path):
    rows = ObjectRows()
    ring = [1.0, 1.0, 5.0, 1.0, 5.0, 5.0]
    rows.add("1.png", "cat", (0, 0, 9, 9), crowd=True, rle="P6", extra={"rle_size": [12, 16]})
    rows.add("1.png", "cat", (1, 1, 5, 5), polygons=[ring, ring], extra={"id": 7, "pose": "Left"})
    rows.add("1.png", None, (1, 1, 5, 5))
    rows.add("1.png", "cat", None)
    rows.add("gone.png", "cat", (1, 1, 5, 5))
    images = [AnnotatedImage("1.png", source_id="5"), AnnotatedImage("broken.png")]
    (tmp_path / "broken.png").write_text("no picture")
    dataset = data_set(tmp_path, (["cat"], samples(images), rows.frame()))
    _, lost = written(dataset, tmp_path / "yolo", "yolo")
    assert {item.what: item.count for item in lost} == {
        "objects of images that are not there": 1,
        "objects of an unknown class": 1,
        "objects without box": 1,
        "images": 1,
        "crowds": 1,
        "polygons": 1,
        "numbers and areas of objects": 1,
        "'pose' of objects": 1,
        "numbers of images": 1,
        "images of no part": 1,
    }
    back, lost = written(dataset, tmp_path / "voc", "voc")
    assert {item.what for item in lost} >= {"crowds", "masks", "numbers of images"}
    assert [json.loads(text)["difficult"] for text in back.objects["extra"]] == ["1", "0"]
    assert back.objects["polygons"].to_list() == [None, [ring, ring]]
    back, lost = written(dataset, tmp_path / "coco", "coco")
    assert len(lost) == 4
    assert back.objects["crowd"].to_list() == [True, False]
    assert back.objects["rle"].to_list() == ["P6", None]
    assert json.loads(back.objects["extra"][1])["pose"] == "Left"
    assert back.table["source_id"].to_list() == ["5"]


def test_masks_of_objects_become_run_lengths(tmp_path):
    mask = Image.new("L", (16, 12))
    mask.paste(255, (2, 3, 7, 9))
    mask.save(tmp_path / "mask.png")
    rows = ObjectRows()
    rows.add("1.png", "cat", None, mask_path="mask.png")
    dataset = data_set(tmp_path, (["cat"], samples([AnnotatedImage("1.png")]), rows.frame()))
    back, _ = written(dataset, tmp_path / "coco", "coco")
    [row] = back.objects.to_dicts()
    assert [row[name] for name in CORNERS] == [2, 3, 7, 9]
    assert json.loads(row["extra"]) == {"id": 1, "area": 30, "rle_size": [12, 16]}


def test_nothing_is_written_over_and_nothing_is_left_half_done(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"), whole_folder(tmp_path / "full"):
        pass
    with contextlib.suppress(KeyError), whole_folder(tmp_path / "new") as partial:
        (partial / "half.txt").write_text("half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    with whole_folder(tmp_path / "new") as partial:
        (partial / "whole.txt").write_text("whole")
    assert (tmp_path / "new" / "whole.txt").read_text() == "whole"


@given(st.lists(st.text("ab/1.", min_size=1, max_size=8), unique=True, max_size=12))
@example(["1.1b", "1..ba", "1.", "1"])  # a numbered "1." once had the stem of "1.1b" for ever
def test_new_names_are_unique(paths):
    kept = [path for path in paths if path.strip("./")]
    names = unique_names(kept)
    stems = [PurePosixPath(name).stem for name in names.values()]
    assert len({stem.casefold() for stem in stems}) == len(kept)


def test_data_without_objects_cannot_be_written(tmp_path):
    dataset = data_set(tmp_path, (["cat"], samples([AnnotatedImage("1.png")]), None))
    with pytest.raises(UsageError, match="no annotated objects"):
        planned(dataset)
