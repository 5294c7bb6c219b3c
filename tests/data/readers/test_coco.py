import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from phoropter.core.errors import InputError, UsageError
from phoropter.core.objects import OBJECTS_SCHEMA
from phoropter.data import rle
from phoropter.data.object_masks import with_measured_masks
from phoropter.data.open import open_dataset
from phoropter.data.readers import coco

RING = [2.0, 2.0, 8.0, 2.0, 8.0, 6.5, 2.0, 6.5]


def annotation(number, image=1, category=3, bbox=(2, 2, 6, 4.5), **more):
    usual = {"area": 27, "iscrowd": 0, "segmentation": [RING]}
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": list(bbox),
        **usual,
        **more,
    }


@pytest.fixture
def written(tmp_path, paint):
    """A function that writes a COCO file beside two images, and returns the folder."""

    def write(annotations=(), *, name="annotations.json", images=None, categories=None):
        for number in (1, 2):
            paint(tmp_path / "images" / f"{number}.png", seed=number)
        listed = images or [
            {"id": n, "file_name": f"{n}.png", "height": 12, "width": 16} for n in (1, 2)
        ]
        document = {
            "images": listed,
            "annotations": list(annotations),
            "categories": categories or [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        }
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(document))
        return tmp_path

    return write


def reasons(dataset):
    return [item.reason for item in dataset.rejected]


def test_objects_have_boxes_labels_masks_and_what_else_is_said(written):
    counts = [20, 4, 168]
    crowd = annotation(
        2, iscrowd=1, category=7, segmentation={"size": [12, 16], "counts": counts}, score=0.5
    )
    folder = written([annotation(1), crowd])
    assert coco.detects(folder) == pytest.approx(0.95)
    dataset = open_dataset(folder)
    assert dataset.layout == "coco"
    assert dataset.description == "COCO instances, 2 classes, 2 images, 2 objects"
    assert (dataset.classes, dataset.class_ids) == (("cat", "dog"), (3, 7))
    assert dataset.objects.schema == OBJECTS_SCHEMA
    first, second = dataset.objects.to_dicts()
    assert first["id"] == "images/1.png"
    assert [first[name] for name in ("x1", "y1", "x2", "y2")] == [2, 2, 8, 6.5]
    assert (first["label"], first["crowd"], first["polygons"]) == ("cat", False, [RING])
    assert json.loads(first["extra"]) == {"id": 1, "area": 27}
    assert (second["label"], second["crowd"], second["rle"]) == ("dog", True, rle.packed(counts))
    said = {"id": 2, "area": 27, "rle_size": [12, 16], "score": 0.5}
    assert json.loads(second["extra"]) == said
    row = dataset.table.row(0, named=True)
    assert (row["source_id"], row["stated_height"], row["stated_width"]) == ("1", 12, 16)
    assert dataset.rejected == ()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_boxes_and_masks_equal_those_of_pycocotools(written, capsys):
    rng = np.random.default_rng(0)
    annotations = []
    for number in range(60):
        mask = rng.random((12, 16)) < 0.3
        counts = rle.counts_of(mask)
        packed = counts if number % 2 else rle.packed(counts)
        box = [float(value) for value in rng.integers(0, 8, 4)]
        annotations.append(
            annotation(
                number + 1,
                bbox=box,
                iscrowd=1,
                segmentation={"size": [12, 16], "counts": packed},
            )
        )
    folder = written(annotations)
    peer = COCO(folder / "annotations.json")
    objects = coco.read(folder, target=None).objects
    for row, ours in enumerate(objects.iter_rows(named=True)):
        theirs = peer.anns[row + 1]
        x, y, width, height = theirs["bbox"]
        corners = [ours[name] for name in ("x1", "y1", "x2", "y2")]
        assert corners == [x, y, x + width, y + height]
        mask = rle.mask_of(rle.unpacked(ours["rle"]), 12, 16)
        assert (mask == peer.annToMask(theirs).astype(bool)).all()
    assert "index created" in capsys.readouterr().out


def test_several_files_are_parts(written, tmp_path):
    for number, part in ((1, "train2017"), (2, "val2017")):
        written(
            [annotation(number, image=number)],
            name=f"annotations/instances_{part}.json",
            images=[{"id": number, "file_name": f"{number}.png"}],
        )
    captions = {"images": [], "annotations": [], "categories": [], "licenses": []}
    (tmp_path / "annotations" / "person_keypoints_val2017.json").write_text(json.dumps(captions))
    dataset = coco.read(tmp_path, target=None)
    assert dataset.table["part"].to_list() == ["train", "val"]
    assert dataset.table["part_name"].to_list() == ["train2017", "val2017"]
    assert reasons(dataset) == ["not read beside instances files"]
    single = coco.read(tmp_path / "annotations" / "instances_val2017.json", target=None)
    assert single.table["path"].to_list() == ["images/2.png"]
    assert single.root == tmp_path


def test_what_is_wrong_is_told_and_boxes_stay(written):
    folder = written(
        [
            annotation(1, category=99),
            annotation(2, image=99),
            annotation(2, image=3),
            annotation(4, bbox=[1, 2, 3]),
            annotation(5, bbox=[1, 2, 3], segmentation=[]),
            annotation(6, bbox=[5, 5, -3, 0]),
            annotation(7, segmentation=[[1, 1, 2, 2]]),
            annotation(8, segmentation=[]),
            annotation(9, segmentation={"size": [12, 16], "counts": [1, 2]}),
            {"id": 10, "bbox": [1, 2, 3, 4]},
            7,
        ],
        images=[
            {"id": 1, "file_name": "1.png"},
            {"id": 1, "file_name": "2.png"},
            {"id": 3, "file_name": "gone.png"},
            {"id": 4, "file_name": "sub\\1.png"},
            {"id": 5, "file_name": "../../etc/passwd"},
            {"id": 6},
        ],
    )
    dataset = coco.read(folder, target=None)
    said = "\n".join(f"{item.path}: {item.reason}" for item in dataset.rejected)
    for words in (
        "a category that is not in the file (annotation 1: 99)",
        "an image that is not in the file (annotation 2: image 99)",
        "an annotation id is used more than once (annotation 2)",
        "a bbox that is not four finite numbers (2: annotation 4, annotation 5)",
        "an annotation without box and mask, left out (annotation 5)",
        "a polygon of fewer than three points or an odd number (annotation 7)",
        "an empty segmentation where others have one (annotation 8)",
        "run lengths that cannot be read, left out: the runs make 3 pixels",
        "an annotation without image_id, left out (annotation 10)",
        "an annotation that cannot be read, left out (annotation number 11)",
        "an image id is used twice (image 1, '2.png')",
        "gone.png: there is no such file",
        "../../etc/passwd: the path leads out of the data folder",
        "an image without id or file_name",
        "images/2.png: not mentioned by any annotation",
    ):
        assert words in said, words
    assert dataset.table["path"].to_list() == ["images/1.png"]
    objects = {json.loads(row["extra"])["id"]: row for row in dataset.objects.iter_rows(named=True)}
    assert dataset.objects.height == 8
    assert objects[1]["label"] is None
    assert [objects[6][name] for name in ("x1", "y1", "x2", "y2")] == [5, 5, 2, 5]
    assert objects[4]["x1"] is None
    assert objects[4]["polygons"] == [RING]


def test_fields_that_all_lack_are_no_fault(written):
    plain = [{"id": n, "image_id": 1, "category_id": 3, "bbox": [1, 1, n, n]} for n in range(1, 5)]
    dataset = coco.read(written(plain), target=None)
    assert dataset.task == "detection"
    assert reasons(dataset) == []
    odd = coco.read(written([*map(annotation, (1, 2, 3)), plain[3]]), target=None)
    assert reasons(odd) == ["no 'area' (annotation 4)", "no 'iscrowd' (annotation 4)"]


def test_python_s_nan_costs_its_annotation_only(written, tmp_path):
    folder = written([annotation(1), annotation(2, area=float("nan"))])
    dataset = coco.read(folder, target=None)
    assert dataset.objects.height == 2
    assert "NaN or Infinity" in reasons(dataset)[0]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"images": 3}', "[" * 100_000, '{"images": [], "annotations": {}}']
)
def test_what_is_no_coco_is_an_input_error(tmp_path, content):
    file = tmp_path / "x.json"
    file.write_text(content)
    assert coco.detects(file) == 0
    with pytest.raises(InputError):
        coco.read(file, target=None)


def test_there_is_no_target_column_and_no_file(written, tmp_path):
    with pytest.raises(UsageError, match="no column 'x'"):
        coco.read(written(), target="x")
    (tmp_path / "empty").mkdir()
    assert coco.detects(tmp_path / "empty") == 0
    with pytest.raises(InputError, match="no COCO file"):
        coco.read(tmp_path / "empty", target=None)


def test_images_of_one_name_are_found_in_the_folder_of_their_part(tmp_path, paint):
    for part in ("train", "valid"):
        paint(tmp_path / part / "1.png", seed=len(part))
        document = {
            "images": [{"id": 0, "file_name": "1.png"}],
            "annotations": [annotation(1, image=0)],
            "categories": [{"id": 3, "name": "cat"}],
        }
        (tmp_path / part / "_annotations.coco.json").write_text(json.dumps(document))
    table = coco.read(tmp_path, target=None).table
    assert table.select("path", "part").rows() == [("train/1.png", "train"), ("valid/1.png", "val")]


def test_a_huge_image_folder_without_json_is_no_coco(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "1.png")
    (tmp_path / "notes.json").write_text('{"images": "none"}')
    assert coco.detects(tmp_path) == 0


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([1, 3, 99, "1", [[1, 1, 5, 1, 5, 5]], [1, 2, 3, 4], {"size": [2, 2]}]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
FIELDS = ["id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "size", "x"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(st.dictionaries(st.sampled_from(FIELDS), ODD), max_size=5),
    images=st.lists(st.dictionaries(st.sampled_from(["id", "file_name", "height"]), ODD)),
    names=st.lists(st.dictionaries(st.sampled_from(["id", "name"]), ODD), max_size=3),
)
def test_any_values_in_any_field_are_read_or_told(tmp_path, paint, entries, images, names):
    if not (tmp_path / "1.png").exists():
        paint(tmp_path / "1.png")
    sound = annotation(1, image=1, category=3)
    document = {
        "images": [{"id": 1, "file_name": "1.png"}, *images],
        "annotations": [sound, *({**sound, **entry} for entry in entries), *entries],
        "categories": [{"id": 3, "name": "cat"}, *names],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    dataset = coco.read(tmp_path, target=None)
    assert len(dataset) == 1
    assert dataset.objects.schema == OBJECTS_SCHEMA
    assert dataset.objects.height >= 1
    assert dataset.objects["label"][0] == "cat"
    told = sum(item.kind == "annotation" for item in dataset.rejected)
    assert told or dataset.objects.height == len(document["annotations"])
    measured = with_measured_masks(dataset)
    assert measured.height == dataset.objects.height
    for text in dataset.objects["extra"].drop_nulls():
        assert isinstance(json.loads(text), dict)
