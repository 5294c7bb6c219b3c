"""The two measurements after every pass: on fixed training samples, and on validation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from torch import nn

from phoropter.core.protocols import Objective
from phoropter.core.records import Rows
from phoropter.training.activity import Activity
from phoropter.training.callbacks.average import WeightAverage
from phoropter.training.evaluation import Evaluation, evaluate
from phoropter.training.feed import Feed
from phoropter.training.numerics import Numerics
from phoropter.training.records import TrainingData
from phoropter.training.team import Team


class Judge:
    """Evaluates a network in training, by its averaged weights where it has them.

    Args:
        objective: Computes outputs and plain losses.
        network: Left in train mode, with its own weights.
        data: Names the rows and the metric.
        feed: Serves them.
        numerics: The precision of the outputs.
        average: The averaged weights, or None.
        team: The processes that share the work.
    """

    def __init__(
        self,
        objective: Objective,
        network: nn.Module,
        data: TrainingData,
        *,
        feed: Feed,
        numerics: Numerics,
        average: WeightAverage | None,
        team: Team,
    ) -> None:
        self._objective = objective
        self._network = network
        self._data = data
        self._feed = feed
        self._numerics = numerics
        self._average = average
        self._team = team
        self.seconds = 0.0
        self.activity = Activity(network)
        feed.keep(data.train_eval_rows)
        feed.keep(data.val_rows)

    def __call__(
        self, clock: Callable[[], float], *, watch_activity: bool = False
    ) -> tuple[Evaluation, Evaluation]:
        """The training and the validation samples; notes in `seconds` what it took.

        With `watch_activity` it notes in `activity` how many units are inactive, which in a small
        network takes as long as an evaluation.
        """
        started = clock()
        self._network.eval()
        with self.judged_weights():
            with self.activity.watched() if watch_activity else nullcontext():
                train = self._evaluation(self._data.train_eval_rows)
            val = self._evaluation(self._data.val_rows) if len(self._data.val_rows) else train
        self._network.train()
        self.seconds = clock() - started
        return train, val

    def judged_weights(self) -> AbstractContextManager[None]:
        """A block in which the network has the weights that are judged, and kept if best."""
        return self._average.applied(self._network) if self._average else nullcontext()

    def _evaluation(self, rows: Rows) -> Evaluation:
        return evaluate(
            self._objective,
            self._feed,
            rows=rows,
            metric=self._data.metric,
            precision=self._numerics.precision(self._feed.device),
            team=self._team,
        )
