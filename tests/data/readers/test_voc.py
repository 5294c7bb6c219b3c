import json

import pytest

from phoropter.core.errors import InputError, UsageError
from phoropter.data.open import open_dataset
from phoropter.data.readers import voc
from phoropter.data.xml_tree import XmlError, parse

BOX = "<bndbox><xmin>2</xmin><ymin>3.5</ymin><xmax>10</xmax><ymax>9</ymax></bndbox>"
BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation>
<object><name>&b;</name></object></annotation>"""
FOREIGN = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation>&e;</annotation>'


def entry(name="cat", inner=BOX):
    return f"<object><name>{name}</name><difficult>1</difficult>{inner}</object>"


@pytest.fixture
def written(tmp_path, paint):
    """A function that writes an image of 12 x 16 pixels and its XML; returns the folder."""

    def write(objects=(), *, stem="1", filename=None, database="Unknown", text=None, image=True):
        if image:
            paint(tmp_path / "JPEGImages" / f"{stem}.png", seed=len(stem))
        size = "<size><width>16</width><height>12</height><depth>3</depth></size>"
        file = tmp_path / "Annotations" / f"{stem}.xml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            text
            or f"<annotation><filename>{filename or f'{stem}.png'}</filename>"
            f"<source><database>{database}</database></source>{size}"
            f"{''.join(objects)}</annotation>"
        )
        return tmp_path

    return write


def said(dataset):
    return "\n".join(f"{item.path}: {item.reason}" for item in dataset.rejected)


def corners(dataset):
    return [dataset.objects[name][0] for name in ("x1", "y1", "x2", "y2")]


def test_objects_are_read(written):
    written([entry(), entry("dog")])
    folder = written(stem="22")
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "train.txt").write_text("1\n")
    (folder / "ImageSets" / "Main" / "val.txt").write_text("22 1\n")
    (folder / "labels.csv").write_text("filename,class,xmin\n1.png,cat,2\n")
    dataset = open_dataset(folder)
    assert dataset.layout == "voc"
    assert dataset.description == (
        "Pascal VOC detection, 2 classes, 2 images, 2 objects, given parts: train, val"
    )
    assert corners(dataset) == [2, 3.5, 10, 9]
    assert dataset.objects["label"].to_list() == ["cat", "dog"]
    assert json.loads(dataset.objects["extra"][0]) == {"difficult": "1"}
    assert dataset.table["part"].to_list() == ["train", "val"]
    assert dataset.table["stated_height"].to_list() == [12, 12]
    assert dataset.rejected == ()


def test_the_official_sets_count_from_one(written):
    dataset = voc.read(written([entry()], database="The VOC2007 Database"), target=None)
    assert corners(dataset) == [1, 2.5, 10, 9]


def test_polygons_and_repeated_elements_are_kept(written):
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((1, 1), (5, 1), (5, 6)))
    inner = f"{BOX}<polygon>{points}</polygon><part>a</part><part><n>b</n></part>"
    dataset = voc.read(written([entry(inner=inner)]), target=None)
    assert dataset.objects["polygons"].to_list() == [[[1, 1, 5, 1, 5, 6]]]
    assert json.loads(dataset.objects["extra"][0])["part"] == ["a", {"n": "b"}]
    assert dataset.task == "instances"


def test_what_is_wrong_is_told(written, paint):
    written([entry(" cat "), entry("", BOX), entry("dog", ""), entry("cow", BOX[:30])[:40]])
    written(stem="other", filename="renamed.png")
    written(stem="bare", filename="bare")
    written(stem="gone", filename="gone.png", image=False)
    written(stem="broken", text="<annotation><object>")
    written(stem="foreign", text="<rss/>")
    folder = written([entry("cat", BOX.replace("2", "abc"))], stem="words")
    paint(folder / "JPEGImages" / "alone.png", seed=9)
    words = said(voc.read(folder, target=None))
    for expected in (
        "Annotations/other.xml: the file name in it is another ('renamed.png'",
        "Annotations/bare.xml: the file name in it is another ('bare'",
        "gone.png: there is no such file (Annotations/gone.xml)",
        "Annotations/broken.xml: it is no sound XML",
        "JPEGImages/broken.png: its annotation Annotations/broken.xml cannot be read",
        "Annotations/foreign.xml: XML of another kind",
        "Annotations/words.xml: a box that is not four finite numbers, left out",
        "JPEGImages/alone.png: not mentioned by any annotation",
    ):
        assert expected in words, expected


def test_odd_names_are_told(written):
    dataset = voc.read(
        written([entry(" cat "), entry(""), entry("dog", ""), entry("cow")]), target=None
    )
    words = said(dataset)
    assert "a name with blanks around it, read without (object 1: ' cat ')" in words
    assert "an object without name, left out (object 2)" in words
    assert "an object without box, left out (object 3)" in words
    assert dataset.objects["label"].to_list() == ["cat", "cow"]


def test_an_image_described_twice_is_read_once(written):
    written([entry()])
    folder = written([entry("dog")], stem="2", filename="1.png", image=False)
    dataset = voc.read(folder, target=None)
    assert dataset.objects["label"].to_list() == ["cat"]
    assert "its image is described twice, left out (also by Annotations/1.xml)" in said(dataset)


@pytest.mark.parametrize("content", [BOMB, FOREIGN, b"", b"<a>" * 100, b"<a>\xff</a>", b"<a"])
def test_dangerous_xml_is_refused(content):
    with pytest.raises(XmlError):
        parse(content)


def test_entities_cost_their_file_only(written):
    written([entry()])
    folder = written(stem="bomb", text=BOMB.decode())
    dataset = voc.read(folder, target=None)
    assert dataset.table["path"].to_list() == ["JPEGImages/1.png"]
    assert "it declares a document type, which is not read" in said(dataset)


def test_what_is_no_voc(tmp_path):
    (tmp_path / "a.xml").write_text("<rss><channel/></rss>")
    assert voc.detects(tmp_path) == 0
    assert voc.detects(tmp_path / "a.xml") == 0
    (tmp_path / "a.xml").unlink()
    with pytest.raises(InputError, match="no XML file"):
        voc.read(tmp_path, target=None)
    with pytest.raises(UsageError, match="no column"):
        voc.read(tmp_path, target="x")
