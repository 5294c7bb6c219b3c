"""Boxes and masks: each fault is found, and sound annotations are left in peace."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from phoropter.core.files import plain
from phoropter.core.records import Dataset, Rejected
from phoropter.data.annotated import ObjectRows
from phoropter.data.index import index
from phoropter.data.readers import masks as mask_reader
from phoropter.look.box_faults import misspelt
from phoropter.look.checks import bad_boxes, bad_masks, object_statistics, tiny_objects
from phoropter.look.checks.object_statistics import anchors_of
from phoropter.look.checks.unreadable_files import check as unreadable
from phoropter.look.evidence import LookEvidence
from phoropter.look.mask_alignment import misplaced

RNG = np.random.default_rng(0)


@pytest.fixture
def boxes():
    """A function that makes evidence of images of 100 x 200 pixels from rows of objects."""

    def make(*objects, images=3, rejected=(), **columns):
        rows = ObjectRows()
        for identifier, label, box, *more in objects:
            rows.add(identifier, label, box, **(more[0] if more else {}))
        names = [f"{n}.jpg" for n in range(images)]
        values = {"id": names, "path": names, "height": [100] * images, "width": [200] * images}
        table = pl.DataFrame(values | columns)
        dataset = Dataset(
            "toy", None, "coco", "", "detection", (), table, rejected, objects=rows.frame()
        )
        return LookEvidence(dataset, None, None, np.zeros((images, 32, 32), dtype=np.uint8))

    return make


def only(findings):
    [finding] = findings
    json.dumps(plain(finding), allow_nan=False)
    return finding


SOUND = [(f"{n}.jpg", "cat", (10 + n, 10, 60, 50 + n)) for n in range(3)]


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ((60, 10, 10, 50), "corners exchanged"),
        ((10, 50, 60, 10), "corners exchanged"),
        ((10, 10, 10, 50), "no area"),
        ((10, 10, 60, 10), "no area"),
        ((-9, 10, 60, 50), "over the edge of the image"),
        ((150, 10, 260, 50), "over the edge of the image"),
        ((210, 10, 260, 50), "outside of the image"),
        ((10, -50, 60, -1), "outside of the image"),
        ((60, 50, 60 + 150, 50 + 90), "corners given as width and height"),
    ],
)
def test_impossible_boxes_are_warned_of(boxes, box, kind):
    finding = only(bad_boxes.check(boxes(*SOUND * 9, ("0.jpg", "cat", box))))
    assert finding.code == "bad-boxes"
    assert kind in finding.evidence["kinds"]
    [example] = finding.evidence["examples"][kind]
    assert (example["id"], example["box"]) == ("0.jpg", list(box))


@pytest.mark.parametrize(
    ("box", "kind"),
    [((10, 10, 11, 50), "under 2 pixels"), ((0, 10, 200, 14), "a line, not a box")],
)
def test_odd_boxes_are_remarked(boxes, box, kind):
    finding = only(bad_boxes.check(boxes(*SOUND, ("0.jpg", "cat", box))))
    assert (finding.severity, finding.evidence["kinds"]) == ("info", {kind: 1})


def test_sound_boxes_are_left_in_peace(boxes):
    edge = ("0.jpg", "dog", (-0.9, 0, 200.9, 101))
    crowd = ("1.jpg", "cat", SOUND[1][2], {"crowd": True})
    evidence = boxes(*SOUND, edge, crowd, stated_height=[100, 101, None], stated_width=[200] * 3)
    assert list(bad_boxes.check(evidence)) == []
    assert list(bad_boxes.check(boxes())) == []


def test_the_same_box_twice_and_under_two_names(boxes):
    again = ("1.jpg", "cat", (11.1, 10.1, 60, 51))
    other = ("2.jpg", "dog", SOUND[2][2])
    finding = only(bad_boxes.check(boxes(*SOUND, again, other)))
    assert finding.evidence["kinds"] == {
        "the same box twice": 1,
        "another class on the same box": 1,
    }
    assert finding.evidence["bad"] == 1


def test_objects_of_unknown_class_or_image(boxes):
    unknown = ("0.jpg", None, (5, 5, 20, 20), {"extra": {"id": 7, "category_id": 99}})
    finding = only(bad_boxes.check(boxes(*SOUND, unknown, ("gone.jpg", "cat", (1, 1, 9, 9)))))
    assert finding.evidence["kinds"] == {"an image that is not there": 1, "an unknown class": 1}
    assert finding.evidence["examples"]["an unknown class"][0]["annotation"] == 7
    assert finding.evidence["bad"] == 1
    assert finding.severity == "critical"


def test_a_box_far_from_its_polygon(boxes):
    ring = [10.0, 10.0, 60.0, 10.0, 60.0, 50.0]
    near = ("0.jpg", "cat", (10, 10, 60, 50), {"polygons": [ring]})
    far = ("1.jpg", "cat", (100, 10, 160, 50), {"polygons": [ring]})
    finding = only(bad_boxes.check(boxes(*SOUND[1:], near, far)))
    assert finding.evidence["kinds"] == {"far from its own mask": 1}


def test_images_of_another_size_than_stated(boxes):
    evidence = boxes(*SOUND, stated_height=[100, 200, 0], stated_width=[200, 100, 0])
    finding = only(bad_boxes.check(evidence))
    assert finding.severity == "warning"
    first, second = finding.evidence["examples"]["another size than stated"]
    assert first["why"] == "200 x 100 is stated, 100 x 200 it has, turned"
    assert second["path"] == "2.jpg"


def test_faults_of_files_are_told_once_and_are_no_lost_samples(boxes):
    evidence = boxes(*SOUND, rejected=(Rejected("a.json", "no 'area'", "annotation"),))
    finding = only(bad_boxes.check(evidence))
    assert finding.evidence["examples"]["an entry of an annotation file"] == [
        {"path": "a.json", "why": "no 'area'"}
    ]
    assert list(unreadable(evidence)) == []


def test_slips_in_class_names():
    assert misspelt({"cat": 50, "Cat": 2, "caat": 1, "c at": 1, "dog": 1, "dogs": 9}) == {
        "Cat": "cat",
        "c at": "cat",
        "caat": "cat",
    }
    assert misspelt({"truck": 40, "trucks": 1, "person": 30, "persno": 2, "prison": 2}) == {
        "persno": "person"
    }
    assert misspelt({f"class {n}": 1 + n for n in range(30)}) == {}


def test_masks_of_single_objects(boxes, tmp_path):
    for name, size, value in (
        ("good", (200, 100), 255),
        ("empty", (200, 100), 0),
        ("small", (9, 9), 1),
    ):
        image = Image.new("L", size)
        image.paste(value, (1, 1, 8, 8) if name == "good" else (3, 3, 6, 6))
        image.save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_text("no picture")
    names = ("good", "empty", "small", "broken")
    rows = [("0.jpg", "cell", None, {"mask_path": f"{name}.png"}) for name in names]
    evidence = boxes(*rows)
    object.__setattr__(evidence.dataset, "root", tmp_path)
    finding = only(bad_boxes.check(evidence))
    assert finding.evidence["kinds"] == {
        "an empty mask": 1,
        "a mask not of its image's size": 1,
        "it is text, not an image": 1,
    }


def test_small_objects_are_told_and_tiny_ones_warned_of(boxes):
    small = [("0.jpg", "cat", (n, 0, n + 8, 8)) for n in range(20)]
    finding = only(tiny_objects.check(boxes(*small)))
    assert (finding.severity, finding.evidence["small_share"]) == ("info", 1.0)
    assert finding.evidence["median_side_px"] == pytest.approx(8 * 640 / 200)
    tiny = [("0.jpg", "cat", (n, 0, n + 2, 2)) for n in range(20)]
    finding = only(tiny_objects.check(boxes(*tiny)))
    assert finding.severity == "warning"
    assert "800 pixels" in finding.prescriptions[0].advice
    large = [("0.jpg", "cat", (n, 0, n + 50, 50)) for n in range(20)]
    assert list(tiny_objects.check(boxes(*large))) == []


def test_numbers_of_objects(boxes):
    extra = [("0.jpg", "dog", (0, 0, 20, 40)), ("0.jpg", "cow", (0, 0, 20, 400))]
    evidence = boxes(*SOUND[:2], *extra, annotation=["a.txt", "b.txt", None])
    finding = only(object_statistics.check(evidence))
    assert finding.severity == "info"
    assert finding.evidence["objects"] == 3
    assert finding.evidence["per_image"] == pytest.approx([0, 0.1, 1, 1.9, 2])
    assert finding.evidence["without_objects"] == ["2.jpg"]
    assert finding.evidence["without_annotation_file"] == ["2.jpg"]
    assert finding.evidence["together"] == [{"classes": ["cat", "dog"], "images": 1}]
    assert finding.evidence["small"] + finding.evidence["medium"] + finding.evidence["large"] == 1


def test_anchors_find_the_shapes_that_there_are():
    shapes = np.array([[10, 20], [40, 40], [200, 100]])
    sides = np.repeat(shapes, 50, axis=0) * RNG.uniform(0.98, 1.02, (150, 1))
    anchors, fit = anchors_of(sides, seed=0)
    assert fit > 0.95
    nearest = np.abs(np.log(anchors[:, None] / shapes)).max(axis=2).min(axis=0)
    assert (nearest < 0.03).all()


@pytest.fixture
def streets(tmp_path):
    """A function that writes pictures with four areas of random extent and their masks."""

    def write(count=14, size=(60, 80)):
        draw = np.random.default_rng(1)
        for number in range(count):
            mask = np.zeros(size, dtype=np.uint8)
            for value in (1, 2, 3):
                top, left = draw.integers(0, size[0] - 25), draw.integers(0, size[1] - 30)
                mask[top : top + 20, left : left + 25] = value
            light = np.array([20, 90, 160, 230])[mask] + draw.normal(0, 6, size)
            for folder, pixels in (("images", light.clip(0, 255)), ("masks", mask)):
                (tmp_path / folder).mkdir(exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(
                    tmp_path / folder / f"{number:02d}.png"
                )
        return tmp_path

    return write


def looked_at(folder):
    dataset = index(mask_reader.read(folder, target=None))
    blank = np.zeros((len(dataset), 32, 32), dtype=np.uint8)
    return list(bad_masks.check(LookEvidence(dataset, None, None, blank)))


def change(folder, number, alter):
    file = folder / "masks" / f"{number:02d}.png"
    values = np.asarray(Image.open(file))
    changed = alter(values)
    image = changed if isinstance(changed, Image.Image) else Image.fromarray(changed)
    image.save(file)


def test_sound_masks_are_left_in_peace(streets):
    folder = streets()
    change(folder, 1, lambda values: values.astype(np.uint16))
    change(folder, 2, lambda values: np.where(np.arange(80) < 3, 255, values).astype(np.uint8))
    assert looked_at(folder) == []


def test_each_fault_of_a_mask_is_found(streets):
    folder = streets(24)
    (folder / "classes.txt").write_text("road\ncar\nman\ntree\n")
    smooth = Image.Resampling.BILINEAR
    change(folder, 0, lambda v: Image.fromarray(v * 80).resize((20, 15)).resize((80, 60), smooth))
    change(folder, 1, lambda values: values[:30, :40])
    change(folder, 2, lambda values: np.ascontiguousarray(values.T))
    change(folder, 3, lambda values: np.stack([values * 60, values, values], axis=2))
    change(folder, 4, np.zeros_like)
    change(folder, 5, lambda values: ((values > 1) * 255).astype(np.uint8))
    change(folder, 6, lambda values: np.where(values == 3, 9, values).astype(np.uint8))
    change(folder, 7, lambda values: np.roll(values, (-6, 9), axis=(0, 1)))
    change(folder, 9, lambda values: Image.open(folder / "masks" / "08.png"))
    finding = only(looked_at(folder))
    kinds = {entry["path"][6:8]: entry["kind"] for entry in finding.evidence["files"]}
    assert kinds == {
        "00": "holds values of no class",
        "01": "not of its image's size",
        "02": "not of its image's size",
        "03": "of another kind",
        "04": "one value everywhere",
        "05": "only on and off",
        "06": "holds values of no class",
        "07": "shifted",
        "09": "does not show its image",
    }
    shifted = next(e for e in finding.evidence["files"] if e["kind"] == "shifted")
    assert shifted["why"].startswith("-6 pixels down and 9 to the right")
    assert finding.severity == "critical"


def test_blended_edges_and_lossy_files(streets):
    folder = streets(24)
    smooth = Image.Resampling.BILINEAR
    change(folder, 0, lambda v: Image.fromarray(v).resize((240, 180), smooth).resize((80, 60), 0))
    change(folder, 1, lambda v: Image.fromarray(v).resize((40, 30)).resize((80, 60), smooth))
    (folder / "masks" / "02.png").rename(folder / "masks" / "02.jpg")
    Image.open(folder / "masks" / "02.jpg").save(folder / "masks" / "02.jpg", "JPEG")
    finding = only(looked_at(folder))
    kinds = {entry["path"][6:8]: entry["kind"] for entry in finding.evidence["files"]}
    assert kinds["01"] == "blended edges"
    assert kinds["02"] == "compressed with loss"


def test_masks_of_two_classes_may_be_empty(streets):
    folder = streets()
    for number in range(14):
        change(folder, number, lambda values: ((values == 1) * 255).astype(np.uint8))
    change(folder, 3, np.zeros_like)
    assert looked_at(folder) == []


def test_nothing_is_said_of_masks_whose_edges_follow_nothing(streets):
    folder = streets()
    pairs = [(f"images/{n:02d}.png", f"masks/{(n + 5) % 14:02d}.png") for n in range(14)]
    assert misplaced(folder, pairs) == ()
    assert misplaced(folder, pairs[:3]) == ()
    assert misplaced(folder, []) == ()
