"""Every text of a drawing is inside it and covers no other, by a face that the code never saw."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from phoropter.core.predictions import ClassPredictions
from phoropter.core.run_records import RangePoint
from phoropter.report.figures.confusion import confusion_matrix
from phoropter.report.figures.counts import class_counts, value_histogram
from phoropter.report.figures.intervals import Bar, interval_chart
from phoropter.report.figures.rates import range_figure
from phoropter.report.figures.reliability import reliability_diagram
from phoropter.report.lettering import PX, fitted, text_width
from phoropter.report.page import render
from phoropter.report.sentences import Sentences
from phoropter.report.svg import drawing, frame

SAY = Sentences("en")
DOCS = Path(__file__).parents[2] / "docs"
FACE = ImageFont.load_default(PX)
DRAWN = re.compile(r"<svg.*?</svg>", re.DOTALL)
_ANCHOR = {"start": 0.0, "middle": 0.5, "end": 1.0}
_ASCENT, _DESCENT = 0.72, 0.2


def boxes(svg):
    """Text, left, top, right and bottom of each text, and the size of the drawing."""
    root = ET.fromstring(svg)
    *_, width, height = map(float, root.attrib["viewBox"].split())
    return list(_boxes(root, (0.0, 0.0))), width, height


def _boxes(node, at):
    moved = re.match(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", node.attrib.get("transform", ""))
    if moved:
        at = (at[0] + float(moved[1]), at[1] + float(moved[2]))
    if node.tag.endswith("text") and node.text:
        yield _box(node, at)
    for child in node:
        yield from _boxes(child, at)


def _box(node, at):
    length = FACE.getlength(node.text) * (1.1 if node.attrib.get("class") == "val" else 1.0)
    start = -length * _ANCHOR[node.attrib.get("text-anchor", "start")]
    turn = re.match(r"rotate\(([-\d.]+)", node.attrib.get("transform", ""))
    angle = math.radians(float(turn[1])) if turn else 0.0
    x, y = at[0] + float(node.attrib["x"]), at[1] + float(node.attrib["y"])
    corners = [
        (
            x + across * math.cos(angle) - up * math.sin(angle),
            y + across * math.sin(angle) + up * math.cos(angle),
        )
        for across in (start, start + length)
        for up in (-_ASCENT * PX, _DESCENT * PX)
    ]
    xs, ys = zip(*corners, strict=True)
    return node.text, bool(turn), min(xs), min(ys), max(xs), max(ys)


def faults(svg):
    """Texts that leave the drawing, and pairs that cover each other."""
    found, width, height = boxes(svg)
    out = [
        text
        for text, _, left, top, right, bottom in found
        if left < -1 or top < -1 or right > width + 1 or bottom > height + 1
    ]
    level = [box for box in found if not box[1]]
    return out + [
        (one[0], other[0])
        for one, other in combinations(level, 2)
        if min(one[4], other[4]) - max(one[2], other[2]) > 1
        and min(one[5], other[5]) - max(one[3], other[3]) > 2
    ]


DRAWINGS = [DOCS / "assets" / "power.svg", *sorted(DOCS.glob("findings/*.svg"))]


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_pictures_of_the_documentation(path):
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "path", [*DRAWINGS, DOCS / "assets" / "loop.svg"], ids=lambda path: path.stem
)
def test_pictures_of_the_documentation_have_paper_of_their_own(path):
    """Else their dark letters are not to be read on a dark page."""
    text = path.read_text("utf-8")
    size = re.search(r'viewBox="0 0 (\S+) (\S+)"', text).groups()
    drawn = re.sub(r"<(style|title|desc|defs)\b.*?</\1>", "", text, flags=re.DOTALL)
    first = re.search(r"<(?!svg)[^>]*>", drawn)[0]
    assert first.startswith(f'<rect width="{size[0]}" height="{size[1]}" ')
    assert 'fill="#fff"' in first or ('class="paper"' in first and ".paper{fill:#fdfcfa}" in text)


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("content", ["digits_content", "values_content"])
def test_figures_of_a_report(content, lang, request):
    drawings = DRAWN.findall(render(request.getfixturevalue(content), lang=lang))
    assert len(drawings) > 2
    assert [faults(one) for one in drawings] == [[]] * len(drawings)


def test_long_names_of_classes(digits_content):
    table = digits_content.validation
    names = tuple(f"{name}, seen from above at night" for name in table.classes)
    table = ClassPredictions(table.ids, table.truth, table.probabilities, names)
    counts = {name: {"train": 1_234_567, "val": 12_345, "test": 9} for name in names}
    figures = [
        confusion_matrix(table, say=SAY),
        class_counts(counts, say=SAY, title="samples"),
    ]
    assert [faults(figure.drawing) for figure in figures] == [[], []]


def test_the_chosen_run_is_named_in_full():
    bars = [Bar("knn", 0.4, 0.3, 0.5), Bar("chosen: efficientnet_lite0", 0.9, 0.8, 0.95)]
    chart = interval_chart(bars, title="t", axis="accuracy", say=SAY)
    assert faults(chart.drawing) == []
    assert ">chosen: efficientnet_lite0</text>" in chart.drawing
    bars.append(
        Bar("a name that is longer than half of the drawing is wide, and then some", 1, 0, 1)
    )
    chart = interval_chart(bars, title="t", axis="accuracy", say=SAY)
    assert faults(chart.drawing) == []


def test_counts_of_answers_that_are_always_sure():
    truth = np.repeat([0, 1], 20_000)
    sure = np.where(truth[:, None] == [0, 1], 1.0, 0.0)
    sure[::7] = [0.93, 0.07]
    sure[::11] = [0.55, 0.45]
    table = ClassPredictions(np.arange(40_000).astype(np.str_), truth, sure, ("no", "yes"))
    assert faults(reliability_diagram(table, say=SAY).drawing) == []


@given(
    st.tuples(st.floats(-1e7, 1e7), st.floats(1e-6, 1e8)),
    st.tuples(st.floats(-1e7, 1e7), st.floats(1e-6, 1e8)),
)
def test_axes_of_any_numbers(x, y):
    area = frame((x[0], x[0] + x[1]), (y[0], y[0] + y[1]))
    axes = area.axes("a name for it", "another")
    svg = drawing(axes, width=area.width, height=area.height, label="")
    assert faults(svg) == []


@given(st.floats(1e-9, 1e3), st.floats(1.1, 1e9))
def test_logarithmic_axes(low, factor):
    area = frame((low, low * factor), (low, low * factor), log_x=True, log_y=True)
    svg = drawing(area.axes("rate", "norm"), width=area.width, height=area.height, label="")
    assert faults(svg) == []


def test_a_rate_at_the_edge():
    points = [RangePoint(lr, 1.0, 1.0) for lr in (1e-7, 1e-3, 1.0)]
    assert faults(range_figure(points, 0.98765, say=SAY).drawing) == []


def test_a_long_name_of_a_column():
    name = "time between the first and the last measurement of each of the patients, in days"
    figure = value_histogram(name, {"train": np.linspace(0, 1e7, 50)}, say=SAY)
    assert faults(figure.drawing) == []


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
def test_widths_are_about_those_of_another_face(text):
    assert text_width(text) == pytest.approx(FACE.getlength(text), rel=0.3, abs=4)


def test_what_fits_is_left_as_it_is():
    assert fitted("brightness", text_width("brightness")) == "brightness"
    assert fitted("밝기와 대비", 50) == "밝기…"
