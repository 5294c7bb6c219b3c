"""The user's own metric is taken, and what speaks against it is said."""

import numpy as np
import pytest

import phoropter
from phoropter.core.errors import UsageError
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.report.translation import translated


def reason(folder, values, metric):
    table = "\n".join(f"{index % 7},{value}" for index, value in enumerate(values))
    (folder / "table.csv").write_text(f"x,y\n{table}\n")
    options = Options(folder / "table.csv", folder / "p.phoropter", target="y", metric=metric)
    with started(options, listener=lambda event: None) as project:
        return project.choice(project.split()).reason


@pytest.mark.parametrize(("near", "warned"), [(0.0, True), (5.0, False)])
def test_mape_is_warned_about_near_zero(tmp_path, near, warned):
    values = np.round(np.random.default_rng(0).uniform(5, 10, 200), 3)
    values[::2] = near + np.arange(100) / 1e6
    said = reason(tmp_path, values, "mape")
    assert said.startswith("Chosen by you.")
    assert ("true values near zero; read mae or rmse instead." in said) == warned
    assert translated(said, "ko") != said
    assert "Chosen" not in translated(said, "ko")


def test_other_metrics_are_taken_as_they_are(tmp_path):
    assert reason(tmp_path, np.arange(100) / 8, "mae") == "Chosen by you."


def test_a_metric_that_cannot_be_used_starts_no_project(write_digits, tmp_path):
    data = write_digits(tmp_path / "d", each=12)
    for name, hint in (("acuracy", "'accuracy'"), ("rmse", "accuracy")):
        with pytest.raises(UsageError) as caught:
            phoropter.run(data, project=tmp_path / "p", metric=name, budget_s=5)
        assert repr(name) in caught.value.message
        assert hint in caught.value.hint
        assert not (tmp_path / "p").exists()
