import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from phoropter.core.records import Finding
from phoropter.core.run_records import Epoch, RangePoint
from phoropter.report.figure_page import write_learning_curves, write_range_test
from phoropter.report.figures.curves import learning_curves
from phoropter.report.sentences import Sentences

POINTS = [RangePoint(10.0**power, 2.0 + power / 5, 2.0 + power / 6) for power in range(-6, 1)]


def drawing(page):
    text = page.read_text("utf-8")
    assert "http:" not in text
    assert "https:" not in text
    return ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


def test_a_range_test_marks_the_suggestion_where_it_belongs(tmp_path):
    svg = drawing(write_range_test(tmp_path / "lr.html", "digits", POINTS, 1e-3))
    [mark] = [line for line in svg.iter("line") if line.get("class") == "flag kept"]
    ticks = {text.text: float(text.get("x")) for text in svg.iter("text")}
    assert abs(float(mark.get("x1")) - ticks["0.001"]) == 4  # the flag's own text stands beside it
    assert {path.get("class") for path in svg.iter("path")} == {"line running", "line train"}


def test_a_range_test_without_a_suggestion_has_no_mark(tmp_path):
    svg = drawing(write_range_test(tmp_path / "lr.html", "digits", POINTS, None, lang="ko"))
    assert not [line for line in svg.iter("line") if "flag" in line.get("class")]


def test_losses_below_zero_are_drawn_at_their_heights(tmp_path):
    points = [replace(p, loss=p.loss - 5, smoothed=p.smoothed - 5) for p in POINTS]
    svg = drawing(write_range_test(tmp_path / "lr.html", "digits", points, None))
    [line] = [path.get("d") for path in svg.iter("path") if path.get("class") == "line train"]
    heights = [float(height) for height in re.findall(r" ([\d.]+)", line)]
    assert len(set(heights)) == len(points)
    assert heights == sorted(heights, reverse=True)  # downwards is more in SVG, and losses rise


def test_a_range_test_that_ended_at_its_first_step_is_drawn(tmp_path):
    svg = drawing(write_range_test(tmp_path / "lr.html", "digits", POINTS[:1], None))
    assert {path.get("class") for path in svg.iter("path")} == {"line running", "line train"}


def test_learning_curves_show_both_parts_and_the_findings(tmp_path):
    history = [
        Epoch(number, number, 0.1, 1.0, 1 / (number + 1), 1.2, 0.5, 0.4, 1.0, 1.0)
        for number in range(5)
    ]
    finding = Finding("overfit", "warning", 0.9, "It overfits.", {"mark_epoch": 3})
    page = write_learning_curves(
        tmp_path / "curves.html", "a1b2", history, [finding], metric="accuracy", best_epoch=2
    )
    svg = drawing(page)
    words = {text.text for text in svg.iter("text")}
    assert "overfit" in words
    assert page.read_text("utf-8").count("<svg") == 2
    assert "a1b2" in page.read_text("utf-8")


def test_one_pass_makes_no_curve():
    rows = [Epoch(number, number, 0.1, 1.0, 1.0, 1.2, 0.5, 0.4, 1.0, 1.0) for number in range(2)]
    say = Sentences("en")
    drawn = [
        learning_curves(rows[:count], (), metric="accuracy", best_epoch=0, say=say)
        for count in (1, 2)
    ]
    assert [len(figures) for figures in drawn] == [0, 2]
