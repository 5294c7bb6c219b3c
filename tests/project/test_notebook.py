import math
import os
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from phoropter.cli.layout import signed
from phoropter.core.errors import CorruptFileError, StorageError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Comparison, Finding, Prescription
from phoropter.project.judging import judge
from phoropter.project.notebook import Notebook
from phoropter.project.reporting import report_step
from phoropter.project.results import Step

STEP = Step(
    number=1,
    finding="overfit",
    change={"train.epochs": 3, "train.clip": None},
    advice="Train for less long.",
    a="first",
    b="second",
    metric="accuracy",
    delta=0.01,
    low=-0.01,
    high=0.03,
    verdict="undecided",
    accepted=False,
    reason="Not shown to help.",
    seconds=1.5,
)
COMPARISON = Comparison("first", "second", "accuracy", 0.1, 0.05, 0.15, 0.001, 1, "better")


@pytest.fixture
def notebook(tmp_path):
    opened = Notebook(tmp_path / "deep" / "notebook.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def reopened(tmp_path, notebook):
    def again():
        notebook.close()
        return Notebook(tmp_path / "deep" / "notebook.sqlite")

    return again


def test_an_empty_notebook(notebook):
    assert (notebook.looks, notebook.openings) == (0, 0)
    assert notebook.steps() == notebook.runs() == notebook.last_look()[0] == ()
    assert notebook.comparison("a", "b") is None


def test_what_was_noted_is_there_after_opening_again(notebook, reopened):
    notebook.record_step(STEP)
    notebook.record_step(replace(STEP, number=2, delta=float("nan")))
    notebook.record_comparison(COMPARISON)
    notebook.record_opening("first", {"metrics": [1, float("inf")]})
    notebook.record_run("first", "baseline", {"recipe": Recipe().model_dump()})
    again = reopened()
    first, second = again.steps()
    assert first == STEP
    assert second.number == 2
    assert math.isnan(second.delta)
    assert signed(second.delta) == "nan"  # on the screen
    assert report_step(second).delta is None
    assert again.comparison("first", "second") == COMPARISON
    assert again.comparison("second", "first") is None
    assert (again.looks, again.openings) == (1, 1)
    ((run, role, facts),) = again.runs()
    assert (run, role, Recipe.model_validate(facts["recipe"])) == ("first", "baseline", Recipe())
    again.record_step(STEP)
    assert len(again.steps()) == 3
    again.close()


def test_a_run_is_noted_each_time_it_is_asked_for(notebook):
    asked = (("a", "single"), ("b", "ladder"), ("a", "baseline"), ("b", "ladder"))
    for run, role in asked:
        notebook.record_run(run, role, {})
    assert notebook.runs() == tuple((run, role, {}) for run, role in asked)


def test_data_and_split_are_noted_once(notebook, tmp_path):
    for _ in range(2):
        notebook.record_dataset("d1", {"samples": 3})
        notebook.record_split("s1", {"parts": {"train": 1}})
    notebook.record_dataset("d2", {"samples": 4})
    with sqlite3.connect(tmp_path / "deep" / "notebook.sqlite") as file:
        counts = [
            file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("datasets", "splits")
        ]
    file.close()
    assert counts == [2, 1]


def test_findings_on_the_data_are_each_said_once(notebook):
    cure = Prescription({}, "Look at them.", None, 0.0, "because")
    blurred = Finding("low-resolution", "info", 0.5, "Some are blurred.", {"n": 3}, (cure,))
    twice = replace(blurred, message="Some are there twice.")
    notebook.record_findings("data", [blurred, twice, blurred])
    notebook.record_findings("some run", [replace(blurred, message="Elsewhere.")])
    found = notebook.last_look()[0]
    assert [finding.message for finding in found] == [blurred.message, twice.message]
    assert found[0] == blurred


def test_only_the_latest_look_says_what_the_data_are_like(notebook):
    blurred = Finding("low-resolution", "info", 0.5, "Some are blurred.", {})
    twice = replace(blurred, message="Some are there twice.")
    notebook.record_findings("data", [blurred, twice])
    notebook.record_findings("data", [twice])
    assert [finding.message for finding in notebook.last_look()[0]] == [twice.message]
    notebook.record_findings("data", [])
    assert notebook.last_look()[0] == ()


def test_only_the_latest_look_says_what_there_was_no_time_for(notebook):
    assert notebook.last_look()[1] == ()
    notebook.record_findings("data", [], left_out=("label-errors", "outliers"))
    assert notebook.last_look()[1] == ("label-errors", "outliers")
    notebook.record_findings("data", [])
    assert notebook.last_look()[1] == ()


def test_a_pair_that_was_compared_before_is_no_new_look(notebook, record, speakers):
    good, poor = (record(name, spoken) for name, spoken in speakers.items())
    first = judge(poor, good, notebook)
    assert (first.comparison.looks, notebook.looks) == (1, 1)
    assert first.comparison.verdict == "better"
    again = judge(poor, good, notebook)
    assert again == first
    assert notebook.looks == 1
    reverse = judge(good, poor, notebook)
    assert (reverse.comparison.looks, notebook.looks) == (2, 2)
    assert reverse.comparison.delta == -first.comparison.delta
    assert reverse.threshold < first.threshold
    assert judge(poor, good, notebook) == first


def test_a_pair_is_compared_once_where_its_metric_is_not_defined(notebook, record, speakers):
    """Of a single class there is no ranking."""
    sides = []
    for name, spoken in speakers.items():
        one_class = spoken.take(np.flatnonzero(spoken.truth == 0))
        sides.append(record(name, one_class, metric="roc_auc"))
    first = judge(*sides, notebook)
    again = judge(*sides, notebook)
    assert np.isnan([again.comparison.delta, again.comparison.low, again.comparison.high]).all()
    assert again.comparison.verdict == first.comparison.verdict == "undecided"
    assert notebook.looks == 1
    defined = [record(side.path.name, speakers[side.path.name], metric="roc_auc") for side in sides]
    assert judge(*defined, notebook).comparison.delta < 0
    assert notebook.looks == 2


def test_looks_are_counted_across_openings(reopened, record, speakers):
    good, poor = (record(name, spoken) for name, spoken in speakers.items())
    opened = reopened()
    first = judge(good, poor, opened)
    opened.close()
    opened = reopened()
    assert judge(good, poor, opened) == first
    assert opened.looks == 1
    opened.close()


@pytest.mark.parametrize(
    "content", [b"this is no database" * 100, b"SQLite format 3\0" + bytes(4000)]
)
def test_a_file_that_is_no_notebook(tmp_path, content):
    path = tmp_path / "notebook.sqlite"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError) as caught:
        Notebook(path)
    assert str(path) in caught.value.message
    assert path.read_bytes() == content


def test_a_page_overwritten_in_the_middle(tmp_path):
    path = tmp_path / "notebook.sqlite"
    opened = Notebook(path)
    opened.record_step(replace(STEP, advice="Train for less long. " * 5000))
    opened.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 4] + bytes([255]) * len(content))

    def read():
        again = Notebook(path)
        try:
            return again.steps()
        finally:
            again.close()

    with pytest.raises(CorruptFileError, match="cannot be used"):
        read()


def test_words_that_are_no_json(tmp_path, notebook):
    notebook.record_step(STEP)
    with sqlite3.connect(tmp_path / "deep" / "notebook.sqlite") as file:
        file.execute("UPDATE steps SET facts = '{\"half'")
    file.close()
    with pytest.raises(CorruptFileError):
        notebook.steps()


def test_a_notebook_whose_place_is_taken(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Notebook(tmp_path / "file" / "notebook.sqlite")


def test_a_changed_number_is_no_answer(tmp_path, notebook):
    notebook.record_step(STEP)
    with sqlite3.connect(tmp_path / "deep" / "notebook.sqlite") as file:
        file.execute("UPDATE steps SET facts = replace(facts, '\"number\": 1', '\"number\": 2')")
    file.close()
    with pytest.raises(CorruptFileError, match="has changed"):
        notebook.steps()


@pytest.mark.skipif(os.name == "nt", reason="has no such limit")
def test_a_notebook_that_may_not_grow(tmp_path, notebook):
    import resource

    notebook.record_step(STEP)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            notebook.record_step(replace(STEP, number=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert notebook.steps() == (STEP,)
