"""The state of an unfinished run, and the weights of a finished one."""

from __future__ import annotations

import math
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.events import Listener, Note, silent
from phoropter.core.files import whole_file
from phoropter.core.run_records import KeptPass
from phoropter.training.callbacks.best import KeptWeights

FOLDER = "checkpoint"
LAST, PREVIOUS, NEXT = "last.pt", "previous.pt", "next.pt"
BEST = f"{FOLDER}/best.safetensors"
_OTHERS = "epoch-*.safetensors"


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
            _check_sums(path)
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (
            OSError,
            RuntimeError,
            ValueError,
            EOFError,
            pickle.UnpicklingError,
            zipfile.BadZipFile,
        ):
            listener(Note(f"The checkpoint {name} is damaged; the one before it is used."))
            path.unlink()
        else:
            return state
    return None


def _check_sums(path: Path) -> None:
    """Compares every part with its checksum: torch writes them, but does not look at them.

    Raises:
        ValueError: If one differs.
        zipfile.BadZipFile: If the file is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        message = f"{damaged!r} in {str(path)!r} is damaged"
        raise ValueError(message)


def drop_state(folder: Path) -> None:
    """Removes the states: the run is finished."""
    for name in (LAST, PREVIOUS, NEXT):
        (folder / FOLDER / name).unlink(missing_ok=True)


def write_kept(folder: Path, kept: Sequence[KeptWeights]) -> tuple[KeptPass, ...]:
    """Writes the weights of a run's kept passes, best first, and removes those of no other.

    The best goes to `best.safetensors`, whichever pass it is; the others to files named by pass.
    """
    written = tuple(
        KeptPass(
            one.epoch,
            one.loss if math.isfinite(one.loss) else None,
            _name(one.epoch) if place else BEST,
        )
        for place, one in enumerate(kept)
    )
    for one, entry in zip(kept, written, strict=True):
        write_weights(folder, one.weights, name=entry.weights)
    names = {folder / entry.weights for entry in written}
    for path in (folder / FOLDER).glob(_OTHERS):
        if path not in names:  # of an earlier, shorter part of the run
            path.unlink()
    return written


def weights_of(kept: Sequence[KeptPass], epoch: int | None) -> str:
    """The file with the weights of a kept pass, the best one's if none is named.

    Raises:
        UsageError: If the pass was not kept.
    """
    for entry in kept:
        if entry.epoch == epoch:
            return entry.weights
    if epoch is None:
        return BEST
    known = ", ".join(str(entry.epoch) for entry in kept) or "none by number"
    raise UsageError(
        f"The weights of pass {epoch} were not kept; kept: {known}.",
        hint="Delete the run's folder, and train it again with a larger --keep.",
    )


def _name(epoch: int) -> str:
    return f"{FOLDER}/epoch-{epoch:04d}.safetensors"


def write_weights(folder: Path, weights: Mapping[str, Tensor], *, name: str = BEST) -> None:
    """Writes weights of a finished run."""
    storable = {
        key: value.detach().cpu().contiguous().clone()  # tied weights share memory: not storable
        for key, value in weights.items()
    }
    with whole_file(folder / name) as partial:
        save_file(storable, partial)


def read_weights(folder: Path, *, name: str = BEST) -> dict[str, Tensor]:
    """Weights of a finished run.

    Raises:
        CorruptFileError: If the file is missing or damaged.
    """
    path = folder / name
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CorruptFileError(
            f"The weights {str(path)!r} cannot be read: {error}.",
            hint="Delete the run's folder and train it again.",
        ) from error
    return weights
