"""What a loop's own metric is taken for."""

import pytest
import torch

import phoropter
from phoropter.watching.folder import read_watched


@pytest.mark.parametrize("metric", [None, "accuracy"])
def test_a_number_that_can_be_no_accuracy_is_not_called_one(make_loop, tmp_path, metric):
    """An error, or an accuracy in percent: it is drawn, and nothing is judged by it."""
    loop = make_loop(passes=3, told={"metric": metric})
    loop.validate = lambda watch: watch.epoch(val_loss=1.0, val_metric=12.3)
    loop.run(tmp_path).close()
    watched = read_watched(tmp_path)
    assert watched.summary.metric == ""
    assert watched.history[-1].val_metric == 12.3
    assert phoropter.diagnose(tmp_path).unjudged
    assert "val_metric by epoch" in (tmp_path / "curves.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("told", [0.5, float("nan")])
def test_a_number_without_a_name_is_taken_for_an_accuracy_if_it_may_be_one(
    make_loop, tmp_path, told
):
    loop = make_loop(passes=1)
    loop.validate = lambda watch: watch.epoch(val_metric=told)
    loop.run(tmp_path).close()
    assert read_watched(tmp_path).summary.metric == "accuracy"


def test_a_metric_of_ones_own_is_left_alone_where_there_are_answers(make_loop, tmp_path):
    losses = iter([1.0, 0.8, 0.7, 0.75, 0.85, 0.95, 1.1, 1.2, 1.3, 1.4])
    loop = make_loop(passes=10, samples=320, told={"metric": "f1"})

    @torch.no_grad()
    def validate(watch):
        loop.network.eval()
        answers = {"predictions": loop.network(loop.x[-500:]), "targets": loop.y[-500:]}
        watch.epoch(val_loss=next(losses), val_metric=0.5, **answers)

    loop.validate = validate
    loop.run(tmp_path).close()
    assert read_watched(tmp_path).summary.metric == "f1"
    found = {finding.code: finding for finding in phoropter.diagnose(tmp_path).findings}
    assert any(item.expected_gain for item in found["overfit"].prescriptions)
