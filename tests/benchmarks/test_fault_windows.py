"""What the planted-fault suite cuts from pictures, draws, and takes from packed images."""

import gzip
import io
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SUITE = Path(__file__).parents[2] / "benchmarks" / "faults"


@pytest.fixture
def suite(monkeypatch):
    monkeypatch.syspath_prepend(str(SUITE))
    yield import_module
    for name in ("crops", "glyphs", "idx", "symbols", "tiles", "windows", "sources", "image_sets"):
        sys.modules.pop(name, None)


def saved(place, pixels):
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(place)


def test_surfaces_are_of_their_class(suite, tmp_path):
    (tmp_path / "classes.txt").write_text("0 sky\n1 road\n2 car\n")
    mask = np.zeros((40, 60))
    mask[20:], mask[30:34, 50:54] = 1, 2  # the car is smaller than a window
    texture = np.random.default_rng(0).integers(0, 60, (40, 60))
    picture = np.repeat((mask * 100 + texture)[..., None], 3, axis=2)
    for part, name in (("train", "a_1"), ("val", "b_1"), ("val", "P_1")):
        saved(tmp_path / part / "images" / f"{name}.png", picture)
        saved(tmp_path / part / "masks" / f"{name}.png", mask)
    saved(tmp_path / "val" / "images" / "flat_1.png", np.full((40, 60, 3), 90))
    saved(tmp_path / "val" / "masks" / "flat_1.png", mask)
    sky, road, car = suite("windows").surfaces(tmp_path, ("sky", "road", "car"), 8)
    assert list(sky) == list(road) == ["a_1", "b_1"]  # one a picture; not those at dusk
    assert not car
    for windows, value in ((sky, 0), (road, 1)):
        for window in windows.values():
            assert window.shape == (8, 8, 3)
            assert (window[..., 0] // 100 == value).mean() >= 0.8


def test_shares_are_those_of_counting(suite):
    wanted = np.random.default_rng(0).random((9, 12)) < 0.5
    shares = suite("windows")._shares(wanted, 4)
    counted = np.lib.stride_tricks.sliding_window_view(wanted, (4, 4)).mean(axis=(2, 3))
    np.testing.assert_allclose(shares, counted)


def test_cells_are_in_the_middle_or_at_the_edge_there(suite, tmp_path):
    rows, columns = np.mgrid[:60, :60]
    discs = {
        "1-middle": (20, 20, 4),
        "2-edge": (40, 40, 4),
        "3-too-large": (30, 30, 12),
        "4-too-small": (10, 45, 1),
        "5-cut-off": (2, 30, 4),
    }
    picture = np.full((60, 60), 10)
    for name, (row, column, radius) in discs.items():
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        saved(tmp_path / "part" / "one" / "masks" / f"{name}.png", inside * 255)
        picture[inside & (name < "3")] = 30
    saved(tmp_path / "part" / "one" / "images" / "one.png", picture)
    middles, edges = suite("windows").cells(tmp_path, ("middle", "edge"), 16)
    (middle,), (edge,) = middles.values(), edges.values()
    assert (*middles, *edges) == ("1-middle", "2-edge")
    assert middle.shape == edge.shape == (16, 16)
    assert set(np.unique(middle)) == set(np.unique(edge)) == {0, 255}  # stretched
    np.testing.assert_allclose(np.argwhere(middle).mean(axis=0), (8, 8))
    assert edge[8, 8]
    assert not edge[7:10, 7:10].all()
    with pytest.raises(ValueError, match="'middle' and 'edge'"):
        suite("windows").cells(tmp_path, ("in", "out"), 16)


def test_classes_are_found_where_a_set_has_them(suite, tmp_path):
    sets = suite("image_sets")
    for name, value in (("trainA", 40), ("trainB", 90), ("testA", 1), ("more/trainA", 2)):
        for number in range(3):
            pixels = np.full((9, 12, 3), value)
            pixels[number:] += 1
            saved(tmp_path / name / f"{number}.png", pixels)
    source = suite("sources").Source("", ("trainA", "trainB"), 8, (2, 1, 0), places="{}/*")
    pools = sets._files(source, tmp_path)
    assert [len(pool) for pool in pools] == [3, 3]
    assert [int(pool.max()) for pool in pools] == [41, 91]


def test_textures_are_cut_into_tiles_that_do_not_overlap(suite, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 27))
    saved(tmp_path / "grass.png", pixels)
    (tiles,) = suite("crops").textures(tmp_path, ("grass",), 8)
    assert tuple(tiles) == ("0-0", "0-8", "0-16", "8-0", "8-8", "8-16")
    np.testing.assert_array_equal(tiles["8-16"], pixels[8:16, 16:24])


def test_boxes_are_cut_out_and_what_is_beside_them(suite, tmp_path):
    picture = np.zeros((100, 200, 3))
    picture[30:70, 10:30, 0] = 250  # 20 wide, 40 high: its square is 40, moved into the picture
    picture[..., 1] = np.linspace(0, 90, 200)  # else there is nothing to be seen beside it
    saved(tmp_path / "images" / "one.jpg", picture)
    box = "<xmin>10</xmin><ymin>30</ymin><xmax>30</xmax><ymax>70</ymax>"
    (tmp_path / "annotations").mkdir()
    place = tmp_path / "annotations" / "one.xml"
    place.write_text(f"<annotation><object><bndbox>{box}</bndbox></object></annotation>")
    inside, beside = suite("crops").boxes(tmp_path, ("it", "not"), 40)
    assert (*inside, *beside) == ("one-0", "one")
    red = inside["one-0"][..., 0] > 125
    assert red[:, 12:28].all()
    assert not red[:, :8].any()
    assert not red[:, 32:].any()
    assert beside["one"].shape == (40, 40, 3)
    assert beside["one"][..., 0].max() < 60
    place.write_text(place.read_text().replace(">30</xmax>", ">190</xmax>"))
    _, beside = suite("crops").boxes(tmp_path, ("it", "not"), 40)
    assert not beside  # 30 pixels above it and below it show too little
    place.write_text(place.read_text().replace(">190</xmax>", ">30</xmax>"))
    saved(tmp_path / "images" / "one.jpg", np.full((100, 200, 3), 90.0))
    assert not suite("crops").boxes(tmp_path, ("it", "not"), 40)[1]


def test_letters_are_drawn_once_a_family(suite, tmp_path):
    from PIL import ImageFont, features

    assert features.check("freetype2")
    font = ImageFont.load_default(20).font_bytes  # Aileron, which Pillow comes with
    for name in ("one", "two", "weaver"):
        (tmp_path / f"{name}.ttf").write_bytes(font)
    stems, bars = suite("glyphs").letters(tmp_path, ("I", "H"), 32)
    assert (*stems, *bars) == ("one", "one")
    for shape, most in ((stems["one"], 0.25), (bars["one"], 0.7)):
        assert shape.shape == (32, 32)
        rows, columns = np.nonzero(shape > 128)
        assert (rows.min(), rows.max()) in {(2, 28), (2, 29)}  # but for an eighth of the side
        assert abs(columns.min() + columns.max() - 31) <= 1
        assert (shape > 128).mean() < most


def test_signs_are_those_that_a_font_has(suite, tmp_path, monkeypatch):
    from PIL import ImageFont

    symbols = suite("symbols")
    font = ImageFont.load_default(20).font_bytes
    (tmp_path / "NotoSansOne-Regular.ttf").write_bytes(font)
    spans = ((0x20, 0x23), (0x3FFF0, 0x3FFF2))  # a blank, two signs, and two that it lacks
    monkeypatch.setattr(symbols, "SCRIPTS", {"one": ("SansOne", spans)})
    (signs,) = symbols.scripts(tmp_path, ("one",), 24)
    assert tuple(signs) == ("00021", "00022")
    assert signs["00021"].shape == (24, 24)
    assert signs["00021"].max() > 200


def test_of_each_icon_there_is_one_kind(suite, tmp_path):
    from PIL import ImageFont

    rules = {"a": "A", "a-outline": "B", "b": "C", "b-outline": "D", "c": "E", "d-outline": "F"}
    lines = (f'.mdi-{n}::before {{\n  content: "\\{ord(s):X}";\n}}' for n, s in rules.items())
    for place in (tmp_path / "css", tmp_path / "fonts"):
        place.mkdir()
    (tmp_path / "css" / "materialdesignicons.css").write_text("\n".join(lines))
    font = tmp_path / "fonts" / "materialdesignicons-webfont.ttf"
    font.write_bytes(ImageFont.load_default(20).font_bytes)
    filled, outline = suite("symbols").icons(tmp_path, ("filled", "outline"), 24)
    assert (*filled, *outline) == ("a", "b-outline")
    assert not np.array_equal(filled["a"], outline["b-outline"])
    with pytest.raises(ValueError, match="'filled' and 'outline'"):
        suite("symbols").icons(tmp_path, ("in", "out"), 24)


def test_tiles_are_unpacked_one_a_thing(suite, tmp_path):
    def png(pixels):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    shade = np.tile(np.arange(8, dtype=np.uint8) * 30, (8, 1))
    tile = np.stack([shade, shade, 0 * shade, np.full_like(shade, 255)], axis=2)
    tile[0, :, 3] = 0  # nothing there
    pictures = {
        "./arch/monster/bird/eagle.base.111": png(tile),
        "./arch/monster/bird/eagle.base.112": png(255 - tile),
        "./arch/monster/bird/night.base.111": png(np.zeros_like(tile)),
        "./arch/player/large.base.111": png(np.tile(tile, (2, 2, 1))),
        "./arch/wall/brick.111": png(tile[::-1].copy()),
        "./arch/system/bug.111": png(tile),
    }
    content = (f"IMAGE {len(b)} {name}\n".encode() + b for name, b in pictures.items())
    (tmp_path / "crossfire.base").write_bytes(b"".join(content))
    walls, creatures = suite("tiles").tiles(tmp_path, ("wall", "creature"), 8)
    assert (*walls, *creatures) == ("brick", "eagle")
    assert not creatures["eagle"][0].any()
    np.testing.assert_array_equal(creatures["eagle"][1:], tile[1:, :, :3])


def packed(place, values):
    """An IDX file of bytes, written by its description."""
    head = b"\0\0\x08" + bytes([values.ndim])
    lengths = b"".join(length.to_bytes(4, "big") for length in values.shape)
    place.write_bytes(gzip.compress(head + lengths + values.astype(np.uint8).tobytes()))


def test_garments_are_found_by_their_class(suite, tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 28, 28))
    packed(tmp_path / "t10k-images-idx3-ubyte.gz", pixels)
    packed(tmp_path / "t10k-labels-idx1-ubyte.gz", np.array([9, 1, 0, 9, 1, 4]))
    boots, trousers = suite("idx").garments(tmp_path, ("boot", "trouser"), 28)
    for found, rows in ((boots, (0, 3)), (trousers, (1, 4))):
        assert tuple(found) == tuple(map(str, rows))
        np.testing.assert_array_equal(np.stack(list(found.values())), pixels[list(rows)])
    source = suite("sources").Source(
        ".",
        ("boot", "trouser"),
        28,
        (1, 1, 0),
        copies=("boot/3",),
        windows=suite("idx").garments,
    )
    pools = suite("image_sets")._pools(source, tmp_path)
    assert [len(pool) for pool in pools] == [1, 2]
    for kind in ("images-idx3", "labels-idx1"):
        larger = tmp_path / f"train-{kind}-ubyte.gz"
        larger.write_bytes((tmp_path / f"t10k-{kind}-ubyte.gz").read_bytes())
    (first,) = suite("idx").more_garments(tmp_path, ("boot",), 28)
    assert list(first) == list(boots)
    monkeypatch.setattr(suite("idx"), "MOST", 1)
    (last,) = suite("idx").last_garments(tmp_path, ("boot",), 28)
    assert list(last) == ["3"]  # not the first of the two
    with pytest.raises(ValueError, match="28"):
        suite("idx").garments(tmp_path, ("boot",), 20)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x0d\1"))
    with pytest.raises(ValueError, match="no bytes"):
        suite("idx").garments(tmp_path, ("boot",), 28)
