"""Searching recipes: the space, and that a search learns from what it is told."""

import pytest

from phoropter.core.errors import MissingExtraError
from phoropter.core.recipe import Recipe
from phoropter.improvement import search as module
from phoropter.improvement.search import Search
from phoropter.models.catalog import is_classic

PHOTOS = Recipe()
TINY = Recipe().changed({"data.size": 28, "data.channels": 1, "model.name": "cnn"})
NUMBERS = PHOTOS.changed({"task": "regression", "data.augment.flip": False})


@pytest.mark.parametrize("base", [PHOTOS, TINY, NUMBERS])
def test_every_recipe_of_the_space_is_one(base):
    search = Search(base)
    names, sizes = set(), set()
    for number in range(40):
        recipe = search.ask()
        names.add((recipe.model.name, recipe.model.transfer))
        sizes.add(recipe.data.size)
        assert (recipe.task, recipe.seed) == (base.task, base.seed)
        assert recipe.data.augment.flip == base.data.augment.flip
        search.tell(recipe, float(number % 7))
    assert len(names) >= 3
    assert len(sizes) >= 3


def test_it_turns_to_where_the_loss_is_small():
    search = Search(PHOTOS)
    kinds = []
    for _ in range(60):
        recipe = search.ask()
        kinds.append(recipe.model.name)
        linear = recipe.model.name == "logistic"
        search.tell(recipe, abs(recipe.data.size - 256) / 1000 + (0.0 if linear else 1.0))
    late = kinds[30:]
    assert late.count("logistic") > 0.6 * len(late)


def test_the_same_seed_asks_the_same_and_what_cannot_be_run_is_no_loss():
    def asked(seed):
        search = Search(PHOTOS.changed({"seed": seed}))
        recipes = []
        for number in range(12):
            recipes.append(search.ask())
            search.tell(recipes[-1], None if number % 3 else 0.5)
        return [recipe.changed({"seed": 0}).digest for recipe in recipes]

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


@pytest.mark.parametrize("seed", range(4))
def test_a_kind_that_never_fits_is_not_all_that_is_asked_for(seed):
    search = Search(PHOTOS.changed({"seed": seed}), sizes=(288,))
    fit = []
    for number in range(60):
        recipe = search.ask()
        fit.append(is_classic(recipe.model.name) or recipe.model.transfer == "features")
        search.tell(recipe, 0.5 + (number % 5) / 10 if fit[-1] else None)
    assert sum(fit[20:]) > 0.6 * len(fit[20:])


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert not module.has_search()
    with pytest.raises(MissingExtraError, match="optuna"):
        Search(PHOTOS)


def test_classic_models_are_told_of_no_training():
    search = Search(PHOTOS)
    for _ in range(20):
        recipe = search.ask()
        if is_classic(recipe.model.name):
            assert recipe.train == PHOTOS.train
        search.tell(recipe, 0.0)


@pytest.mark.parametrize("base", [TINY, PHOTOS.changed({"model.name": "resnet18"})])
def test_a_file_of_weights_is_not_put_into_another_network(base):
    search = Search(base.changed({"model.weights": "mine.pt"}))
    asked = [search.ask() for _ in range(20)]
    assert {recipe.model.weights for recipe in asked} == {None}


def test_a_file_of_weights_stays_with_its_network():
    search = Search(PHOTOS.changed({"model.weights": "mine.pt"}))
    asked = [search.ask() for _ in range(20)]
    assert {recipe.model.weights for recipe in asked} == {"mine.pt"}
