from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from phoropter.core import registry
from phoropter.core.errors import InputError, NothingUsableError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, TargetSchema
from phoropter.tasks.regression import Regression


def measured(**columns: list[float | None]) -> Dataset:
    count = len(next(iter(columns.values())))
    table = pl.DataFrame({"id": [str(i) for i in range(count)], **columns})
    return Dataset("toy", Path(), "csv", "toy", "regression", tuple(columns), table)


def test_is_registered_under_its_name():
    assert registry.load("phoropter.tasks", "regression") is Regression


def test_statistics_are_those_of_the_training_rows():
    dataset = measured(age=[20.0, 30.0, 70.0, 1e9], size=[1.0, 1.0, 1.0, 5.0])
    schema = Regression().schema(dataset, np.array([0, 1, 2]))
    reference = StandardScaler().fit([[20.0], [30.0], [70.0]])
    assert schema.names == ("age", "size")
    assert schema.offset == pytest.approx((reference.mean_[0], 1.0))
    assert schema.scale == pytest.approx((reference.scale_[0], 1.0))  # constant: never zero


def test_predictions_undo_the_standardisation_exactly_and_keep_the_truth():
    dataset = measured(year=[1990.1, 2000.2, None])
    task = Regression()
    schema = task.schema(dataset, np.array([0, 1]))
    encoded = task.encode(dataset, np.arange(3), schema)
    outputs = np.array([[-1.0], [1.0], [0.0]], dtype=np.float32)
    predictions = task.predictions(["a", "b", "c"], encoded, outputs, schema)
    assert predictions.truth[:2, 0].tolist() == [1990.1, 2000.2]
    assert np.isnan(predictions.truth[2, 0])
    np.testing.assert_allclose(predictions.values[:, 0], [1990.1, 2000.2, 1995.15], rtol=1e-12)


def test_the_loss_is_the_squared_error_of_standardised_numbers():
    schema = TargetSchema("values", ("a", "b"), offset=(100.0, -1.0), scale=(10.0, 2.0))
    network = nn.Linear(3, 2)
    objective = Regression().objective(network, Recipe(), schema)
    inputs = torch.randn(4, 3)
    targets = torch.randn(4, 2, dtype=torch.float64) * 10 + 100
    wanted = (targets - torch.tensor([100.0, -1.0])) / torch.tensor([10.0, 2.0])
    ((_, loss),) = objective.steps(inputs, targets, torch.Generator())
    outputs, plain = objective.evaluate(inputs, targets)
    assert loss().item() == pytest.approx((outputs - wanted).square().mean().item(), rel=1e-5)
    assert plain.shape == (4,)
    assert plain.mean().item() == pytest.approx(loss().item(), rel=1e-5)


def test_a_training_row_without_a_number_is_refused():
    with pytest.raises(InputError, match=r"1 training rows have no finite number.*'age'"):
        Regression().schema(measured(age=[1.0, None, 3.0]), np.arange(3))


@pytest.mark.parametrize("rows", [[], [0, 1]])
def test_nothing_to_learn(rows):
    dataset = measured(age=[5.0, 5.0])
    with pytest.raises(NothingUsableError):
        Regression().schema(dataset, np.array(rows, dtype=np.int64))
