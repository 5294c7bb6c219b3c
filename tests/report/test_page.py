"""The page tells the numbers it was given, to everybody, and asks nobody for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from phoropter.core.checklist import Item
from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding, Metric, Prescription, Split
from phoropter.core.run_records import Gate
from phoropter.report.figures.confusion import MOST_CLASSES
from phoropter.report.page import render, write_report


@pytest.fixture(scope="module")
def page(digits_content, page_of):
    return page_of(render(digits_content))


@pytest.fixture(scope="module")
def values_page(values_content, page_of):
    return page_of(render(values_content))


def test_it_is_well_formed(page, values_page):
    for one in (page, values_page):
        assert one.open == []
        ids = [attrs["id"] for _, attrs in one.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        targets = [attrs["href"][1:] for attrs in one.all("a")]
        assert set(targets) <= set(ids)


def test_headline_is_the_sealed_test(page, digits_content):
    accuracy = next(m for m in digits_content.test if m.name == "accuracy")
    said = page.said("head")
    assert f"{accuracy.value:.3f}" in said
    assert f"between {accuracy.low:.3f} and {accuracy.high:.3f}" in said
    assert f"sealed test part, {accuracy.n} samples" in said
    assert "comparisonsonvalidation3" in said.replace(" ", "")
    assert "the best simple model, random_forest" in said


def test_sections_come_in_order(page):
    assert list(page.text)[2:] == [
        "data", "split", "ladder", "steps", "final", "mistakes", "test", "limits", "again",
    ]  # fmt: skip


def test_data_and_split_are_told(page):
    data, split = page.said("data"), page.said("split")
    for fact in ("digit 3/broken.png", "the file is empty", "exact-duplicates", "PNG", "899"):
        assert fact in data
    assert "6:2:2, stratified by class" in split
    for count in re.findall(r"(?:training|validation|test) (\d+)", split):
        assert int(count) > 100


def test_steps_are_told_with_their_verdicts(page):
    said = page.said("steps")
    for fact in (
        "+0.041", "[+0.021, +0.061]", "better", "adopted", "−0.052", "worse", "refused",
        "undecided",
        "--set train.lr=0.003", "--set data.augment.preset=strong", "20 s",
    ):  # fmt: skip
        assert fact in said, fact


def test_a_check_that_had_no_time_is_not_called_sound(digits_content, page_of):
    gates = (
        Gate("no-gradient", 0.0, 0.0, passed=True),
        Gate("cannot-overfit-batch", 1.1, 0.05, passed=True, evidence={"timed_out": True}),
    )
    final = replace(digits_content.final, gates=gates)
    said = page_of(render(replace(digits_content, final=final))).said("final")
    assert "no-gradient00sound" in said
    assert "cannot-overfit-batch1.10.05no time to tell" in said


def test_parts_and_conclusions_say_what_they_rest_on(digits_content, page_of):
    said = "Nothing helped."
    rests = {said: ("r1", "r2"), "data": ("data/index.parquet ab12",), "mistakes": ("r1",)}
    page = page_of(render(replace(digits_content, conclusion=(said,), rests=rests)))
    assert "Nothing helped. Rests on r1, r2" in " ".join(page.said("head").split())
    assert page.said("data").rstrip().endswith("Rests on data/index.parquet ab12")
    assert "Rests on r1" in page.said("mistakes")
    assert "Rests on" not in page.said("split")


def test_the_checklist_is_there_with_what_it_rests_on(digits_content, page_of):
    items = (
        Item("data", "The data have been looked at.", True, "3 findings.", "data/issues.csv"),
        Item("baseline", "The set-up passed.", False, "", "", "phoropter run digits"),
    )
    text = page_of(render(replace(digits_content, checklist=items))).said("checklist")
    assert "1 of 2 things" in text
    assert "Done: The data have been looked at." in " ".join(text.split())
    assert "data/issues.csv" in text
    assert "What would tick it: phoropter run digits" in " ".join(text.split())
    korean = page_of(render(replace(digits_content, checklist=items), lang="ko"))
    assert "데이터를 살펴보았습니다." in korean.said("checklist")


def test_final_run_is_told(page, digits_content):
    said = page.said("final")
    for fact in (
        "12 epochs, 108 steps", "no more progress", "overfit", "weights kept",
        "expected gain +0.01", "--set train.weight_decay=0.05", "loss-at-init", "2.303",
    ):  # fmt: skip
        assert fact in said, fact
    for metric in digits_content.final.metrics:
        assert metric.name in said


def test_confusion_counts_and_class_scores_are_there(page, digits_content):
    predictions = digits_content.validation
    said = page.said("mistakes")
    hits = np.bincount(predictions.truth[predictions.predicted == predictions.truth], minlength=10)
    for name, count in zip(predictions.classes, hits, strict=True):
        assert f"{name} → {name}: {count} (" in said


def test_pictures_are_data_of_training_and_validation(page, digits_content):
    parts = dict(
        zip(digits_content.split.table["id"], digits_content.split.table["part"], strict=True)
    )
    images = page.all("img")
    assert len(images) > 50
    for image in images:
        assert image["src"].startswith("data:image/jpeg;base64,")
        assert parts[image["alt"]] in {"train", "val"}


def test_nothing_is_loaded_from_anywhere(digits_content, page):
    for tag, attrs in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, attrs)
    html = render(digits_content)
    assert "@import" not in html
    assert "url(" not in html
    policy = next(attrs for attrs in page.all("meta") if "http-equiv" in attrs)
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_everybody_can_read_it(page, values_page):
    for one in (page, values_page):
        assert one.all("html")[0]["lang"] == "en"
        assert all(image.get("alt") for image in one.all("img"))
        assert all(chart["role"] == "img" and chart["aria-label"] for chart in one.all("svg"))
        assert all("scope" in attrs for attrs in one.all("th"))
        assert any(attrs.get("name") == "viewport" for attrs in one.all("meta"))
        tables = [index for index, (tag, _) in enumerate(one.tags) if tag == "table"]
        for index in tables:
            assert any(tag == "th" for tag, _ in one.tags[index : index + 12])


def test_it_is_small_and_the_same_every_time(digits_content, tmp_path):
    first = write_report(digits_content, tmp_path / "a.html")
    second = write_report(digits_content, tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 400_000
    assert first.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_sealed_project_without_training_says_so(values_page):
    head = values_page.said("head")
    assert "The test part is still sealed" in head
    assert "The simple model wins" in head
    assert "rmse on the validation part" in head
    assert "no learning curve" in values_page.said("final")
    assert "The test part is sealed" in values_page.said("test")
    assert "No change was tried" in values_page.said("steps")
    assert "ladder" not in values_page.text
    assert "prediction by truth" in values_page.said("mistakes")


def test_hostile_words_stay_words(digits_content, page_of):
    evil = "<script>alert(1)</script>\"'><img src=http://x>"
    dataset, old = digits_content.dataset, "digit 3"
    table = dataset.table.with_columns(pl.col("label").replace(old, evil))
    classes = tuple(evil if name == old else name for name in digits_content.validation.classes)
    finding = Finding(
        "overfit", "critical", 1.0, evil, {evil: {evil: [evil]}},
        (Prescription({"train.lr": 1}, evil, None, 1.0, evil),),
    )  # fmt: skip
    page = page_of(
        render(
            replace(
                digits_content,
                name=evil,
                why_primary=evil,
                dataset=replace(dataset, table=table, description=evil),
                validation=replace(digits_content.validation, classes=classes),
                final=replace(digits_content.final, findings=(finding,)),
                data_findings=(finding,),
                split=Split(digits_content.split.table, (evil,), 0),
                conclusion=(evil,),
                limits=(evil,),
                commands=(evil,),
                machine={evil: evil},
                test_parts={evil: digits_content.test},
            )
        )
    )
    assert page.open == []
    assert page.all("script") == []
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert evil in page.text["head"]


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_checks_that_there_was_no_time_for_are_named_beside_what_was_found(
    digits_content, page_of, lang
):
    left_out = ("label-errors", "near-duplicates")
    content = replace(digits_content, data_findings=(), checks_left_out=left_out)
    page = page_of(render(content, lang=lang))
    for section in ("data", "limits"):
        assert "label-errors, near-duplicates" in page.text[section]
    assert "near-duplicates" not in page_of(render(digits_content, lang=lang)).text["limits"]


@pytest.mark.parametrize("missing", ["pictures", "ladder", "steps", "history", "findings", "runs"])
def test_what_is_missing_is_left_out(digits_content, missing, page_of):
    empty = {"pictures": {}, "ladder": {}, "steps": (), "runs": ()}
    if missing in empty:
        content = replace(digits_content, **{missing: empty[missing]})
    else:
        content = replace(digits_content, final=replace(digits_content.final, **{missing: ()}))
    assert page_of(render(content)).open == []


def test_numbers_that_are_none_do_not_show(digits_content):
    nothing = Metric("accuracy", float("nan"), float("nan"), float("nan"), 0)
    rows = [
        replace(row, val_loss=float("nan"), val_metric=None) for row in digits_content.final.history
    ]
    final = replace(digits_content.final, metrics=(nothing,), history=tuple(rows))
    html = render(replace(digits_content, final=final, test=(nothing,)))
    text = re.sub(r"base64,[^\"]*", "", html)
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", text)


def test_nothing_helped_and_often_opened_are_said(digits_content, page_of):
    steps = tuple(replace(step, accepted=False) for step in digits_content.steps)
    said = page_of(render(replace(digits_content, steps=steps, openings=3))).said("head")
    assert "Nothing helped: of 3 changes tried" in said
    assert "opened 3 times" in said


@pytest.mark.parametrize(("openings", "often"), [(1, "once"), (3, "3 times")])
def test_a_seal_that_was_opened_for_another_run_is_not_called_unbroken(
    digits_content, page_of, openings, often
):
    page = page_of(render(replace(digits_content, test=(), openings=openings)))
    for section in ("head", "test"):
        said = page.said(section)
        assert f"The test part was opened {often}, but not for this run." in said
        assert "part is" not in said
    assert "The number above comes from the validation part" in page.said("head")
    assert "This run has not been measured on the test part." in page.said("limits")


def test_of_several_openings_none_is_said_to_have_waited_for_the_choice(digits_content, page_of):
    once, often = (
        page_of(render(replace(digits_content, openings=count))).said("test") for count in (1, 3)
    )
    assert "The test part was opened once, after the model had been chosen." in once
    assert "The test part was opened 3 times." in often


@pytest.mark.parametrize(
    ("ends", "told"), [((0.8, 0.96), True), ((0.9, 0.9), False), ((np.nan, np.nan), False)]
)
def test_what_few_samples_cannot_show_is_said_where_it_is_known(
    digits_content, page_of, ends, told
):
    few = Metric("accuracy", 0.9, *ends, 50)
    said = page_of(render(replace(digits_content, test=(few,)))).said("limits")
    assert ("Only 50 samples were tested; differences below about 0.08" in said) is told


def test_a_page_without_pictures_speaks_of_none(digits_content, page_of):
    page = page_of(render(replace(digits_content, pictures={})))
    assert "picture" not in page.said("mistakes") + page.said("limits")


def test_a_run_that_was_given_up_says_why(digits_content, page_of):
    summary = replace(digits_content.final.summary, stopped_by="losing")
    final = replace(digits_content.final, summary=summary)
    said = page_of(render(replace(digits_content, final=final))).said("final")
    assert "it was far behind the run that it was to beat" in said


def test_a_simple_model_that_is_not_beaten_wins(digits_content, page_of):
    ladder = {"knn": Metric("accuracy", 0.999, 0.99, 1.0, 181)}
    said = page_of(render(replace(digits_content, ladder=ladder))).said("head")
    assert "The simple model wins: knn, with accuracy 0.999" in said


def test_many_classes_get_a_table_of_mistakes(digits_content, page_of):
    count = MOST_CLASSES + 6
    draws = np.random.default_rng(0)
    names = tuple(f"class {i}" for i in range(count))
    predictions = ClassPredictions(
        np.array([f"s{i}" for i in range(300)]),
        draws.integers(0, count, 300),
        draws.dirichlet(np.ones(count), 300),
        names,
    )
    page = page_of(render(replace(digits_content, validation=predictions)))
    assert "Truth by prediction" not in page.said("mistakes")
    assert "Most frequent mistakes" in page.said("mistakes")


def test_rows_of_unknown_truth_are_left_out(digits_content, page_of):
    predictions = digits_content.validation
    truth = predictions.truth.copy()
    truth[::2] = -1
    assert (
        page_of(render(replace(digits_content, validation=replace(predictions, truth=truth)))).open
        == []
    )


def test_unknown_languages_are_refused(digits_content):
    with pytest.raises(UsageError, match="'xx'"):
        render(digits_content, lang="xx")


def test_no_torch_is_needed():
    program = "import sys, phoropter.report.page; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
