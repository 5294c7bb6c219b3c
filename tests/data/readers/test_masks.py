import numpy as np
import pytest
from PIL import Image

from phoropter.core.errors import InputError, UsageError
from phoropter.data.decode import decode_values
from phoropter.data.mask_pairs import is_mask, key
from phoropter.data.open import open_dataset
from phoropter.data.readers import masks


def bands(*values, size=(12, 16)):
    """A mask of equal horizontal bands."""
    height, width = size
    rows = np.asarray(values)[np.arange(height) * len(values) // height]
    return np.repeat(rows[:, None], width, axis=1).astype(np.uint8)


@pytest.fixture
def written(tmp_path, paint):
    """A function that writes one image for each mask; places are of (image, mask)."""

    def write(places, arrays):
        for seed, ((image, mask), values) in enumerate(zip(places, arrays, strict=True)):
            paint(tmp_path / image, seed=seed)
            (tmp_path / mask).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / mask)
        return tmp_path

    return write


def places(count, image="images/{}.png", mask="masks/{}.png"):
    return [(image.format(n), mask.format(n)) for n in range(count)]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/{}.jpg", "masks/{}.png"),
        ("train/images/{}.png", "train/labels/{}.png"),
        ("images/val/{}.png", "semantic_masks/val/{}.png"),
        ("train/{}.png", "train_masks/{}.png"),
        ("val/{}.png", "valannot/{}.png"),
        ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
        ("a/{}.jpg", "a/{}_mask.png"),
        ("leftImg8bit/train/x/{}_leftImg8bit.png", "gtFine/train/x/{}_gtFine_labelIds.png"),
    ],
)
def test_layouts(written, image, mask):
    folder = written(places(4, image, mask), [bands(0, 1, 2)] * 4)
    assert masks.detects(folder) == pytest.approx(0.88)
    dataset = open_dataset(folder)
    assert (dataset.layout, dataset.task) == ("masks", "segmentation")
    assert len(dataset) == 4
    assert dataset.rejected == ()
    named = next((name for name in ("train", "val") if name in image), None)
    assert dataset.table["part"].unique().to_list() == [named]
    assert is_mask(mask.format(1))
    assert key(image.format(1)) == key(mask.format(1))


def test_classes_are_named_by_a_list(written):
    folder = written(places(5), [bands(0, 1, 2, 255)] * 5)
    (folder / "classes.txt").write_text("0 sky\n1 road\n2 unlabelled\n")
    dataset = masks.read(folder, target=None)
    assert (dataset.classes, dataset.class_ids) == (("sky", "road"), ())
    assert dataset.ignored_ids == (2, 255)
    assert dataset.description == (
        "images with masks, 2 classes, 5 images; classes named by classes.txt"
    )


def test_the_list_that_names_most_values_wins(written):
    folder = written(places(5), [bands(0, 7, 9)] * 5)
    (folder / "classes.txt").write_text("a\nb\n")
    (folder / "masks" / "names.yaml").write_text("classes: {0: unlabeled, 7: road, 9: car}\n")
    dataset = masks.read(folder, target=None)
    assert (dataset.classes, dataset.class_ids) == (("road", "car"), (7, 9))
    assert dataset.ignored_ids == (0, 255)


def test_classes_are_inferred_and_slips_are_none(written):
    folder = written(places(8), [bands(0, 1, 3)] * 7 + [bands(0, 200)])
    (folder / "README.md").write_text("Some streets; 3 = ignored.")
    dataset = masks.read(folder, target=None)
    assert dataset.classes == ("class 0", "class 1", "class 2")
    assert dataset.ignored_ids == (3, 255)


@pytest.mark.parametrize("on", [1, 255])
def test_two_values_are_background_and_foreground(written, on):
    dataset = masks.read(written(places(4), [bands(0, on)] * 4), target=None)
    assert dataset.classes == ("background", "foreground")
    assert (dataset.class_ids or (0, 1)) == (0, on)


def test_colours_are_classes(written):
    colours = np.zeros((12, 16, 3), dtype=np.uint8)
    colours[6:] = (0, 1, 64)
    folder = written(places(4), [colours] * 4)
    assert masks.read(folder, target=None).classes == ("#000000", "#000140")
    (folder / "class_dict.csv").write_text("name,r,g,b\nVoid,0,0,0\nAnimal,0,1,64\n")
    dataset = masks.read(folder, target=None)
    assert (dataset.classes, dataset.class_ids) == (("Animal",), (320,))
    assert dataset.ignored_ids == (0,)


def test_what_does_not_fit_is_told(written, paint):
    folder = written(places(6), [bands(0, 1)] * 6)
    (folder / "masks" / "1.png").write_bytes(b"")
    (folder / "masks" / "2.png").unlink()
    Image.fromarray(bands(0, 1)).save(folder / "masks" / "alone.png")
    Image.fromarray(bands(0, 1)).save(folder / "masks" / "3_label.png")
    paint(folder / "extra" / "9.png")
    dataset = masks.read(folder, target=None)
    assert {(item.path, item.kind, item.reason) for item in dataset.rejected} == {
        ("images/1.png", "unusable", "its mask masks/1.png cannot be read: the file is empty"),
        ("images/2.png", "unusable", "there is no mask for it"),
        ("masks/alone.png", "annotation", "a mask without image"),
        ("masks/3_label.png", "annotation", "its image has another mask"),
        ("extra/9.png", "unlisted", "an image where none has a mask"),
    }
    assert len(dataset) == 4


def test_photographs_in_a_folder_called_masks_are_none(tmp_path, paint):
    for number in range(4):
        paint(tmp_path / "images" / f"{number}.png", seed=number)
        paint(tmp_path / "masks" / f"{number}.png", seed=number + 9)
    assert masks.detects(tmp_path) == 0


def test_what_is_no_set_of_masks(tmp_path, class_folders):
    assert masks.detects(class_folders({"with_mask": 3, "without_mask": 3})) == 0
    assert masks.detects(tmp_path / "photos" / "with_mask" / "000.png") == 0
    with pytest.raises(InputError, match="has a mask"):
        masks.read(tmp_path / "photos", target=None)
    with pytest.raises(UsageError, match="no column"):
        masks.read(tmp_path, target="x")


def test_values_are_those_stored(tmp_path):
    values = bands(0, 7, 200)
    palette = Image.fromarray(values).convert("P")
    palette.putdata(values.ravel().tolist())
    deep = Image.fromarray(values.astype(np.uint16))
    grey = Image.fromarray(np.stack([values] * 3, axis=2))
    see_through = Image.merge("LA", (Image.fromarray(values), Image.fromarray(values)))
    for number, image in enumerate((palette, deep, grey, see_through)):
        file = tmp_path / f"{number}.png"
        image.save(file)
        assert (decode_values(file)[1] == values).all(), image.mode
    on_off = tmp_path / "bits.png"
    Image.fromarray(values > 0).save(on_off)
    assert (decode_values(on_off)[1] == (values > 0)).all()
