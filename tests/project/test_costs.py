"""What mistakes cost, as the yardstick of a whole project and in what its bundle answers."""

from collections import Counter

import numpy as np
import pytest
import yaml

import phoropter
from phoropter.core.errors import UsageError
from phoropter.metrics import named
from phoropter.project.cost_table import cost_metric

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


def test_a_table_of_costs_is_the_same_metric(tmp_path):
    file = tmp_path / "costs.csv"
    file.write_text('truth,nine,three,"a, b"\nnine,0,20,\nthree,,,2.5\n"a, b",7,1,0.0\n')
    name = cost_metric(file)
    assert name == (
        'cost("nine">"three"=20, "three">"a, b"=2.5, "a, b">"nine"=7, "a, b">"three"=1)'
    )
    assert named(name).range == (0.0, 20.0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("truth,a,b\na,3,1\nb,1,\n", "'a', costs 3"),
        ("truth,a,b\na,,much\nb,1,\n", "cannot be read"),
        ("truth,a,b\na,,-1\nb,1,\n", "cannot be read"),
    ],
)
def test_what_is_no_table_of_costs_is_told(tmp_path, rows, said):
    file = tmp_path / "costs.csv"
    file.write_text(rows)
    with pytest.raises(UsageError, match=said):
        cost_metric(file)


def test_a_file_is_taken_for_costs_by_its_name(write_digits, tmp_path):
    digits = write_digits(tmp_path / "digits", each=8)
    (tmp_path / "costs.csv").write_text("truth,nine,nein\nnine,,3\n")
    metric = str(tmp_path / "costs.csv")
    with pytest.raises(UsageError, match="'nein'"):
        phoropter.run(digits, project=tmp_path / "p", metric=metric, settings=LOGISTIC, budget_s=9)
