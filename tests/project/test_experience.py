"""What was tried is read back from the notebook, and shared with other projects on request."""

import json
from dataclasses import replace

import pytest

from phoropter.core.errors import CorruptFileError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Metric
from phoropter.project.experience import SHARED, experience, share_experience
from phoropter.project.notebook import Notebook
from phoropter.project.results import STEERING, Step


@pytest.fixture
def notebook(tmp_path):
    """Opens the notebook of a project by name, with a baseline of accuracy 0.8."""
    opened = []

    def make(name, *, metric="accuracy", value=0.8):
        book = Notebook(tmp_path / name / "notebook.sqlite")
        score = Metric(metric, value, 0.7, 0.9, 100)
        facts = {"recipe": Recipe().model_dump(), "score": score}
        book.record_run(f"{name}-a", "baseline", facts)
        book.record_run(f"{name}-a", "part", {"recipe": Recipe().model_dump()})
        opened.append(book)
        return book

    yield make
    for book in opened:
        book.close()


def step(name, number=1, *, delta=0.02, metric="accuracy"):
    return Step(
        number=number,
        finding="undertrained",
        change={"train.epochs": 40},
        advice="Train longer.",
        a=f"{name}-a",
        b=f"{name}-b{number}",
        metric=metric,
        delta=delta,
        low=delta - 0.0392,
        high=delta + 0.0392,
        verdict="undecided",
        accepted=False,
        reason="",
        seconds=1.0,
    )


def test_a_step_is_a_share_of_the_error_that_was_left(notebook):
    book = notebook("p")
    book.record_step(step("p"))
    (one,) = experience(book)
    assert (one.finding, one.kind, one.here) == ("undertrained", "train.epochs up", True)
    assert (one.share, one.gain) == pytest.approx((0.1, 0.02))
    assert one.variance == pytest.approx((0.02 / 0.2) ** 2)


def test_the_users_word_on_a_step_leaves_its_outcome_known(notebook, monkeypatch, tmp_path):
    place = tmp_path / "experience.json"
    monkeypatch.setenv(SHARED, str(place))
    book = notebook("p")
    book.record_step(step("p"))
    measured = experience(book)
    book.record_step(replace(step("p"), number=2, finding=STEERING, accepted=True))
    assert experience(book) == measured
    share_experience(book)
    assert [row["finding"] for row in json.loads(place.read_text()).values()] == ["undertrained"]


def test_of_errors_a_fall_is_a_gain(notebook):
    book = notebook("p", metric="rmse", value=2.0)
    book.record_step(step("p", delta=-0.5, metric="rmse"))
    (one,) = experience(book)
    assert (one.share, one.gain) == pytest.approx((0.25, 0.5))


@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_where_no_error_was_left_nothing_is_learnt(notebook, value):
    book = notebook("p", value=value)
    book.record_step(step("p"))
    assert experience(book) == ()


def test_without_a_file_nothing_is_shared(notebook, monkeypatch, tmp_path):
    monkeypatch.delenv(SHARED, raising=False)
    book = notebook("p")
    book.record_step(step("p"))
    share_experience(book)
    assert [one.here for one in experience(book)] == [True]
    assert {path.name for path in tmp_path.iterdir()} == {"p"}


def test_projects_learn_from_each_other_where_a_file_is_named(notebook, monkeypatch, tmp_path):
    place = tmp_path / "kept" / "experience.json"
    monkeypatch.setenv(SHARED, str(place))
    first, second = notebook("p"), notebook("q")
    first.record_step(step("p", 1))
    first.record_step(step("p", 2, delta=-0.02))
    for _ in range(2):
        share_experience(first)
    assert len(json.loads(place.read_text())) == 2
    second.record_step(step("q"))
    share_experience(second)
    assert [(one.here, round(one.share, 3)) for one in experience(second)] == [
        (True, 0.1),
        (False, 0.1),
        (False, -0.1),
    ]
    assert sum(one.here for one in experience(first)) == 2
    assert "q-a/q-b1" in json.loads(place.read_text())


@pytest.mark.parametrize("content", ["{", "[]", '{"a/b": {"finding": "x"}}', '{"a/b": 3}'])
def test_a_damaged_file_is_refused(notebook, monkeypatch, tmp_path, content):
    place = tmp_path / "experience.json"
    place.write_text(content)
    monkeypatch.setenv(SHARED, str(place))
    with pytest.raises(CorruptFileError, match=r"experience\.json"):
        experience(notebook("p"))


def test_the_error_is_what_is_left_to_the_end_of_the_metrics_range(notebook, own_metric):
    percent, points = own_metric("percent"), own_metric("points")
    book = notebook("p", metric=percent, value=37.0)
    book.record_step(step("p", delta=6.3, metric=percent))
    (one,) = experience(book)
    assert (one.share, one.gain) == pytest.approx((0.1, 6.3))
    endless = notebook("q", metric=points, value=0.37)
    endless.record_step(step("q", metric=points))
    assert experience(endless) == ()
