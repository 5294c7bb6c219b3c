import numpy as np
import pytest

from phoropter.core.errors import InputError
from phoropter.diagnosis.curves_file import read_curves
from phoropter.diagnosis.diagnose import diagnose


def _write(path, rows, header="epoch,train_loss,val_loss"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_overfitting_is_found_in_curves_alone(tmp_path):
    time = np.arange(1, 41) / 40
    train = 2.0 * np.exp(-6 * time)
    val = 0.6 + 1.4 * np.exp(-12 * time) + 0.9 * np.clip(time - 0.3, 0, 1)
    rows = [f"{i + 1},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(zip(train, val, strict=True))]
    (found,) = diagnose(read_curves(_write(tmp_path / "curves.csv", rows)))
    assert found.code == "overfit"
    assert found.severity == "warning"


def test_nan_is_a_divergence(tmp_path):
    path = _write(tmp_path / "c.csv", ["1,2.3,2.3", "2,9.1,8.8", "3,nan,nan"])
    assert diagnose(read_curves(path))[0].code == "diverged"


def test_metric_rate_and_gaps_are_read(tmp_path):
    header = " epoch, train_loss,val_loss,train_accuracy,val_accuracy,lr"
    path = _write(tmp_path / "c.csv", ["2,0.5,,0.8,0.7,0.01", "1,1.0,1.1,0.5,0.4,0.02"], header)
    made = read_curves(path)
    assert [row.epoch for row in made.history] == [1, 2]
    assert made.history[1].val_loss is None
    assert (made.metric, made.greater_is_better) == ("accuracy", True)
    assert made.recipe.train.lr == 0.02
    assert read_curves(_write(path, ["1,1,1,3"], "epoch,train_loss,val_loss,val_rmse")).metric


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("epoch,train_loss\n1,2\n", "no column 'val_loss'"),
        ("epoch,train_loss,val_loss\n", "no rows"),
        ("epoch,train_loss,val_loss\n1,two,3\n", "'two' in the column 'train_loss' is no number"),
        ("epoch,train_loss,val_loss\n,2,3\n", "row without an epoch"),
        ("", "Cannot read the curves"),
    ],
)
def test_bad_files_are_refused_with_the_reason(tmp_path, content, words):
    path = tmp_path / "curves.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_curves(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="Cannot read"):
        read_curves(tmp_path / "none.csv")


def test_the_test_part_is_not_taken_for_validation(tmp_path):
    header = "epoch,train_loss,val_loss,test_loss"
    made = read_curves(_write(tmp_path / "c.csv", ["1,1.0,1.1,7.0", "2,0.5,0.6,8.0"], header))
    assert [row.val_loss for row in made.history] == [1.1, 0.6]
