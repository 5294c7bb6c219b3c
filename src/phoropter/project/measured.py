"""What networks cost on this machine: measured when asked for, kept, and listed from then on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from phoropter.core.errors import CorruptFileError, InputError, UsageError, nearest
from phoropter.core.events import Listener, Note, Progress
from phoropter.core.files import read_json, write_json
from phoropter.core.records import Measurement, ModelCard
from phoropter.data.cache import cache_folder
from phoropter.models.catalog import card, cards
from phoropter.project.machine import fingerprint

_ANY_SIZE_PX = 32
"""Side at which networks for any size are measured."""


def listed(task: str | None, names: Sequence[str]) -> tuple[ModelCard, ...]:
    """The models of the list, or those that are named, with what was measured here.

    Raises:
        UsageError: If a name is unknown, or a named model is not for the task.
    """
    known = _read()
    chosen = [card(name) for name in names] if names else cards(task)
    misfits = [item.name for item in chosen if task is not None and task not in item.tasks]
    if misfits:
        raise UsageError(
            f"The model {misfits[0]!r} is not for {task}.",
            hint=f"See: phoropter models --task {task}",
        )
    return tuple(_with(item, known) for item in chosen)


def measured(
    task: str | None, names: Sequence[str], *, listener: Listener
) -> tuple[ModelCard, ...]:
    """The same after every network among them was measured anew; each result is kept at once.

    Without names, a network that cannot be measured here (for want of memory, say) is left out with
    a note.

    Raises:
        UsageError: If a name is unknown, or one of them is no network.
        InputError: If a named network cannot be measured.
    """
    chosen = listed(task, names)
    classics = [item.name for item in chosen if item.family != "network"]
    if names and classics:
        raise UsageError(
            f"{classics[0]!r} is fitted, not trained; there is no step to be timed.",
            hint=nearest(classics[0], [item.name for item in cards() if item.family == "network"]),
        )
    networks = [item for item in chosen if item.family == "network"]
    for done, item in enumerate(networks):
        listener(Progress("measuring", done, len(networks), item.name))
        try:
            _keep(item.name, _alone(item))
        except InputError as error:
            if names:
                raise
            listener(Note(error.message))
    listener(Progress("measuring", len(networks), len(networks)))
    return listed(task, names)


def _alone(item: ModelCard) -> Measurement:
    """Measures a network in a fresh process."""
    asked = json.dumps({"name": item.name, "size": item.input_px or _ANY_SIZE_PX})
    command = [sys.executable, "-m", "phoropter.models.measuring", asked]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        said = json.loads(finished.stdout.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        last = (finished.stderr.strip().splitlines() or [""])[-1]
        said = {"error": last or f"the process ended with {finished.returncode}, as if killed"}
    if "error" in said:
        raise InputError(
            f"{item.name!r} cannot be measured: {said['error']}",
            hint="It may need more memory than there is.",
        )
    return Measurement(**said)


def _with(item: ModelCard, known: dict[str, Measurement]) -> ModelCard:
    return replace(item, measured=known[item.name]) if item.name in known else item


def _place() -> Path:
    return cache_folder() / "measured" / f"{fingerprint()}.json"


def _read() -> dict[str, Measurement]:
    if not _place().exists():
        return {}
    try:
        return {name: Measurement(**facts) for name, facts in read_json(_place()).items()}
    except (TypeError, AttributeError) as error:
        raise CorruptFileError(
            f"{str(_place())!r} is damaged: {error}.", hint="Delete it and measure again."
        ) from error


def _keep(name: str, result: Measurement) -> None:
    content: dict[str, Any] = {**_read(), name: result}
    write_json(_place(), dict(sorted(content.items())))
