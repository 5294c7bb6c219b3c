"""A project that is run again, with another budget, goes on where it was."""

import time
from dataclasses import replace

import phoropter
from phoropter.core.recipe import Recipe
from phoropter.project.bench import ProjectBench
from phoropter.project.folder import Folder
from phoropter.project.opened import existing, started
from phoropter.project.options import Options
from phoropter.project.reference import gone_on
from phoropter.project.steps import Budget, make_baseline

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


def test_the_baseline_stays_what_it_was_until_another_is_asked_for(write_digits, tmp_path):
    options = Options(write_digits(tmp_path / "d", each=12), tmp_path / "p.phoropter")
    with started(options, listener=lambda event: None) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        first = make_baseline(bench, options, Budget(time.monotonic(), 120.0))
        before = runs(bench)
        spent = Budget(time.monotonic() - 60.0, 1.0)
        assert spent.left_s < 0
        assert make_baseline(bench, options, spent) == first
        assert runs(bench) == before
        asked = replace(options, settings={"model.width": 8, "train.epochs": 5})
        other = make_baseline(bench, asked, spent)
        assert other.recipe.model.width == 8
        assert make_baseline(bench, options, Budget(time.monotonic(), 60.0)) == other
        again = replace(options, settings={"model.width": 8})  # which it has anyway
        assert make_baseline(bench, again, Budget(time.monotonic(), 60.0)) == other


def test_a_reference_that_the_budget_cut_is_finished_before_it_is_built_upon(
    write_digits, tmp_path, monkeypatch
):
    data, place = write_digits(tmp_path / "d", each=20), tmp_path / "p.phoropter"
    with started(Options(data, place), listener=lambda event: None) as project:
        bench = ProjectBench(project, project.problem(), lambda: -1.0, time.monotonic())
        cut = bench.run(MLP, role="baseline")
        assert (cut.cut, gone_on(bench, cut)) == (True, cut)  # there is no time
    monkeypatch.setattr("phoropter.project.steps.has_search", lambda: False)
    phoropter.improve(place, pin=["data", "model", "train", "predict"], budget_s=60)
    with existing(Folder(place)) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        whole = bench.trial(project.folder.runs / cut.run)
        assert not whole.cut
        assert whole.score.value > cut.score.value
        assert {role for run, role in runs(bench) if run == cut.run} == {"baseline"}


def runs(bench):
    """Each run and the role in which it was asked for."""
    return {(run, role) for run, role, _ in bench.project.notebook.runs()}
