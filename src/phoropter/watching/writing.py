"""Writes the records of a watched loop while it goes on, and takes little of its time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from phoropter.core.predictions import Predictions, write_predictions
from phoropter.core.run_records import Epoch, Gate, PassSignals
from phoropter.training.gates import write_gates
from phoropter.training.history import Spent, append_history, write_history
from phoropter.training.signals import write_signals
from phoropter.watching.folder import PREDICTIONS, Facts, prepare, write_facts

MOST_SHARE = 0.005  # of the time: how much writing may take, but for the rows of the history


class Writing:
    """The folder of a watched run, for the loop that fills it.

    Every file is written whole, and rows of the history are appended, so that whatever ends the
    loop, the folder can be read.

    Args:
        folder: Is made; records of an earlier watched run in it are removed.

    Attributes:
        failed: Whether the folder could no longer be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next = 0.0
        self.failed = False
        self._written: Predictions | None = None
        prepare(folder)
        write_history(folder, [])

    @property
    def due(self) -> bool:
        """Whether enough time has passed since the last `save`."""
        return time.monotonic() >= self._next

    def add(self, row: Epoch, spent: Spent) -> None:
        """Appends a row to the history."""
        append_history(self._folder, [(row, spent)])

    def history(self, rows: Sequence[Epoch]) -> None:
        """Writes the history anew."""
        write_history(self._folder, rows)

    def save(
        self,
        facts: Facts,
        gates: Sequence[Gate],
        signals: Sequence[PassSignals],
        predictions: Predictions | None,
    ) -> None:
        """Writes everything but the history."""
        begun = time.monotonic()
        if predictions is not None and predictions is not self._written:
            write_predictions(self._folder / PREDICTIONS, predictions)
            self._written = predictions
        write_signals(self._folder, signals)
        write_gates(self._folder, tuple(gates))
        write_facts(self._folder, facts)
        now = time.monotonic()
        self._next = now + (now - begun) / MOST_SHARE
