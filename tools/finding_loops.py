"""Watched loops that the pages of docs/findings show: loop.py there, and one line changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finding_figures import curves_figure
from finding_shown import PAGES, Exhibition, Shown, decimal

import phoropter
from phoropter.watching.folder import read_watched

LOOP = PAGES / "loop.py"


@dataclass(frozen=True)
class Change:
    """What makes a loop sick.

    Args:
        about: One sentence.
        old: Whole lines of the loop.
        new: What stands there instead.
    """

    about: str
    old: str
    new: str


CHANGES: Mapping[str, Change] = {
    "mode-mixup": Change(
        "After the first validation nobody turns the training mode on again.",
        "    network.train()\n",
        "",
    ),
    "stale-gradient": Change("Gradients are never cleared.", "        optimizer.zero_grad()\n", ""),
    "unshuffled": Change(
        "The samples come in the order of their classes, in every pass.",
        "    for batch in torch.randperm(1200).split(32):\n",
        "    for batch in y[:1200].argsort().split(32):\n",
    ),
    "plateau": Change(
        "Images and labels are drawn apart.",
        "        inputs, targets = x[batch], y[batch]\n",
        "        inputs, targets = x[batch], y[torch.randperm(1200)[: len(batch)]]\n",
    ),
    "slow-input": Change(
        "A twentieth of a second passes before a batch is there.",
        "        inputs, targets = x[batch], y[batch]\n",
        "        inputs, targets = slowly(x[batch]), y[batch]\n",
    ),
}
SLOWLY = """import time


def slowly(batch):
    time.sleep(0.05)
    return batch


"""


def exhibition(code: str) -> Exhibition:
    """How the loops of a code are shown."""
    change = CHANGES[code]
    return Exhibition(
        "loop",
        f"{change.about} The loop is [loop.py](loop.py).",
        lambda side, place: _run(change, side, place),
        strict=True,
        draw=curves_figure,
        caption="Losses by epoch: mean of the batches grey, validation blue.",
        difference="".join(
            f"{sign}{line}\n"
            for sign, text in (("-", change.old), ("+", change.new))
            for line in text.splitlines()
        ),
    )


def _run(change: Change, side: int, place: Path) -> Shown:
    text = LOOP.read_text("utf-8")
    if text.count(change.old) != 1:
        message = f"{change.old!r} is not once in {LOOP}"
        raise ValueError(message)
    changed = text.replace(change.old, change.new) if side else text
    place.mkdir(parents=True)
    if "slowly" in changed:
        changed = SLOWLY + changed
    (place / "loop.py").write_text(changed, "utf-8")
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "loop.py"], cwd=place, env=alone, check=True)
    found = phoropter.diagnose(place / "run").findings
    watched = read_watched(place / "run")
    last = watched.history[-1]
    numbers = {
        "mean loss of the last pass": decimal(last.running_loss),
        "validation loss at the end": decimal(last.val_loss),
        "validation accuracy at the end": decimal(last.val_metric),
    }
    return Shown("python loop.py\nphoropter diagnose run", found, numbers, watched)
