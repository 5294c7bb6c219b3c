"""A project that is run again, with another budget, goes on where it was."""

import time
from dataclasses import replace

from phoropter.project.bench import ProjectBench
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.steps import Budget, first_of, make_baseline


def test_the_baseline_stays_what_it_was_until_another_is_asked_for(write_digits, tmp_path):
    options = Options(write_digits(tmp_path / "d", each=12), tmp_path / "p.phoropter")
    with started(options, listener=lambda event: None) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        first = began(bench, options, Budget(time.monotonic(), 120.0))
        before = runs(bench)
        spent = Budget(time.monotonic() - 60.0, 1.0)
        assert spent.left_s < 0
        assert began(bench, options, spent) == first
        assert runs(bench) == before
        asked = replace(options, settings={"model.width": 8, "train.epochs": 5})
        other = began(bench, asked, spent)
        assert other.recipe.model.width == 8
        assert began(bench, options, Budget(time.monotonic(), 60.0)) == other
        again = replace(options, settings={"model.width": 8})  # which it has anyway
        assert began(bench, again, Budget(time.monotonic(), 60.0)) == other


def began(bench, options, budget):
    return make_baseline(bench, first_of(bench, options, budget), options, budget)


def runs(bench):
    """Each run and the role in which it was asked for."""
    return {(run, role) for run, role, _ in bench.project.notebook.runs()}
