"""The curves of every run in TensorBoard or MLflow too, through accelerate's trackers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from phoropter.core.errors import MissingExtraError, UsageError, nearest
from phoropter.core.events import Event, Listener, Note, PassMeasured, RunBegun, RunEnded
from phoropter.core.recipe import flat
from phoropter.project.folder import Folder

TRACKERS = ("tensorboard", "mlflow")

NAMES = {
    "train_loss": "loss/train",
    "val_loss": "loss/val",
    "running_loss": "loss/running",
    "train_metric": "metric/train",
    "val_metric": "metric/val",
    "grad_norm": "gradient/norm",
    "lr": "lr",
}
"""What a field of the history is called in a tracker."""


@contextmanager
def tracked(kind: str | None, folder: Folder, listener: Listener) -> Iterator[Listener]:
    """The listener, or one that passes everything on and tells a tracker of every run.

    Args:
        kind: One of `TRACKERS`; None tracks nothing.
        folder: The project; TensorBoard's files go to its folder `tracking`, MLflow goes where
            `MLFLOW_TRACKING_URI` says, into an experiment of the project's name.
        listener: Who listened so far.

    Raises:
        UsageError: If there is no such tracker, or it is not installed.
    """
    if kind is None:
        yield listener
        return
    check_tracker(kind)
    tracking = Tracking(_opener(kind, folder), listener)
    try:
        yield tracking
    finally:
        tracking.close()


def check_tracker(kind: str | None) -> None:
    """Refuses a tracker that cannot be used.

    Raises:
        UsageError: If there is no such tracker, or it is not installed.
    """
    if kind is None:
        return
    if kind not in TRACKERS:
        raise UsageError(f"There is no tracker {kind!r}.", hint=nearest(kind, TRACKERS))
    if find_spec(kind) is None:
        raise MissingExtraError(kind, "track", why=f"Tracking with {kind}")


class Tracking:
    """A listener that keeps a tracker up to date.

    Args:
        opened: Makes the tracker of a run, ready to log.
        listener: Gets every event too.
    """

    def __init__(self, opened: Callable[[str], Any], listener: Listener) -> None:
        self._opened = opened
        self._listener = listener
        self._tracker: Any = None

    def __call__(self, event: Event) -> None:
        """Passes the event on, and tells the tracker."""
        self._listener(event)
        try:
            self._tell(event)
        except Exception as error:  # noqa: BLE001 - somebody else's server must not end a training
            self._tracker = None
            self._listener(Note(f"Tracking of this run has ended: {error}"))

    def close(self) -> None:
        """Ends a run that was cut short."""
        if self._tracker is not None:
            self._tracker.finish()
            self._tracker = None

    def _tell(self, event: Event) -> None:
        if isinstance(event, RunBegun):
            self.close()
            self._tracker = self._opened(event.run)
            self._tracker.store_init_configuration(_plain(flat(event.recipe)))
        elif isinstance(event, PassMeasured) and self._tracker is not None:
            row = asdict(event.row)
            values = {name: row[field] for field, name in NAMES.items() if row[field] is not None}
            self._tracker.log(values, step=event.row.step)
        elif isinstance(event, RunEnded):
            self.close()


def _opener(kind: str, folder: Folder) -> Callable[[str], Any]:
    def opened(run: str) -> Any:
        from accelerate import PartialState
        from accelerate.tracking import MLflowTracker, TensorBoardTracker

        PartialState()  # the trackers ask it which process they are in
        if kind == "tensorboard":
            tracker = TensorBoardTracker(run, logging_dir=folder.path / "tracking")
        else:
            tracker = MLflowTracker(experiment_name=folder.path.name, run_name=run)
        tracker.start()
        return tracker

    return opened


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as trackers take them: numbers, words and truth values."""
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in values.items()
    }
