import pytest

import phoropter
from phoropter.core.errors import UsageError
from phoropter.core.events import Note, RunBegun
from phoropter.core.recipe import Recipe
from phoropter.project.tracking import Tracking
from phoropter.training.history import read_history

SMALL = {
    "model.name": "mlp",
    "model.pretrained": False,
    "model.transfer": "finetune",
    "data.size": 8,
    "train.epochs": 2,
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def trained(tmp_path, monkeypatch, write_digits):
    """Trains on a few digits with a tracker; gives the project's folder, run and history."""
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "few", each=20)

    def make(track):
        result = phoropter.train("few", settings=SMALL, track=track)
        project = tmp_path / "few.phoropter"
        return project, result, read_history(project / "runs" / result.run)

    return make


def test_tensorboard_has_the_curve(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    project, result, history = trained("tensorboard")

    seen = EventAccumulator(str(project / "tracking" / result.run))
    seen.Reload()
    points = [(point.step, point.value) for point in seen.Scalars("loss/val")]
    assert points == [(row.step, pytest.approx(row.val_loss)) for row in history]
    assert {"loss/train", "metric/val", "lr"} <= set(seen.Tags()["scalars"])


def test_mlflow_has_the_curve_and_the_recipe(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    project, result, history = trained("mlflow")

    client = MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name(project.name)
    [run] = client.search_runs([experiment.experiment_id])
    points = client.get_metric_history(run.info.run_id, "loss/val")
    assert [(point.step, point.value) for point in points] == [
        (row.step, pytest.approx(row.val_loss)) for row in history
    ]
    assert run.info.run_name == result.run
    assert run.data.params["model.name"] == "mlp"
    assert run.info.status == "FINISHED"


def test_an_unknown_tracker_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="tensorbord") as raised:
        phoropter.train("digits", settings=SMALL, track="tensorbord")
    assert "tensorboard" in raised.value.hint
    assert not list(tmp_path.iterdir())


def test_a_tracker_that_fails_ends_the_tracking_and_nothing_else():
    heard = []

    def broken(run):
        raise ConnectionError("no server")

    Tracking(broken, heard.append)(RunBegun("abc", Recipe()))

    assert heard[-1] == Note("Tracking of this run has ended: no server")
