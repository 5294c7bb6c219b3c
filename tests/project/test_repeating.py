"""Recipes trained again, with other seeds and on folds, through the public functions."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import phoropter
from phoropter.cli.main import main
from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe
from phoropter.project.folder import Folder
from phoropter.project.notebook import Notebook
from phoropter.project.repeating import (
    ROLE,
    Over,
    pooled_spread,
    read_over,
    repeated,
    repeats_of,
)
from phoropter.project.run_record import read_run

NETWORK = {
    "data.size": 8,
    "data.resize": "stretch",
    "model.name": "mlp",
    "model.pretrained": False,
    "model.depth": 1,
    "train.patience": 0,
    "train.numerics": "float32",
}


@pytest.fixture(scope="module")
def compared(shared, write_digits):
    """A network trained for one epoch and for ten, compared in every way."""

    def make(folder):
        data, project = write_digits(folder / "digits", each=40), folder / "p"
        short, long = (
            phoropter.train(data, project=project, settings={**NETWORK, "train.epochs": epochs}).run
            for epochs in (1, 10)
        )
        plain = phoropter.compare(short, long, project=project, rope=0.5)
        seeds = phoropter.compare(short, long, project=project, over="seeds=3")
        folds = phoropter.compare(short, long, project=project, over="folds=3")
        return plain, seeds, folds

    return shared("compared", make)


def test_each_way_is_a_look_and_says_its_method(compared):
    _, found = compared
    assert [one.looks for one in found] == [1, 2, 3]
    assert [one.trainings for one in found] == [1, 3, 3]
    words = ("Exact McNemar", "t test over 3 trainings", "Corrected resampled t test over 3 folds")
    for one, word in zip(found, words, strict=True):
        assert one.method.startswith(word)
        assert one.low <= one.delta <= one.high
        assert one.delta > 0
    assert found[0].equivalent == (found[0].high < 0.5)


def test_other_seeds_are_runs_of_their_own_and_tell_the_spread(compared):
    folder, (_, seeds, _) = compared
    notebook = Notebook(Folder(folder / "p").notebook)
    repeats = {run for run, role, _ in notebook.runs() if role == ROLE}
    notebook.close()
    assert len(repeats) == 2 * 3 + 2 * 3
    scores = {
        name: [
            phoropter.evaluate(run, project=folder / "p").metrics[0].value
            for run in sorted(repeats)
            if _of(folder, run) == _of(folder, name)
        ]
        for name in (seeds.a, seeds.b)
    }
    assert [len(values) for values in scores.values()] == [3, 3]
    assert seeds.seed_spread == pytest.approx(pooled_spread(scores.values()))
    means = [np.mean(values) for values in scores.values()]
    assert seeds.delta == pytest.approx(means[1] - means[0])


def _of(folder, run):
    """What a run shares with those of other seeds: epochs and validation samples."""
    found = read_run(folder / "p" / "runs" / run)
    return found.summary.epochs, set(found.predictions.ids)


def test_once_the_seeds_are_known_two_models_are_told_so(compared):
    folder, (plain, seeds, _) = compared
    again = phoropter.compare(plain.a, plain.b, project=folder / "p")
    assert (again.delta, again.looks, again.rope) == (plain.delta, 1, None)
    assert plain.seed_spread is None
    assert again.seed_spread == pytest.approx(seeds.seed_spread)
    small = abs(again.delta) < 2 * np.sqrt(2) * again.seed_spread
    assert bool(again.note) == small
    found = phoropter.diagnose(plain.a, project=folder / "p")
    assert found.run == plain.a


def test_on_the_command_line(compared, capsys):
    folder, (plain, _, _) = compared
    pair = [plain.a, plain.b, "--project", str(folder / "p")]
    assert main(["compare", *pair, "--rope", "0.9", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] in {"better", "worse", "undecided"}
    assert (said["equivalent"], said["rope"]) == (True, 0.9)
    assert main(["compare", *pair, "--over", "luck", "--json"]) == 2
    assert "'luck'" in json.loads(capsys.readouterr().out)["error"]["message"]


@pytest.mark.parametrize("text", ["seeds=1", "folds", "folds=2", "seeds=101", "seeds=x", "", "="])
def test_what_nothing_is_compared_over(text):
    with pytest.raises(UsageError, match="Nothing is compared over"):
        read_over(text)


def test_what_something_is_compared_over():
    assert read_over("samples") == Over()
    assert read_over("seeds") == Over("seeds", None)
    assert read_over("seeds=2") == Over("seeds", 2)
    assert read_over("folds=10") == Over("folds", 10)


def test_a_run_is_not_compared_with_itself(compared):
    folder, (plain, _, _) = compared
    with pytest.raises(UsageError, match="not compared with itself"):
        phoropter.compare(plain.a, plain.a, project=folder / "p", over="seeds=2")


def test_no_two_repetitions_share_a_training():
    drawn = Recipe().changed({"predict.ensemble": [{"seed": 1}, {"seed": 4}, {"train.lr": 0.1}]})
    for recipe in (drawn, Recipe().changed({"seed": 7})):
        assert repeated(recipe, 0) == recipe
        trained = [member for number in range(3) for member in repeated(recipe, number).members]
        assert len({member.digest for member in trained}) == 3 * len(recipe.members)
        assert trained[0].changed({"seed": 0}) == trained[-len(recipe.members)].changed({"seed": 0})


def test_the_repetitions_of_an_ensemble_are_known_again(write_digits, tmp_path):
    data, project = write_digits(tmp_path / "d", each=12), tmp_path / "p"
    forest = {**NETWORK, "model.name": "random_forest"}
    single, both = (
        phoropter.train(data, project=project, settings={**forest, "predict.ensemble": others}).run
        for others in ([], [{"seed": 1}])
    )
    found = phoropter.compare(single, both, project=project, over="seeds=3")
    assert found.trainings == 3
    runs = [read_run(path) for path in sorted((project / "runs").iterdir())]
    sides = {name: read_run(project / "runs" / name) for name in (single, both)}
    seeds = [sorted(one.recipe.seed for one in repeats_of(side, runs)) for side in sides.values()]
    # What the ensembles are made of are runs as well: of seeds 0 to 5.
    assert seeds == [[0, 1, 2, 3, 4, 5], [0, 2, 4]]


def test_the_spread_is_pooled():
    assert pooled_spread([[0.9], [0.8]]) is None
    assert pooled_spread([[0.90, 0.92], [0.80, 0.86]]) == pytest.approx(np.sqrt((2e-4 + 18e-4) / 2))


def test_repeats_are_no_runs_of_the_report(compared):
    folder, (plain, _, _) = compared
    page = Path(phoropter.report(folder / "p").report).read_text(encoding="utf-8")
    shown = re.findall(r'<th scope="row"><code>(\w{8})</code>', page)
    assert shown == [plain.a[:8], plain.b[:8]]
