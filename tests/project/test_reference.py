"""What the loop builds upon, where it was stopped, deleted or learnt from labels of yesterday."""

import shutil
import time
from pathlib import Path

import pytest

import phoropter
from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.recipe import Recipe
from phoropter.data.corrections import Correction, relabelled, write_corrections
from phoropter.project.bench import ProjectBench
from phoropter.project.folder import Folder
from phoropter.project.judging import read_ladder
from phoropter.project.opened import existing, started
from phoropter.project.options import Options
from phoropter.project.reference import baseline_run, gone_on, reference_so_far, standing

MLP = Recipe().changed(
    {
        "data.size": 8,
        "data.channels": 1,
        "data.normalize": "data",
        "model.name": "mlp",
        "model.pretrained": False,
        "train.epochs": 20,
        "train.patience": 0,
        "train.numerics": "float32",
    }
)
ALL_PINNED = ["data", "model", "train", "predict"]


@pytest.fixture
def place(write_digits, tmp_path):
    """A project with two simple models and a network that the end of the budget cut."""
    data, place = write_digits(tmp_path / "d", each=20), tmp_path / "p.phoropter"
    with started(Options(data, place), listener=lambda event: None) as project:
        bench = ProjectBench(project, project.problem(), lambda: -1.0, time.monotonic())
        for name in ("majority", "logistic"):
            simple = {"model.name": name, "data.normalize": "none"}
            bench.run(MLP.changed(simple), role="ladder")
        assert bench.run(MLP, role="baseline").cut
    return place


def opened(place):
    return existing(Folder(place))


def test_a_reference_that_the_budget_cut_is_finished_before_it_is_built_upon(place, monkeypatch):
    with opened(place) as project:
        bench = ProjectBench(project, project.problem(), lambda: -1.0, time.monotonic())
        cut = standing(bench, reference_so_far(project))
        assert (cut.cut, gone_on(bench, cut)) == (True, cut)  # there is no time
    monkeypatch.setattr("phoropter.project.steps.has_search", lambda: False)
    phoropter.improve(place, pin=ALL_PINNED, budget_s=60)
    with opened(place) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        whole = bench.trial(project.folder.runs / cut.run)
        assert not whole.cut
        assert whole.score.value > cut.score.value
        known = project.notebook.runs()
        assert {role for run, role, _ in known if run == cut.run} == {"baseline"}


@pytest.mark.parametrize("damage", ["stopped", "deleted"])
def test_a_reference_that_was_stopped_or_deleted_is_made_again(place, damage, monkeypatch):
    monkeypatch.setattr("phoropter.project.steps.has_search", lambda: False)
    with opened(place) as project:
        run = reference_so_far(project)
        path = project.folder.runs / run
    if damage == "deleted":
        shutil.rmtree(path)
    else:  # while it went on: its rows are written anew before its summary is
        rows = (path / "history.jsonl").read_text().splitlines(keepends=True)
        (path / "history.jsonl").write_text("".join(rows[:-1]))
    with opened(place) as project, pytest.raises(CorruptFileError):
        ProjectBench(project, project.problem(), lambda: 60.0, None).trial(path)
    phoropter.improve(place, pin=ALL_PINNED, budget_s=60)
    with opened(place) as project:
        whole = ProjectBench(project, project.problem(), lambda: 60.0, None).trial(path)
        assert (whole.run, whole.cut) == (run, False)
        assert {role for name, role, _ in project.notebook.runs() if name == run} == {"baseline"}


def test_a_run_that_nothing_is_known_of_is_not_made_up(place):
    with opened(place) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        with pytest.raises(CorruptFileError, match="not finished"):
            standing(bench, "0123456789ab")


def test_after_corrections_it_is_made_again_and_old_simple_models_are_not_beside_it(
    place, monkeypatch
):
    monkeypatch.setattr("phoropter.project.steps.has_search", lambda: False)
    with opened(place) as project:
        before = baseline_run(project)
        split = project.split().table
        held = split.filter(split["part"] == "val")["id"].to_list()
        wrong = next(name for name in held if not name.startswith("nine"))
        found = Correction(wrong, "I looked at it", relabelled("nine"), accepted=True)
        write_corrections(project.folder.issues, [found])
    with pytest.raises(UsageError, match="'kr'"):
        phoropter.improve(place, pin=ALL_PINNED, budget_s=60, lang="kr")
    result = phoropter.improve(place, pin=ALL_PINNED, budget_s=60, lang="ko")
    assert 'lang="ko"' in Path(result.report).read_text("utf-8")
    with opened(place) as project:
        after = baseline_run(project)
        assert result.run == reference_so_far(project) == after != before
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        record = bench.record(project.folder.runs / after)
        assert record.recipe == MLP
        truth = dict(zip(record.predictions.ids, record.predictions.truth, strict=True))
        assert record.predictions.classes[truth[wrong]] == "nine"
        folder, notebook = project.folder, project.notebook
        assert set(read_ladder(folder, notebook, like=None)) == {"majority", "logistic"}
        assert read_ladder(folder, notebook, like=record) == {}
