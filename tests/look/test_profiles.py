"""Texts, columns and objects as a whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import log, sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from phoropter.core.objects import no_objects
from phoropter.core.records import Dataset
from phoropter.look.evidence import LookEvidence
from phoropter.look.object_profile import object_profile
from phoropter.look.table_profile import MOST_CORRELATED, table_profile
from phoropter.look.text_profile import (
    CERTAIN,
    MOST_TERMS,
    PRIOR_WORDS,
    distinctive,
    text_profile,
    words_of,
)


def seen(dataset, count):
    return LookEvidence(
        dataset=dataset,
        split=None,
        features=None,
        thumbnails=np.zeros((count, 32, 32), dtype=np.uint8),
    )


def rows_of(tmp_path, columns, *, modality, inputs, task="classification", targets=("label",)):
    count = len(next(iter(columns.values())))
    names = [f"row {row}" for row in range(count)]
    table = pl.DataFrame(
        {"id": names, "path": ["data.csv"] * count, "digest": names, **columns}
    ).with_columns(
        group=pl.lit(None, pl.String), part_name=pl.lit(None, pl.String),
        **({} if "part" in columns else {"part": pl.lit(None, pl.String)}),
    )  # fmt: skip
    return seen(
        Dataset("d", tmp_path, "csv", "", task, targets, table, modality=modality, inputs=inputs),
        count,
    )


def z_of(word, own, others, total):
    """Monroe, Colaresi and Quinn 2008, equations 16 and 20 to 22, term by term."""
    prior = PRIOR_WORDS * total[word] / total.total()

    def odds(counts):
        return log((counts[word] + prior) / (counts.total() + PRIOR_WORDS - counts[word] - prior))

    variance = 1 / (own[word] + prior) + 1 / (others[word] + prior)
    return (odds(own) - odds(others)) / sqrt(variance)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.sampled_from(
    ["sun", "sea", "snow", "ski"]), max_size=9)), min_size=2, max_size=40))  # fmt: skip
def test_a_class_s_own_words_are_those_of_the_log_odds(texts):
    found = distinctive([words for _, words in texts], [label for label, _ in texts])
    by_class = {label: Counter() for label, _ in texts}
    for label, words in texts:
        by_class[label].update(words)
    total = sum(by_class.values(), Counter())
    for label, own in by_class.items():
        others = total - own
        listed = {term.word: term for term in found[label]}
        for word, uses in own.items():
            if uses < 3 or not others or len(total) < 2:
                assert word not in listed
                continue
            expected = z_of(word, own, others, total)
            assert (word in listed) == (expected > CERTAIN)
            if word in listed:
                assert listed[word].uses == uses
                assert listed[word].z == pytest.approx(expected)
        scores = [term.z for term in found[label]]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) <= MOST_TERMS


def test_what_texts_are_like(tmp_path):
    texts = ["Cats purr, cats sleep", "Dogs bark", "고양이는 잔다", "Dogs bark bark bark"]
    evidence = rows_of(
        tmp_path,
        {"text": texts, "label": ["c", "d", "c", "d"], "part": ["train", "train", "val", "test"]},
        modality="text",
        inputs=("text",),
    )
    profile = text_profile(evidence)
    assert profile.characters.tolist() == [len(text) for text in texts]
    assert profile.words.tolist() == [4, 2, 2, 4]
    assert (profile.vocabulary, profile.once) == (7, 4)
    assert profile.frequent[0] == ("bark", 4)
    assert set(profile.terms) == {"c", "d"}
    assert words_of("don't 12 x ÉTÉ") == ["don", "été"]


def test_words_of_the_test_part_are_nobody_s_own(tmp_path):
    evidence = rows_of(
        tmp_path,
        {"text": ["secret"] * 30 + ["open"] * 30 + ["other"] * 30,
         "label": ["a"] * 60 + ["b"] * 30, "part": ["test"] * 30 + ["train"] * 60},
        modality="text",
        inputs=("text",),
    )  # fmt: skip
    terms = text_profile(evidence).terms
    assert [term.word for term in terms["a"]] == ["open"]


def test_what_the_columns_of_a_table_are_like(tmp_path):
    data, target = load_iris(return_X_y=True)
    sizes = {f"n{place}": data[:, place].tolist() for place in range(4)}
    sizes["n0"][3] = None
    evidence = rows_of(
        tmp_path,
        {**sizes, "label": [f"kind {n}" for n in target], "place": ["bog", "fen", None] * 50,
         "row": [f"R{n:04}" for n in range(150)], "day": ["2020-01-05", "2021-03-02"] * 75,
         "same": [1] * 150},
        modality="table",
        inputs=("n0", "n1", "n2", "n3", "place", "row", "day", "same"),
    )  # fmt: skip
    profile = table_profile(evidence)
    kinds = {one.name: one.kind for one in profile.columns}
    assert kinds == {
        **dict.fromkeys(("n0", "n1", "n2", "n3", "same"), "number"),
        "place": "category", "row": "identifier", "day": "date",
    }  # fmt: skip
    by_name = {one.name: one for one in profile.columns}
    assert by_name["n0"].missing == pytest.approx(1 / 150)
    assert by_name["place"].missing == pytest.approx(1 / 3)
    assert by_name["place"].distinct == 2
    assert profile.correlated == ("n0", "n1", "n2", "n3")  # what never changes has no correlation
    expected = np.corrcoef(data[:, 1:], rowvar=False)
    assert profile.correlation[1:, 1:] == pytest.approx(expected, abs=1e-9)
    whole = np.delete(data, 3, axis=0)
    inverse = np.linalg.inv(np.corrcoef(whole, rowvar=False))
    assert [by_name[f"n{k}"].inflation for k in range(4)] == pytest.approx(np.diag(inverse))


def test_of_a_wide_table_the_columns_that_vary_together_are_shown(tmp_path):
    rng = np.random.default_rng(0)
    columns = {f"c{place}": rng.normal(size=60).round(3).tolist() for place in range(60)}
    columns["c7"] = [2 * value for value in columns["c50"]]
    evidence = rows_of(tmp_path, {**columns, "label": ["a", "b"] * 30}, modality="table",
                       inputs=tuple(columns))  # fmt: skip
    shown = table_profile(evidence).correlated
    assert len(shown) == MOST_CORRELATED
    assert {"c7", "c50"} <= set(shown)


def test_sizes_shapes_and_classes_that_meet(tmp_path):
    objects = [
        ("a", "cat", 0, 0, 50, 100),
        ("a", "dog", 10, 10, 20, 20),
        ("b", "cat", 0, 0, 9, 9),
        ("b", "cat", 5, 5, 50, 60),
        ("c", "dog", 40, 0, 20, 30),
        ("x", "cat", 0, 0, 5, 5),
    ]
    table = pl.DataFrame(
        {"id": ["a", "b", "c", "d"], "path": ["a", "b", "c", "d"], "height": [100] * 4,
         "width": [200] * 4}
    )  # fmt: skip
    rows = pl.DataFrame(
        [{"id": i, "label": name, "x1": float(x1), "y1": float(y1), "x2": float(x2),
          "y2": float(y2), "crowd": False} for i, name, x1, y1, x2, y2 in objects]
    )  # fmt: skip
    dataset = Dataset(
        "d", tmp_path, "coco", "", "detection", (), table, classes=("cat", "dog"),
        objects=pl.concat([no_objects(), rows], how="diagonal"),
    )  # fmt: skip
    profile = object_profile(seen(dataset, 4))
    assert profile.objects["label"].to_list() == ["cat", "dog", "cat", "cat"]  # others are unsound
    assert profile.objects["side"][0] == pytest.approx(sqrt(50 * 100 / (200 * 100)))
    assert profile.objects["aspect"][0] == 0.5
    assert dict(profile.per_image.iter_rows()) == {"a": 2, "b": 2, "c": 0, "d": 0}
    assert profile.classes == ("cat", "dog")
    assert profile.together.tolist() == [[2, 1], [1, 1]]
    assert object_profile(seen(replace(dataset, objects=None), 4)) is None
