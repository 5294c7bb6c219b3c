"""Scales are monotone and inside the drawing; what is drawn cannot become markup."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from hypothesis import assume, given
from hypothesis import strategies as st

from phoropter.report.svg import Scale, drawing, element, frame, span, titled

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(NUMBERS, min_size=1))
def test_spans_hold_all_values(values):
    low, high = span(values)
    assert low < high
    assert low <= min(values)
    assert max(values) <= high


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_scales_keep_order_and_stay_inside(low, high, a, b):
    assume(high - low > 1e-6 * max(abs(low), abs(high), 1))
    scale = Scale(low, high, 10, 110)
    assert 10 <= scale(a) <= 110 + 1e-9
    if a <= b:
        assert scale(a) <= scale(b)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 12
    slack = (high - low) * 1e-6
    assert all(low - slack <= tick <= high + slack for tick in ticks)


def test_logarithmic_ticks_are_round():
    assert Scale(0.011, 2.3, 0, 1, log=True).ticks() == [0.1, 1.0]
    assert Scale(0.15, 2.3, 0, 1, log=True).ticks() == [0.2, 0.5, 1.0, 2.0]
    assert Scale(0.5, 3000, 0, 1, log=True).ticks() == [1, 10, 100, 1000]


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_any_text_is_text(text):
    chart = drawing(titled("circle", text, cx=1, data_name=text), width=9, height=9, label=text)
    tree = ET.fromstring(chart)
    assert tree.attrib["aria-label"] == text
    assert tree[0].attrib["data-name"] == text
    assert tree[0][0].text == text


def test_lines_break_where_a_number_is_missing():
    area = frame((0.0, 4.0), (0.0, 1.0))
    points = [(0.0, 0.1), (1.0, math.nan), (2.0, 0.3), (3.0, 0.4)]
    path = ET.fromstring(area.line(points, class_="val")).attrib["d"]
    assert path.count("M") == 2
    assert path.count("L") == 1


def test_attributes_are_named_as_svg_does():
    assert element("line", x1=1.0, stroke_width=0.333333, class_="a") == (
        '<line x1="1" stroke-width="0.33" class="a"/>'
    )
