"""The state of an unfinished run, and the weights of a finished one."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from phoropter.core.errors import CorruptFileError
from phoropter.core.events import Listener, Note, silent
from phoropter.core.files import whole_file

FOLDER = "checkpoint"
LAST, PREVIOUS, NEXT = "last.pt", "previous.pt", "next.pt"
BEST = "best.safetensors"


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Writes the state of a run, whole or not at all, and keeps the one before."""
    last, following = folder / FOLDER / LAST, folder / FOLDER / NEXT
    with whole_file(following) as partial:
        torch.save(dict(state), partial)
    if last.exists():
        last.replace(folder / FOLDER / PREVIOUS)
    following.replace(last)


def load_state(folder: Path, *, listener: Listener = silent) -> dict[str, Any] | None:
    """The newest sound state, or None; a damaged one is removed, and said to be.

    Nothing but tensors and plain values is read: no code in the file can run.
    """
    for name in (LAST, PREVIOUS):
        path = folder / FOLDER / name
        if not path.exists():
            continue
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
            listener(Note(f"The checkpoint {name} is damaged; the one before it is used."))
            path.unlink()
        else:
            return state
    return None


def drop_state(folder: Path) -> None:
    """Removes the states: the run is finished."""
    for name in (LAST, PREVIOUS, NEXT):
        (folder / FOLDER / name).unlink(missing_ok=True)


def write_weights(folder: Path, network: nn.Module) -> None:
    """Writes the kept weights of a finished run."""
    weights = {
        name: value.detach().cpu().contiguous().clone()  # tied weights share memory: not storable
        for name, value in network.state_dict().items()
    }
    with whole_file(folder / FOLDER / BEST) as partial:
        save_file(weights, partial)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The kept weights of a finished run.

    Raises:
        CorruptFileError: If the file is missing or damaged.
    """
    path = folder / FOLDER / BEST
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CorruptFileError(
            f"The weights {str(path)!r} cannot be read: {error}.",
            hint="Delete the run's folder and train it again.",
        ) from error
    return weights
