"""What the figures of the mistakes say is what scikit-learn says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Metric
from phoropter.core.run_records import SliceScore
from phoropter.report.figures.ranking import ranking_figures
from phoropter.report.figures.slices import slice_figure
from phoropter.report.page import render
from phoropter.report.pictures import pair_rows, wanted_pictures
from phoropter.report.sentences import Sentences

SAY = Sentences("en")


def test_areas_are_scikit_learns(digits_content):
    table = digits_content.validation
    roc, precision = ranking_figures(table, say=SAY)
    for place, name in enumerate(table.classes):
        actual, scores = table.truth == place, table.probabilities[:, place]
        both = (roc_auc_score, average_precision_score)
        areas = [f"{score(actual, scores):.3f}" for score in both]
        count = str(int(actual.sum()))
        assert list(roc.numbers.rows[place][:3]) == [name, count, areas[0]]
        assert list(precision.numbers.rows[place][:3]) == [name, count, areas[1]]
    weakest = min(roc.numbers.rows, key=lambda row: float(row[2]))[0]
    assert roc.legend[0] == ("val", weakest)
    assert roc.drawing.count("<path") == 11  # ten classes and chance
    at = table.classes.index(weakest)
    named, actual = table.predicted == at, table.truth == at
    recall, alarms = (
        (named & actual).sum() / actual.sum(),
        (named & ~actual).sum() / (~actual).sum(),
    )
    assert f"{weakest}: {alarms:.3f}, {recall:.3f}" in roc.drawing


def test_the_table_says_what_a_recall_costs():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.2])
    truth = np.array([1, 0, 1, 0, 1, 0])
    table = ClassPredictions(
        np.arange(6).astype(np.str_), truth, np.stack([1 - scores, scores], 1), ("no", "yes")
    )
    roc, precision = ranking_figures(table, say=SAY)
    # Recall 0.5 takes two of three positives (one false alarm), 0.9 all three (two).
    assert roc.numbers.rows[1][3] == "0.333"
    assert roc.numbers.rows[1][6] == "0.667"
    assert precision.numbers.rows[1][3] == "0.667"
    assert precision.numbers.rows[1][6] == "0.600"
    assert ranking_figures(table.take(np.flatnonzero(truth == 1)), say=SAY) == ()


@pytest.fixture
def slices():
    low = Metric("accuracy", 0.5, 0.3, 0.7, 20)
    dark = SliceScore("brightness", "0.1 to 0.254321", low, 0.002, weak=True)
    other = SliceScore("camera", "new", Metric("accuracy", 0.9, 0.8, 0.95, 80), 1.0, weak=False)
    return dark, other


def test_weak_slices_are_told_with_their_correction(digits_content, slices, page_of):
    said = page_of(render(replace(digits_content, slices=slices))).said("mistakes")
    assert "brightness 0.1–0.25" in said
    assert "camera: new" in said
    assert "Slices that are worse than the rest by more than chance: 1 (in red)." in said
    assert "2 slices were looked at" in said
    whole = Metric("accuracy", 0.8, 0.7, 0.9, 100)
    figure = slice_figure(slices, whole, say=SAY)
    assert figure.drawing.count("dot worse") == 1
    assert "No slice is worse" in slice_figure(slices[1:], whole, say=SAY).note


def test_confused_pairs_have_their_worst_pictures(digits_content, page_of):
    table = digits_content.validation
    mistaken = np.arange(len(table)) % 6 == 0
    table = replace(table, truth=np.where(mistaken, (table.truth + 1) % 10, table.truth))
    content = replace(digits_content, validation=table)
    pairs = pair_rows(table)
    assert len(pairs) == 4
    counts = []
    for truth, said, rows in pairs:
        assert set(table.truth[rows]) == {truth}
        assert set(table.predicted[rows]) == {said} != {truth}
        beliefs = table.probabilities[rows, truth]
        assert (np.diff(beliefs) >= 0).all()
        counts.append(int(((table.truth == truth) & (table.predicted == said)).sum()))
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 2
    wanted = set(wanted_pictures(content))
    assert {str(name) for _, _, rows in pairs for name in table.ids[rows]} <= wanted
    truth, said, _ = pairs[0]
    heading = f"{table.classes[truth]}, taken for {table.classes[said]}"
    assert heading in page_of(render(content)).said("mistakes")
