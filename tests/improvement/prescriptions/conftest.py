"""Evidence of runs of many recipes."""

import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch, RunSummary
from phoropter.diagnosis.evidence import RunEvidence


def made(change=None, *, values=False, run="0" * 16, **fields):
    """Evidence of a run of ten epochs with four fifths right."""
    truth = np.arange(100) % 2
    ids = np.array([str(index) for index in range(100)])
    if values:
        predictions = ValuePredictions(
            ids, truth[:, None].astype(float), np.full((100, 1), 0.5), ("v",)
        )
        schema = TargetSchema("values", ("v",), (), (0.5,), (0.5,))
    else:
        right = np.where(np.arange(100) < 80, truth, 1 - truth)
        predictions = ClassPredictions(ids, truth, np.eye(2)[right], ("a", "b"))
        schema = TargetSchema("classes", ("a", "b"), (90, 10))
    history = tuple(Epoch(n, 30 * n, 1e-3, 1.0, 1.0, 1.0, 0.8, 0.8, 0.7, 1.5) for n in range(11))
    metric = "rmse" if values else "accuracy"
    summary = RunSummary(run, metric, 10, 300, 10, 5.0, 100.0, "finished", {}, schema, "")
    task = "regression" if values else "classification"
    return RunEvidence(
        summary=summary,
        recipe=Recipe(task=task).changed(change or {}),
        history=history,
        gates=(),
        predictions=predictions,
        train_predictions=predictions,
        metric=metric,
        greater_is_better=not values,
        **fields,
    )


@pytest.fixture(scope="session")
def evidence():
    """Builds evidence."""
    return made
