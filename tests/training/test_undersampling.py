"""As few samples of each class as a recipe allows, drawn once."""

from dataclasses import replace

import numpy as np
import pytest

from phoropter.core.errors import UsageError
from phoropter.core.predictions import read_predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.training.execute import execute
from phoropter.training.history import read_history
from phoropter.training.summary import read_summary
from phoropter.training.undersampling import learnt_from


def thinned(problem, count):
    """The problem with so many training samples of the first class, and all of the others."""
    rows = problem.rows("train")
    labels = np.asarray(problem.task.encode(problem.dataset, rows, problem.schema))
    first = np.flatnonzero(labels == labels[0])
    kept = np.delete(rows, first[count:])
    return replace(problem, learnt=kept, schema=problem.task.schema(problem.dataset, kept))


def counted(problem):
    rows = problem.rows("train")
    labels = np.asarray(problem.task.encode(problem.dataset, rows, problem.schema))
    return np.bincount(labels, minlength=len(problem.schema.names)).tolist()


@pytest.mark.parametrize(("most", "allowed"), [(1.0, 3), (1.5, 4), (2.0, 6), (1000.0, 3000)])
def test_no_class_has_more_than_so_many_times_the_rarest(problem, most, allowed):
    unequal = thinned(problem, 3)
    before = counted(unequal)
    assert min(before) == 3 < sorted(before)[1]
    few = learnt_from(Recipe().changed({"data.most_of_class": most}), unequal)
    assert counted(few) == [min(count, allowed) for count in before]
    assert list(few.schema.counts) == counted(few)
    assert few.schema.names == unequal.schema.names
    assert np.isin(few.rows("train"), unequal.rows("train")).all()
    assert (np.diff(few.rows("train")) > 0).all()
    assert np.array_equal(few.rows("val"), problem.rows("val"))


def test_the_draw_belongs_to_the_seed(problem):
    def drawn(seed):
        recipe = Recipe().changed({"data.most_of_class": 1.0, "seed": seed})
        return learnt_from(recipe, thinned(problem, 3)).rows("train").tolist()

    assert drawn(0) == drawn(0) != drawn(1)


def test_without_it_all_are_learnt_from(problem):
    assert learnt_from(Recipe(), problem) is problem


def test_numbers_have_no_classes(problem):
    values = replace(problem, schema=TargetSchema("values", ("v",), (), (0.0,), (1.0,)))
    with pytest.raises(UsageError, match="no classes"):
        learnt_from(Recipe().changed({"data.most_of_class": 1.0}), values)


def test_a_run_learns_from_them_alone(problem, tiny, tmp_path):
    unequal = thinned(problem, 3)
    folder = execute(tiny(data__most_of_class=1.0, train__batch_size=3), unequal, runs=tmp_path)
    summary = read_summary(folder)
    classes = len(unequal.schema.names)
    assert summary.schema.counts == (3,) * classes
    assert read_history(folder)[1].step == classes


def test_members_of_an_ensemble_draw_others_and_share_the_rarest(problem, tiny, tmp_path):
    unequal = thinned(problem, 3)
    recipe = tiny(data__most_of_class=1.0, predict__ensemble=[{"seed": 1}])
    whole = execute(recipe, unequal, runs=tmp_path)
    places = [tmp_path / member for member in read_summary(whole).members]
    assert len(places) == 2
    one, other = (set(learnt(path)) for path in places)
    assert set(learnt(whole)) == one & other < one
    assert len(one & other) >= 3
    said = read_predictions(whole / "predictions.parquet").probabilities
    means = [read_predictions(path / "predictions.parquet").probabilities for path in places]
    np.testing.assert_allclose(said, np.mean(means, axis=0), atol=1e-6)


def learnt(path):
    return read_predictions(path / "train_predictions.parquet").ids.tolist()
