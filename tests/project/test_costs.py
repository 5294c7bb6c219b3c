"""What mistakes cost, as the yardstick of a whole project and in what its bundle answers."""

from collections import Counter

import numpy as np
import pytest
import yaml

import phoropter
from phoropter.core.errors import UsageError

COSTS = "cost(nine>three=20, nine>eight=20)"
LOGISTIC = {"model.name": "logistic"}


@pytest.fixture(scope="module")
def line(write_digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("costs")
    result = phoropter.run(
        write_digits(folder / "digits", each=60),
        project=folder / "p.phoropter",
        metric=COSTS,
        settings=LOGISTIC,
        budget_s=25,
    )
    return folder, result


def test_the_cost_is_the_yardstick_from_the_first_run_on(line):
    _, result = line
    assert result.primary == COSTS
    assert result.test.primary.name == COSTS
    assert result.test.primary.low <= result.test.primary.value <= result.test.primary.high
    decided = phoropter.evaluate(result.run, project=result.project).decoding.decision
    assert decided.costs == ((0, 1, 1), (20, 0, 20), (1, 1, 0))


def test_the_bundle_names_the_class_of_least_expected_cost(line):
    folder, result = line
    manifest = yaml.safe_load((folder / "p.phoropter" / "model" / "bundle.yaml").read_text())
    costs = np.array(manifest["decoding"]["decision"]["costs"])
    rows = phoropter.predict(result.bundle, [folder / "digits"])
    names = list(rows[0]["probabilities"])
    for row in rows:
        expected = np.array(list(row["probabilities"].values())) @ costs
        assert row["prediction"] == names[int(expected.argmin())]
    said = Counter(row["prediction"] for row in rows)
    likely = Counter(max(names, key=row["probabilities"].get) for row in rows)
    assert said["nine"] > likely["nine"]


@pytest.mark.parametrize(
    ("metric", "said"),
    [("cost(nein>three=2)", "'nein'"), ("recall(nein)", "'nein'"), ("cost(nine=2)", "nine=2")],
)
def test_costs_of_unknown_classes_are_refused_at_once(write_digits, tmp_path, metric, said):
    digits = write_digits(tmp_path / "digits", each=8)
    with pytest.raises(UsageError, match=said):
        phoropter.run(digits, project=tmp_path / "p", metric=metric, settings=LOGISTIC, budget_s=9)
