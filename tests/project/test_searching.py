"""A search on an opened project: real runs of small recipes."""

from dataclasses import replace

import pytest

from phoropter.core.errors import UsageError
from phoropter.core.events import Note
from phoropter.core.recipe import Recipe
from phoropter.improvement import search
from phoropter.project import searching
from phoropter.project.bench import ProjectBench
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.searching import ProjectSearcher

MLP = Recipe().changed(
    {
        "data.size": 8,
        "data.channels": 1,
        "data.normalize": "data",
        "model.name": "mlp",
        "model.pretrained": False,
        "train.epochs": 2,
        "train.patience": 0,
        "train.numerics": "float32",
    }
)


@pytest.fixture
def told(write_digits, tmp_path, monkeypatch):
    """A bench without pretrained weights, where a search ends early, and what was said."""
    monkeypatch.setattr(search, "offline_weights_installed", lambda: False)
    monkeypatch.setattr(searching, "PATIENCE", 1)
    notes = []
    options = Options(write_digits(tmp_path / "d", each=20), tmp_path / "p.phoropter")
    with started(options, listener=notes.append) as project:
        yield ProjectBench(project, project.problem(), lambda: 60.0, None), notes


def test_the_best_of_what_was_searched_is_told_trial_by_trial(told):
    bench, notes = told
    reference = bench.run(MLP, role="baseline")
    found = ProjectSearcher(bench, MLP).searched(reference, seconds_left=lambda: 60.0)
    lines = [note.text for note in notes if isinstance(note, Note) and "Search " in note.text]
    assert [line.split(":")[0] for line in lines] == [
        f"Search {number}" for number in range(1, found.trials + 1)
    ]
    assert found.trials >= 2
    assert found.candidate.advice == f"Take the best of {found.trials} recipes that were searched."
    assert MLP.changed(found.candidate.change) == found.best.recipe
    losses = [
        bench.trial(bench.project.folder.runs / run).loss
        for run, role, _ in bench.project.notebook.runs()
        if role == "candidate"
    ]
    assert found.best.loss == min(losses)
    judged = bench.judge(reference, found.best, among=found.trials)
    assert judged.comparison.looks == bench.project.notebook.looks == found.trials


def test_what_is_pinned_stays_and_without_time_nothing_is_run(told):
    bench, _ = told
    accepted = MLP.changed({"model.dropout": 0.4})
    reference = bench.run(accepted, role="baseline")
    bench.pins = ("model", "train.epochs", "train.batch_size")
    ProjectSearcher(bench, MLP).searched(reference, seconds_left=lambda: 60.0)
    runs = {run for run, role, _ in bench.project.notebook.runs() if role == "candidate"}
    tried = [bench.trial(bench.project.folder.runs / run).recipe for run in runs]
    assert tried
    assert {recipe.model for recipe in tried} == {accepted.model}
    assert {(recipe.train.epochs, recipe.train.batch_size) for recipe in tried} == {(2, 64)}
    late = ProjectSearcher(bench, MLP.changed({"seed": 1}))
    assert late.searched(reference, seconds_left=lambda: 0.0) is None


def test_what_does_not_fit_is_left_out_and_told(told):
    bench, notes = told
    reference = bench.run(MLP, role="baseline")
    bench.pins = ("model",)
    base = MLP.changed({"model.weights": "gone.safetensors"})
    pinned = replace(reference, recipe=base)
    assert ProjectSearcher(bench, base).searched(pinned, seconds_left=lambda: 60.0) is None
    texts = [note.text for note in notes if isinstance(note, Note)]
    assert any(text.startswith("Left out of the search: There is no file of") for text in texts)


def test_pins_that_do_not_suit_what_is_searched_end_nothing(told, monkeypatch):
    bench, notes = told
    reference = bench.run(MLP, role="baseline")
    bench.pins = ("model",)

    def unfit(*_):
        raise UsageError("model.weights needs model.pretrained.", hint="")

    monkeypatch.setattr(searching, "restored", unfit)
    assert ProjectSearcher(bench, MLP).searched(reference, seconds_left=lambda: 60.0) is None
    assert any("model.weights needs" in note.text for note in notes if isinstance(note, Note))
