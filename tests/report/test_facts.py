"""Numbers of the tables against scikit-learn, and which samples are shown."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.records import Metric
from phoropter.report.facts import (
    best_simple,
    class_counts,
    class_scores,
    part_sizes,
    simple_model_wins,
)
from phoropter.report.figures.confusion import confusion
from phoropter.report.pictures import sample_grid, thumbnail, wanted_pictures, worst_rows

ANSWERS = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3)), min_size=1, max_size=40)


def predictions(pairs):
    truth, said = np.array(pairs, dtype=np.int64).T
    ids = np.array([f"s{row}" for row in range(len(pairs))])
    return ClassPredictions(ids, truth, np.eye(4)[said], ("a", "b", "c", "d"))


@given(ANSWERS)
def test_class_scores_are_scikit_learn_s(pairs):
    table = predictions(pairs)
    known = table.truth >= 0
    rows = class_scores(table)
    if not known.any():
        assert all(row.samples == row.predicted == 0 for row in rows)
        return
    truth, said = table.truth[known], table.predicted[known]
    np.testing.assert_array_equal(confusion(table), confusion_matrix(truth, said, labels=range(4)))
    reference = precision_recall_fscore_support(truth, said, labels=range(4), zero_division=np.nan)
    for index, row in enumerate(rows):
        assert row.samples == reference[3][index]
        for value, expected in zip(
            (row.precision, row.recall, row.f1),
            (part[index] for part in reference[:3]),
            strict=True,
        ):
            np.testing.assert_equal(round(value, 12), round(float(expected), 12))


def test_counts_add_up(digits_content):
    dataset, split = digits_content.dataset, digits_content.split
    counts, sizes = class_counts(dataset, split), part_sizes(split)
    for part, size in sizes.items():
        assert sum(row.get(part, 0) for row in counts.values()) == size
    assert sum(sizes.values()) == len(dataset)


@pytest.mark.parametrize(
    ("greater", "simple", "reached", "wins"),
    [
        (True, 0.9, 0.8, True),
        (True, 0.8, 0.9, False),
        (True, 0.9, 0.9, True),
        (False, 2.0, 1.0, False),
        (False, 1.0, 2.0, True),
    ],
)
def test_the_simple_model_wins_in_the_metric_s_direction(
    digits_content, greater, simple, reached, wins
):
    worse = simple - 0.5 if greater else simple + 0.5
    content = replace(
        digits_content,
        greater_is_better=greater,
        ladder={"b": Metric("accuracy", simple, 0, 1, 9), "a": Metric("accuracy", worse, 0, 1, 9)},
        final=replace(digits_content.final, metrics=(Metric("accuracy", reached, 0, 1, 9),)),
    )
    assert best_simple(content)[0] == "b"
    assert simple_model_wins(content) is wins


def test_worst_classes_are_wrong_and_sorted(digits_content):
    table = digits_content.validation
    rows = worst_rows(table)
    assert len(rows) == min(18, (table.predicted != table.truth).sum())
    belief = table.probabilities[rows, table.truth[rows]]
    assert (np.diff(belief) >= 0).all()
    assert (table.predicted[rows] != table.truth[rows]).all()


def test_worst_values_are_sorted_and_unknown_ones_left_out():
    truth = np.array([[1.0], [2.0], [np.nan], [4.0]])
    table = ValuePredictions(
        np.array(list("abcd")), truth, np.array([[1.0], [5.0], [9], [3]]), ("x",)
    )
    assert worst_rows(table).tolist() == [1, 3]
    nothing = replace(table, truth=np.full((4, 1), np.nan))
    assert worst_rows(nothing).tolist() == []


def test_pictures_wanted_are_never_of_the_test_part(digits_content, values_content):
    for content in (digits_content, values_content):
        parts = dict(zip(content.split.table["id"], content.split.table["part"], strict=True))
        wanted = wanted_pictures(content)
        assert len(wanted) == len(set(wanted)) > 10
        assert {parts[name] for name in wanted} == {"train", "val"}


def test_grid_shows_each_class_and_the_range_of_values(digits_content, values_content):
    grid = sample_grid(digits_content.dataset, digits_content.split)
    assert list(grid) == sorted(digits_content.validation.classes)
    assert all(name.startswith(key) for key, ids in grid.items() for name in ids)
    (ids,) = sample_grid(values_content.dataset, values_content.split).values()
    table = values_content.dataset.table
    values = dict(zip(table["id"], table["progression"], strict=True))
    shown = [values[name] for name in ids]
    assert shown == sorted(shown)
    parts = dict(
        zip(values_content.split.table["id"], values_content.split.table["part"], strict=True)
    )
    train = [value for name, value in values.items() if parts[name] == "train"]
    assert (shown[0], shown[-1]) == (min(train), max(train))


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (3, 300, 400), (3, 900, 3)])
def test_thumbnails_keep_shape_and_content(shape):
    pixels = np.full(shape, 200, dtype=np.uint8)
    with Image.open(io.BytesIO(thumbnail(pixels, side_px=80))) as picture:
        assert picture.format == "JPEG"
        assert max(picture.size) == 80
        assert abs(np.asarray(picture).astype(int) - 200).max() <= 2
