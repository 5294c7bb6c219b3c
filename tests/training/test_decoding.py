import numpy as np
import pytest

from phoropter.core.decoding import Decoding
from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.predictions import read_predictions
from phoropter.metrics import named
from phoropter.metrics.decoding import decoded
from phoropter.training.checkpoint import BEST
from phoropter.training.decoding import FILE, read_decoding
from phoropter.training.execute import execute, predicted
from phoropter.training.gates import read_gates
from phoropter.training.history import read_history
from phoropter.training.summary import read_summary
from phoropter.training.twins import twin

DECODED = {
    "predict.calibration": "temperature",
    "predict.threshold": "f1",
    "predict.positive": "two",
}


@pytest.fixture(scope="module")
def pair(problem, tiny, tmp_path_factory):
    """A run, and the run that differs from it in its predictions alone."""
    runs = tmp_path_factory.mktemp("pair")
    plain = execute(tiny(), problem, runs=runs)
    return plain, execute(tiny().changed(DECODED), problem, runs=runs)


def test_only_the_answers_differ(problem, tiny, pair):
    plain, changed = pair
    assert plain != changed
    left, right = ({path.name for path in folder.rglob("*")} for folder in pair)
    assert right == left | {FILE}
    assert (plain / BEST).read_bytes() == (changed / BEST).read_bytes()
    assert read_history(plain) == read_history(changed)
    assert read_gates(plain) == read_gates(changed)
    before, after = read_summary(plain), read_summary(changed)
    assert (before.steps, before.best_epoch) == (after.steps, after.best_epoch)
    assert read_decoding(plain) == Decoding()


def test_what_the_recipe_asks_for_is_kept_and_applied(problem, pair):
    plain, changed = pair
    kept = read_decoding(changed)
    assert kept.decision.positive == "two"
    assert 0 < kept.decision.threshold < 1
    assert kept.temperature != 1.0
    rows = problem.rows("test")
    raw, told = predicted(plain, problem, rows), predicted(changed, problem, rows)
    expected = decoded(raw, kept)
    np.testing.assert_array_equal(told.probabilities, expected.probabilities)
    np.testing.assert_array_equal(told.predicted, expected.predicted)
    recorded = read_predictions(changed / "predictions.parquet")
    assert recorded.decided is not None
    assert named("log_loss")(recorded) != named("log_loss")(
        read_predictions(plain / "predictions.parquet")
    )


def test_a_run_trained_otherwise_or_cut_short_is_no_twin(problem, tiny, pair, tmp_path):
    plain, _ = pair
    assert twin(tiny().changed({"predict.tta": 2}), problem, plain.parent) is not None
    assert twin(tiny().changed({"train.lr": 0.5}), problem, plain.parent) is None
    assert twin(tiny(), problem, tmp_path / "nothing") is None
    outcome = tmp_path / "runs" / plain.name / "outcome.json"
    outcome.parent.mkdir(parents=True)
    (outcome.parent / "recipe.yaml").write_bytes((plain / "recipe.yaml").read_bytes())
    outcome.write_text('{"stopped_by": "budget"}')
    changed = tiny().changed(DECODED)
    assert twin(changed, problem, tmp_path / "runs") is None
    outcome.write_text('{"stopped_by": "finished"}')
    assert twin(changed, problem, tmp_path / "runs") == outcome.parent
    (outcome.parent / "recipe.yaml").write_text("train: [")
    assert twin(changed, problem, tmp_path / "runs") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"predict.threshold": "recall>=0.99"}, "takes 37[0-9]"),
        ({"predict.threshold": "f1", "predict.positive": "four"}, "'four'"),
        ({"predict.threshold": "cost(one>four=3)"}, "'four'"),
    ],
)
def test_what_cannot_be_chosen_is_refused_before_training(problem, tiny, tmp_path, change, said):
    with pytest.raises(UsageError, match=said):
        execute(tiny().changed(change), problem, runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_told(tmp_path):
    (tmp_path / FILE).write_text('{"temperature": "warm"}')
    with pytest.raises(CorruptFileError, match="damaged"):
        read_decoding(tmp_path)
