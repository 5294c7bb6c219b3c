"""Recipes drawn by lot: the same for everybody, trainable, and pairs only where they are sound."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from phoropter.core.recipe import Recipe
from phoropter.models.small import cnn, mlp
from phoropter.models.xception_small import xception_small

SUITE = Path(__file__).parents[2] / "benchmarks" / "faults"
TRUNKS = {"mlp": mlp, "cnn": cnn, "xception_small": xception_small}


@pytest.fixture
def suite(monkeypatch):
    """Imports a module of the suite, as its scripts see each other."""
    monkeypatch.syspath_prepend(str(SUITE))
    yield import_module
    for path in SUITE.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def lot(suite):
    return suite("drawn")


@pytest.fixture
def digits(lot, monkeypatch):
    """All numbers are of perceptrons on digits, whatever pairs there are."""
    only = [pair for pair in lot.PERCEPTRONS if pair.images == "digits"]
    monkeypatch.setattr(lot, "FAMILIES", [only])


def test_a_number_is_always_the_same_recipe(lot):
    """Those that were measured are drawn again, figure for figure."""
    lines = [line.split() for line in lot.found()]
    assert lines
    for number, recipe, *_ in lines:
        told = "if pairs have changed, cut the line and run drawn.py again"
        assert lot.digest(lot.drawn(int(number))) == recipe, f"{number}: {told}"
    assert len({lot.digest(lot.drawn(number)) for number in range(50)}) == 50


def test_a_further_pair_takes_over_some_numbers_and_changes_no_others(lot, monkeypatch):
    before = [lot.drawn(number) for number in range(80)]
    less = [[p for p in family if p.name != "mnist_c-mlp"] for family in lot.FAMILIES]
    monkeypatch.setattr(lot, "FAMILIES", less)
    after = [lot.drawn(number) for number in range(80)]
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert {(pair.images, pair.family) for pair in changed} == {("mnist_c", "mlp")}


def test_drawn_recipes_are_recipes_of_networks_that_learn(suite, lot):
    """On sets that are tuned on; each network is built, and a gradient comes through."""
    tuned = {(p.images, p.family) for p in suite("pairs").PAIRS.values() if p.part == "tune"}
    classes = {name: len(source.classes) for name, source in suite("sources").SOURCES.items()}
    pairs = [lot.drawn(number) for number in range(80)]
    for pair in pairs:
        assert (pair.images, pair.family) in tuned
        recipe = Recipe().changed(pair.settings)
        if pair.family == "head":
            assert recipe.model.transfer == "features"
            continue
        channels, size = recipe.data.channels, recipe.data.size
        trunk, features = TRUNKS[recipe.model.name](recipe.model, channels=channels, size=size)
        assert features >= max(8, classes[pair.images])
        trunk(torch.rand(2, channels, size, size)).sum().backward()
    assert {pair.family for pair in pairs} == {"mlp", "cnn", "head"}
    assert {pair.settings["train.optimizer"] for pair in pairs} == set(suite("choices").RATES)


def test_the_planted_convolutions_take_the_smallest_images_that_are_drawn(suite, lot):
    trunk, _ = suite("networks").dead_convolutional(3)
    size = min(
        lot.drawn(n).settings["data.size"] for n in range(80) if lot.drawn(n).family != "mlp"
    )
    assert trunk(torch.rand(2, 3, size, size)).shape == (2, 64)


@pytest.mark.parametrize(
    ("scores", "sound"),
    [
        ("0.9800 0.9000 0.9120", True),
        ("0.9801 0.9000 0.9000", False),  # 8 points of gap at most
        ("0.9000 0.9000 0.9121", False),  # 1.2 from twice the passes
        ("0.5500 0.5500 0.5500", True),  # ten classes: halfway from guessing to perfect
        ("0.5498 0.5498 0.5498", False),
    ],
)
@pytest.mark.usefixtures("digits")
def test_only_sound_runs_make_a_pair(lot, scores, sound):
    pair = lot.drawn(15)
    made = list(lot.sound_pairs([f"15 {lot.digest(pair)} {scores}"]))
    assert made == ([pair] if sound else [])


@pytest.mark.usefixtures("digits")
def test_what_is_drawn_otherwise_by_now_makes_no_pair(lot):
    old, scores = lot.digest(lot.drawn(27)), "1.0000 0.9850 0.9825"
    assert list(lot.sound_pairs([f"15 {old} {scores}", f"27 {old} {scores}"])) == [lot.drawn(27)]


def test_a_drawn_pair_has_nine_faults_their_references_and_one_run_of_each(suite):
    plan, faults = suite("plan"), suite("faults").FAULTS
    keys = list(plan.planned("drawn", 3, healthy=4))
    names = {key.pair for key in keys}
    assert names == {pair.name for pair in suite("pairs").PAIRS.values() if pair.part == "drawn"}
    referred = set()
    for name in names:
        made = [key.fault for key in keys if key.pair == name]
        assert len(set(made)) == len(made)
        sick = {fault for fault in made if fault != "healthy" and faults[fault].right}
        needed = {faults[fault].reference for fault in sick} - {""}
        assert len(sick) == 9
        assert set(made) == {"healthy"} | sick | needed
        referred |= needed
    assert referred  # of some at least, or nothing was tested
    assert {key.seed for key in keys} == {0}


def test_chosen_and_drawn_pairs_are_asked_for_apart(suite):
    plan, pairs = suite("plan"), suite("pairs").PAIRS
    parts = {part: {key.pair for key in plan.planned(part, 1)} for part in ("all", "drawn")}
    assert not parts["all"] & parts["drawn"]
    assert parts["all"] | parts["drawn"] == set(pairs)


@pytest.mark.nightly
@pytest.mark.usefixtures("digits")
def test_the_command_notes_what_is_sound_once(lot, tmp_path, monkeypatch, capsys):
    """Of two numbers one is trained too shortly, which twice the passes show."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(lot, "FOUND", tmp_path / "drawn.txt")
    lot.FOUND.write_text("# of two\n")
    words = ["drawn.py", "--work", tmp_path / "work", "--only", "digits", "--numbers", 137, 139]
    monkeypatch.setattr(sys, "argv", [*map(str, words)])
    lot.main()
    (line,) = lot.found()
    assert line.startswith(f"137 {lot.digest(lot.drawn(137))} ")
    assert "digits-mlp-138" in capsys.readouterr().out
    lot.main()
    assert lot.found() == [line]
    assert "digits-mlp-137" not in capsys.readouterr().out
    assert list(lot.sound_pairs([line])) == [lot.drawn(137)]
