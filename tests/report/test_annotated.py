"""Objects and masks drawn over pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phoropter.core.objects import no_objects
from phoropter.report.overlay import COLOURS, class_colours, overlay
from phoropter.report.small_pictures import tinted


def objects_of(*rows):
    return pl.concat([no_objects(), pl.DataFrame(list(rows))], how="diagonal_relaxed")


def drawn(markup):
    return ET.fromstring(str(markup))


def test_boxes_lie_where_they_are():
    rows = objects_of(
        {"id": "a", "label": "cat", "x1": 10.0, "y1": 20.4, "x2": 30.0, "y2": 50.0},
        {"id": "a", "label": "<dog>", "x1": 1.0, "y1": 1.0, "x2": 9.0, "y2": 9.0},
    )
    svg = drawn(overlay(rows, (100, 200), {"cat": 0, "<dog>": 3}, marked=[30, 50, 10, 20]))
    assert svg.attrib["viewBox"] == "0 0 200 100"
    assert svg.attrib["aria-label"] == "1 × cat, 1 × <dog>"
    cat, dog, marked = svg
    assert {key: cat.attrib[key] for key in ("x", "y", "width", "height", "class")} == {
        "x": "10", "y": "20", "width": "20", "height": "30", "class": "k0",
    }  # fmt: skip
    assert dog[0].text == "<dog>"
    assert dog.attrib["class"] == "k3"
    assert marked.attrib["class"] == "marked"
    assert (marked.attrib["x"], marked.attrib["width"]) == ("10", "20")


def test_outlines_replace_boxes_and_stay_short():
    angles = np.linspace(0, 2 * np.pi, 1000)
    ring = np.stack([50 + 40 * np.cos(angles), 50 + 40 * np.sin(angles)], axis=1).ravel().tolist()
    rows = objects_of(
        {"id": "a", "label": "cell", "x1": 10.0, "y1": 10.0, "x2": 90.0, "y2": 90.0,
         "polygons": [ring]}
    )  # fmt: skip
    [shape] = drawn(overlay(rows, (100, 100), {"cell": 0}))
    assert shape.tag == "polygon"
    points = [tuple(map(int, pair.split(","))) for pair in shape.attrib["points"].split()]
    assert 40 <= len(points) <= 80
    assert all(abs(np.hypot(x - 50, y - 50) - 40) < 1 for x, y in points)


def test_classes_beyond_the_colours_begin_again():
    colours = class_colours([f"c{n}" for n in range(25)])
    assert colours["c0"] == colours["c10"] == colours["c20"]
    assert set(colours.values()) == set(range(COLOURS))


@given(
    arrays(np.uint8, (6, 9, 3)),
    arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 18)),
           elements=st.integers(0, 3)),
)  # fmt: skip
def test_only_the_pixels_of_a_class_are_tinted(pixels, mask):
    out = tinted(pixels, mask, {1: 0, 2: 5})
    for y in range(6):
        for x in range(9):
            value = mask[y * mask.shape[0] // 6, x * mask.shape[1] // 9]
            if value in {1, 2}:
                colour = np.array([(59, 120, 184), (140, 109, 79)][value - 1])
                expected = 0.45 * pixels[y, x] + 0.55 * colour
                assert np.abs(out[y, x] - expected).max() <= 0.51
            else:
                assert (out[y, x] == pixels[y, x]).all()
