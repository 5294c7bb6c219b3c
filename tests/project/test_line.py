"""The whole line on noisy digits: made once, then looked at from many sides."""

import json
import shutil
import sqlite3
import time
from collections import Counter
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import phoropter
from phoropter.core.errors import CorruptFileError, InputError, UsageError
from phoropter.core.events import Note
from phoropter.core.files import plain, read_json
from phoropter.core.recipe import read_recipe
from phoropter.data.split import read_split
from phoropter.project.conclusion import UNSEARCHED
from phoropter.project.run_record import read_run

SMALL = {"train.epochs": 6, "model.width": 8, "model.depth": 2, "train.numerics": "float32"}
CLASSES = ["eight", "nine", "three"]


def make_line(folder, write_digits):
    heard = []
    result = phoropter.run(
        write_digits(folder / "digits", each=80),
        project=folder / "p.phoropter",
        settings=SMALL,
        budget_s=25,
        listener=heard.append,
    )
    return result, heard


@pytest.fixture(scope="module")
def line(shared, write_digits):
    """The result of one run of everything, its folder, and what was said meanwhile."""
    folder, (result, heard) = shared("line", lambda folder: make_line(folder, write_digits))
    return folder, result, heard


@pytest.fixture
def result(line):
    return line[1]


@pytest.fixture
def project(line):
    """The finished project, to be read."""
    return line[0] / "p.phoropter"


@pytest.fixture
def copy(project, tmp_path):
    """The finished project, to be changed."""
    shutil.copytree(project, tmp_path / "copy")
    return tmp_path / "copy"


def rows(project, table):
    connection = sqlite3.connect(project / "notebook.sqlite")
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    finally:
        connection.close()


def times(folder):
    """Of every file but what is said of the run, which is said anew whenever it is asked."""
    said = {"findings.json", "curves.html"}
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files if path.name not in said}


def test_the_primary_metric_and_its_reason(result):
    assert result.primary == "accuracy"
    assert "balanced" in result.why_primary
    for scores in (result.baseline, result.validation, result.test):
        assert scores.primary.name == "accuracy"
        assert scores.primary in scores.metrics
        assert scores.primary.low <= scores.primary.value <= scores.primary.high
    assert result.test_parts == {}


def test_every_sample_is_in_one_part_and_each_part_is_measured_whole(result, project):
    parts = Counter(read_split(project / "data" / "split.parquet").table["part"])
    assert sum(parts.values()) == 240
    assert result.validation.primary.n == parts["val"]
    assert result.test.primary.n == parts["test"]


def test_the_steps_lead_from_the_baseline_to_the_chosen_run(result, project):
    assert result.steps, "something had to be tried: the baseline is poor"
    assert [step.number for step in result.steps] == list(range(1, len(result.steps) + 1))
    reference = result.steps[0].a
    for step in result.steps:
        assert step.a == reference
        reference = step.b if step.accepted else reference
    assert reference == result.run
    roles = {run: role for _, _, run, role, _ in rows(project, "runs")}
    assert roles[result.steps[0].a] == "baseline"


def test_a_step_changes_what_it_says_and_nothing_else(result, project):
    for step in result.steps:
        before, after = (
            read_recipe(project / "runs" / run / "recipe.yaml") for run in (step.a, step.b)
        )
        wanted = before.changed(step.change)
        assert after == wanted.changed({"train.epochs": after.train.epochs})
        assert after.train.epochs <= wanted.train.epochs
        assert step.reason
        assert step.advice
        assert step.low <= step.delta <= step.high


def test_the_difference_of_a_step_is_that_of_its_runs(result, project):
    for step in result.steps:
        a, b = (read_run(project / "runs" / run) for run in (step.a, step.b))
        assert step.delta == pytest.approx(b.score.value - a.score.value)
    assert read_run(project / "runs" / result.run).score == result.validation.primary


def test_every_comparison_is_a_look_and_the_seal_was_opened_once(result, project):
    assert result.looks == len(result.steps) == len(rows(project, "comparisons"))
    assert result.openings == len(rows(project, "openings")) == 1


def test_the_budget_was_kept(result):
    assert 0 < result.seconds < 40
    assert result.stopped_by in {"budget", "nothing worth trying"}


def test_the_simple_models_were_fitted_first(project):
    roles = [role for *_, role, _ in rows(project, "runs")]
    assert roles[:5] == ["ladder"] * 4 + ["baseline"]
    assert set(roles[5:]) <= {"candidate"}


def test_what_is_concluded(result):
    on_changes, *others = result.conclusion
    assert f"{len(result.steps)} changes tried" in on_changes
    judged = [sentence for sentence in others if sentence.startswith("How changes were judged: ")]
    assert len(judged) == bool(result.steps)
    assert any("simple model" in sentence for sentence in others)
    assert all("flatters" in sentence for sentence in others[len(judged) + 1 :])


def test_the_files_of_a_project(project, result):
    for name in (
        "project.yaml",
        "notebook.sqlite",
        "ending.json",
        "data/index.parquet",
        "data/split.parquet",
        "report.html",
        "model/model.safetensors",
        "model/model.onnx",
        "model/bundle.yaml",
        "model/README.md",
    ):
        assert (project / name).stat().st_size > 0, name
    assert (result.bundle, result.report) == (str(project / "model"), str(project / "report.html"))
    assert list(project.rglob("*.part")) == []


def test_the_files_of_a_run(project):
    for folder in (project / "runs").iterdir():
        names = {path.name for path in folder.iterdir()}
        assert {"recipe.yaml", "run.json", "predictions.parquet", "checkpoint"} <= names
        record = read_run(folder)
        assert record.summary.run == folder.name
        if record.summary.epochs:
            assert "history.jsonl" in names
            assert len(record.history) == record.summary.epochs + 1
            assert [row.epoch for row in record.history] == list(range(record.summary.epochs + 1))
            assert record.gates


def test_the_page_tells_of_the_project(project, result):
    page = (project / "report.html").read_text("utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert result.run in page
    assert 'src="http' not in page


def test_the_result_is_json_without_nan(result):
    document = json.loads(json.dumps(plain(result), allow_nan=False))
    assert set(document) == set(asdict(result))


def test_the_listener_heard_of_every_stage(line):
    notes = [event.text for event in line[2] if isinstance(event, Note)]
    order = ["class folders", "Split: ", "Tiny images", "majority: ", "Baseline cnn: ", "Step 1 ("]
    places = [next(at for at, text in enumerate(notes) if start in text) for start in order]
    assert all(a < b for a, b in pairwise(places))
    assert "The seal was opened (opening 1)." in notes


def test_the_bundle_says_of_the_test_images_what_was_reported(line, project, result):
    split = read_split(project / "data" / "split.parquet").table
    tested = split.filter(split["part"] == "test")["id"].to_list()
    files = [line[0] / "digits" / name for name in tested]
    spoken = phoropter.predict(project / "model", files)
    assert [row["path"] for row in spoken] == [str(file) for file in files]
    right = [row["prediction"] == Path(row["path"]).parent.name for row in spoken]
    assert np.mean(right) == pytest.approx(result.test.primary.value)
    for row in spoken:
        assert set(row["probabilities"]) == set(CLASSES)
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        assert row["probability"] == max(row["probabilities"].values())


def test_evaluating_a_run_again_gives_the_same_numbers(project, result):
    for word in (result.run, result.run[:8]):
        again = phoropter.evaluate(word, project=project)
        assert again.metrics == result.validation.metrics
    assert phoropter.evaluate(project / "runs" / result.run) == again


def test_diagnosing_every_run(project):
    for folder in (project / "runs").iterdir():
        found = phoropter.diagnose(folder)
        assert found.run == folder.name
        assert set(found.limits) == {"noise_floor", "bias", "variance", "shift"}
        assert read_json(folder / "findings.json") == plain(found.findings)
        for finding in found.findings:
            assert finding.severity in {"info", "warning", "critical"}
            for cure in finding.prescriptions:
                read_recipe(folder / "recipe.yaml").changed(cure.change)


def test_testing_again_is_another_opening_with_the_same_numbers(copy, result):
    again = phoropter.test(copy)
    assert (again.run, again.openings) == (result.run, 2)
    assert again.metrics == result.test.metrics
    baseline = phoropter.test(copy, run=result.steps[0].a)
    assert (baseline.run, baseline.openings) == (result.steps[0].a, 3)


def test_the_same_run_is_never_trained_twice(line, copy, result):
    baseline = copy / "runs" / result.steps[0].a
    before = times(baseline)
    begun = time.perf_counter()
    again = phoropter.train(line[0] / "digits", project=copy, settings=SMALL)
    assert time.perf_counter() - begun < 10
    assert again.run == baseline.name
    assert again.metrics == result.baseline.metrics
    assert times(baseline) == before


def test_comparing_twice_is_one_look(copy, result):
    step = result.steps[-1]
    again = phoropter.compare(step.a, step.b, project=copy)
    assert (again.delta, again.looks) == (step.delta, result.looks)
    assert len(rows(copy, "comparisons")) == result.looks
    reverse = phoropter.compare(step.b, step.a, project=copy)
    assert (reverse.delta, reverse.looks) == (-step.delta, result.looks + 1)
    assert phoropter.compare(step.b, step.a, project=copy) == reverse


def test_runs_of_two_projects_are_not_compared(copy, project, result):
    with pytest.raises(UsageError, match="different projects"):
        phoropter.compare(project / "runs" / result.run, copy / "runs" / result.run)


def test_improving_goes_on_where_the_line_ended(copy, result):
    more = phoropter.improve(copy, settings={"model.name": "logistic"}, budget_s=11)
    assert more.steps[: len(result.steps)] == result.steps
    first = more.steps[len(result.steps)]
    assert (first.number, first.a) == (len(result.steps) + 1, result.run)
    assert (first.finding, first.change) == ("idea", {"model.name": "logistic"})
    assert more.baseline == result.baseline
    assert more.openings == 1 + (more.run != result.run)
    assert more.looks >= result.looks + 1


def test_without_optuna_it_is_said_that_no_recipes_were_searched(copy, monkeypatch):
    monkeypatch.setattr("phoropter.project.steps.has_search", lambda: False)
    monkeypatch.setattr("phoropter.improvement.loop.LEAST_SEARCH_S", -1e9)
    heard = []
    result = phoropter.improve(copy, budget_s=1, listener=heard.append)
    assert heard.count(Note(UNSEARCHED)) == 1
    assert UNSEARCHED in plain(result)["conclusion"]
    for lang in ("en", "ko"):
        page = Path(phoropter.report(copy, lang=lang).report).read_text(encoding="utf-8")
        assert "phoropter[tune]" in page
        assert ("No recipes were searched" in page) == (lang == "en")


def test_running_again_goes_on_from_the_best_run_and_trains_nothing_twice(line, copy, result):
    before = times(copy / "runs" / result.steps[0].a)
    again = phoropter.run(line[0] / "digits", project=copy, settings=SMALL, budget_s=11)
    assert times(copy / "runs" / result.steps[0].a) == before
    assert again.steps[: len(result.steps)] == result.steps
    assert again.baseline == result.baseline
    assert again.openings == 1 + (again.run != result.run)
    if again.run == result.run:
        assert again.test == result.test
    if len(again.steps) == len(result.steps):
        assert again.run == result.run


def test_looking_and_splitting_again_say_the_same(line, copy):
    looked = phoropter.look(line[0] / "digits", project=copy)
    assert (looked.samples, looked.task, looked.layout) == (240, "classification", "folders")
    assert looked.classes == dict.fromkeys(CLASSES, 80)
    assert looked.rejected == ()
    one, two = (phoropter.split(line[0] / "digits", project=copy, seed=seed) for seed in (0, None))
    assert one == two
    with pytest.raises(UsageError, match="split with the seed 0, got 7"):
        phoropter.split(line[0] / "digits", project=copy, seed=7)
    assert sum(one.parts.values()) == 240


def test_the_page_is_written_anew_in_korean(copy):
    before = (copy / "report.html").read_text("utf-8")
    page = phoropter.report(copy, lang="ko").report
    assert page == str(copy / "report.html")
    assert Path(page).read_text("utf-8") != before


def test_a_run_is_exported_anywhere(copy, result, tmp_path):
    run = result.steps[0].a
    exported = phoropter.export(run, project=copy, to=tmp_path / "there")
    assert exported.run == run
    assert exported.bundle == str(tmp_path / "there")
    assert exported.verified > 0
    assert exported.largest_difference < 1e-3
    assert set(exported.files) == {path.name for path in (tmp_path / "there").iterdir()}


def test_a_damaged_run_is_told(copy, result):
    folder = copy / "runs" / result.run
    for name in ("predictions.parquet", "run.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(CorruptFileError, match=name):
            phoropter.evaluate(folder)
        (folder / name).write_bytes(content)
    phoropter.evaluate(folder)


def test_a_project_whose_data_are_gone(copy):
    settings = copy / "project.yaml"
    settings.write_text(settings.read_text().replace("digits", "gone"))
    with pytest.raises(InputError, match="gone"):
        phoropter.test(copy)


def test_other_data_than_those_that_were_split(write_digits, tmp_path):
    data = write_digits(tmp_path / "d", each=12)
    before = phoropter.split(data, project=tmp_path / "p")
    (data / "nine" / "0.png").rename(data / "nine" / "new.png")
    for again in (phoropter.split, phoropter.look, phoropter.train):
        with pytest.raises(InputError) as caught:
            again(data, project=tmp_path / "p")
        assert "1 samples are new and 1 are gone" in caught.value.message
        assert "new project" in caught.value.hint
    (data / "nine" / "new.png").rename(data / "nine" / "0.png")
    assert phoropter.split(data, project=tmp_path / "p") == before


def test_a_run_that_was_trained_by_hand_may_become_the_baseline(write_digits, tmp_path):
    data = write_digits(tmp_path / "d", each=12)
    quick = {"model.name": "mlp", "train.epochs": 1, "train.numerics": "float32"}
    alone = phoropter.train(data, project=tmp_path / "p", settings=quick)
    result = phoropter.run(data, project=tmp_path / "p", settings=quick, budget_s=12)
    assert result.baseline.metrics == alone.metrics
    assert {role for _, _, run, role, _ in rows(tmp_path / "p", "runs") if run == alone.run} == {
        "single",
        "baseline",
    }


def test_a_project_without_a_run(write_digits, tmp_path):
    data = write_digits(tmp_path / "d", each=12)
    phoropter.split(data, project=tmp_path / "p")
    with pytest.raises(UsageError, match="has no run yet"):
        phoropter.test(tmp_path / "p")
    with pytest.raises(InputError, match="no baseline to improve on"):
        phoropter.improve(tmp_path / "p")


def test_a_finished_project_is_ticked_by_its_records(copy, result):
    found = phoropter.checklist(copy)
    done = {item.what: item for item in found.items if item.done}
    assert done["Simple models have been measured on the same samples."].evidence
    assert "The sealed test part was opened once, for the chosen run." in done
    assert any("bundle" in what for what in done)
    steps = done.get("Changes have been tried one at a time and compared on the same samples.")
    assert (steps is not None) == bool(result.steps)
    page = Path(result.report).read_text(encoding="utf-8")
    assert 'id="checklist"' in page
    assert "What would tick it:" in page
