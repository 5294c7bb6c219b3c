"""Copies of texts and what is wrong with texts."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.naive_bayes import MultinomialNB

import phoropter.core.records as source_of_words
from phoropter.core.records import Dataset
from phoropter.look import class_probabilities
from phoropter.look.checks import (
    conflicting_duplicates,
    exact_duplicates,
    label_errors,
    near_duplicate_texts,
    split_leak,
    text_leftovers,
    text_statistics,
)
from phoropter.look.evidence import LookEvidence
from phoropter.look.label_opinion import judge_labels
from phoropter.look.text_copies import SHINGLE, SIMILARITY, normalized, text_copies
from phoropter.prediction.row_features import word_weights

WORDS = sorted(set(Path(source_of_words.__file__).read_text().split()) - {""})


def sentences(count, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 15)) for _ in range(count)]


def evidence_of(texts, labels=None, parts=None):
    count = len(texts)
    names = [f"a.csv#line{n + 2}" for n in range(count)]
    table = pl.DataFrame(
        {
            "id": names,
            "path": ["a.csv"] * count,
            "label": labels or ["x", "y"] * (count // 2) + ["x"] * (count % 2),
            "group": [None] * count,
            "part": parts or [None] * count,
            "part_name": parts or [None] * count,
            "text": texts,
            "digest": [str(hash(text)) for text in texts],
        },
        schema_overrides=dict.fromkeys(("group", "part", "part_name"), pl.String),
    )
    dataset = Dataset(
        "t", Path(), "text", "t", "classification", ("label",), table, (), "text", ("text",)
    )
    return LookEvidence(dataset, None, None, np.zeros((count, 32, 32), np.uint8))


def jaccard(first, second):
    plain = (normalized(first), normalized(second))
    a, b = ({text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)} for text in plain)
    return len(a & b) / len(a | b)


def test_every_pair_above_the_similarity_is_found_and_no_other():
    texts = sentences(60)
    rng = np.random.default_rng(1)
    for text in texts[:40]:
        words = text.split()
        for at in rng.choice(len(words), int(rng.integers(0, 5)), replace=False):
            words[at] = str(rng.choice(WORDS))
        texts.append(" ".join(words))
    wanted = {
        (a, b)
        for a in range(len(texts))
        for b in range(a + 1, len(texts))
        if jaccard(texts[a], texts[b]) >= SIMILARITY
    }
    found = {tuple(pair) for pair in text_copies(texts).pairs.tolist()}
    assert len(wanted) > 10
    assert found == wanted


@given(st.lists(st.text(alphabet="ab ,", max_size=8), max_size=20))
def test_short_texts_are_copies_only_if_equal_but_for_case_and_marks(texts):
    tied = {frozenset(pair) for pair in text_copies(texts).pairs.tolist()}
    for a, b in tied:
        assert normalized(texts[a]) == normalized(texts[b]) != ""
    groups = {}
    for at, text in enumerate(texts):
        if normalized(text):
            groups.setdefault(normalized(text), []).append(at)
    assert len(tied) == sum(len(members) - 1 for members in groups.values())


def test_many_copies_of_one_text_stay_tied_in_little_time():
    long = sentences(1)[0]
    found = text_copies([f"{long} {n}" for n in range(400)])
    assert len(found.pairs) < 400 * 60
    assert set(found.pairs.ravel().tolist()) == set(range(400))


def test_repeats_leaks_and_conflicts_speak_of_texts():
    texts = sentences(100)
    texts += [texts[0], texts[1].upper() + "!", texts[2]]
    labels = ["x", "y"] * 50 + ["x", "y", "y"]
    evidence = evidence_of(texts, labels, ["train"] * 80 + ["test"] * 23)
    (repeats,) = exact_duplicates.check(evidence)
    assert "2 samples (1.9%) repeat another text word for word" in repeats.message
    (near,) = near_duplicate_texts.check(evidence)
    assert near.evidence["samples"] == [["a.csv#line3", "a.csv#line103"]]
    exact, copied = split_leak.check(evidence)
    assert "the same text in another part" in exact.message
    assert "a copy of the text in another part" in copied.message
    (conflict,) = conflicting_duplicates.check(evidence)
    assert conflict.evidence["pairs"] == 1
    assert "of texts say the same" in conflict.message


def test_sound_texts_have_only_statistics():
    texts = sentences(60)
    evidence = evidence_of(texts, parts=["train"] * 40 + ["test"] * 20)
    assert list(near_duplicate_texts.check(evidence)) == []
    assert list(text_leftovers.check(evidence)) == []
    (statistics,) = text_statistics.check(evidence)
    assert statistics.severity == "info"
    lengths = [len(text) for text in texts]
    assert statistics.evidence["characters"][2] == np.median(lengths)
    assert 0 < statistics.evidence["unseen_in_training"] < 1


def test_lengths_out_of_range():
    texts = [*sentences(200), "x", "word " * 4000]
    _, odd = text_statistics.check(evidence_of(texts))
    assert {item["characters"] for item in odd.evidence["samples"]} == {1, 20_000}
    assert odd.severity == "info"


@pytest.mark.parametrize("original", ["café", "“quoted”", "naïve – yes", "Ünlü señor"])
def test_utf8_read_as_something_else(original):
    broken = original.encode("utf-8").decode("cp1252", "replace")
    (finding,) = text_leftovers.check(evidence_of([*sentences(20), broken]))
    assert (finding.code, finding.severity) == ("wrong-encoding", "warning")
    assert finding.evidence["samples"] == ["a.csv#line22"]
    assert list(text_leftovers.check(evidence_of([*sentences(20), original]))) == []


def test_what_is_no_language():
    texts = [*sentences(20), "<p>Hello</p> you", "it #39;s &amp; more", "http://a.b/c?d", "12 34!"]
    (finding,) = text_leftovers.check(evidence_of(texts))
    assert finding.evidence["kinds"] == {
        "tags": 1,
        "entities": 1,
        "only an address": 1,
        "no letter": 1,
    }
    assert finding.severity == "info"


def reports(count, seed=0, *, told=0.3):
    """Texts of three topics: a share of their words is their topic's, the others are anybody's."""
    rng = np.random.default_rng(seed)
    words = rng.permutation([word for word in WORDS if word.isalpha()])
    common, topics = words[:150], words[150:270].reshape(3, 40)
    names = rng.integers(0, 3, count)
    texts = [
        " ".join(np.where(rng.random(20) < told, rng.choice(topics[n], 20), rng.choice(common, 20)))
        for n in names
    ]
    return texts, names


def found_errors(texts, names):
    labels = ["abc"[name] for name in names]
    found = list(label_errors.check(evidence_of(texts, labels)))
    samples = [item for finding in found for item in finding.evidence["samples"]]
    return found, [int(item["id"].rpartition("line")[2]) - 2 for item in samples]


@pytest.mark.parametrize("share", [0.025, 0.1])
def test_exchanged_labels_of_texts_are_found(share):
    texts, names = reports(480)
    rng = np.random.default_rng(1)
    wrong = rng.choice(480, round(share * 480), replace=False)
    given_names = names.copy()
    given_names[wrong] = (names[wrong] + rng.integers(1, 3, len(wrong))) % 3
    [finding], rows = found_errors(texts, given_names)
    hits = set(rows) & set(wrong.tolist())
    assert len(hits) >= 0.9 * len(wrong)
    assert len(hits) >= 0.9 * len(rows)
    assert finding.evidence["low"] <= share <= finding.evidence["high"]
    right = {row: "abc"[names[row]] for row in hits}
    for row, item in zip(rows, finding.evidence["samples"], strict=True):
        assert row not in right or item["suggested"] == right[row]


@pytest.mark.parametrize("told", [0.0, 0.1, 0.3])
def test_sound_labels_of_texts_are_left_in_peace(told):
    """However much of the topic the words tell: topics that are hard to tell are no errors."""
    for seed in range(2):
        assert found_errors(*reports(240, seed, told=told)) == ([], [])


def test_few_texts_are_judged_in_fewer_dimensions_as_by_all_their_words(monkeypatch):
    """The averaged model is that of scikit-learn on the words themselves."""
    texts, names = reports(200, told=0.15)
    weights = word_weights(texts)
    fitted, judged = np.arange(150), np.arange(150, 200)
    words = MultinomialNB(alpha=class_probabilities.SMOOTHING).fit(weights(fitted), names[fitted])
    together = LogisticRegression(tol=1e-8, max_iter=2_000).fit(weights(fitted), names[fitted])
    logs = [model.predict_log_proba(weights(judged)) for model in (words, together)]
    wanted = np.exp(np.mean(logs, axis=0))
    wanted /= wanted.sum(axis=1, keepdims=True)
    few = class_probabilities.by_words(texts, names, seed=0)(fitted, judged)[1]
    monkeypatch.setattr(class_probabilities, "FEW", 10)
    many = class_probabilities.by_words(texts, names, seed=0)(fitted, judged)[1]
    assert np.abs(few - wanted).max() < 0.005
    assert np.abs(many - wanted).max() < 0.02


def test_more_folds_find_more_of_the_exchanged_labels_of_few_texts():
    """By average precision, over several sets: one set alone may go either way."""

    def precision(seed, folds):
        texts, names = reports(240, seed, told=0.12)
        rng = np.random.default_rng(seed)
        wrong = rng.choice(240, 24, replace=False)
        names[wrong] = (names[wrong] + rng.integers(1, 3, 24)) % 3
        model = class_probabilities.by_words(texts, names, seed=0)
        opinion = judge_labels((model,), names, np.arange(240), seed=seed, folds=folds)
        doubt = -np.log(opinion.probabilities[np.arange(240), names])
        return average_precision_score(np.isin(np.arange(240), wrong), doubt)

    gains = [precision(seed, 20) - precision(seed, 3) for seed in range(4)]
    assert np.mean(gains) > 0.02
