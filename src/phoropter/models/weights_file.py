"""Weights from a file of the user's, read without running anything that is in it."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from phoropter.core.errors import InputError, UsageError

_NESTED = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")
_WRAPPERS = ("module.", "_orig_mod.")
_OURS = "trunk."
_SHOWN = 3


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file of weights by name, on the CPU, without what wrappers add to names.

    Training checkpoints that hold the weights under a usual name ("state_dict", "model", ...) are
    opened. Of a network of ours the trunk is taken, without its name.

    Raises:
        InputError: If there is no such file, it cannot be read, or it holds anything but tensors
            and plain values (a pickled module could run code, and is refused).
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise InputError(
            f"There is no file of weights at {str(path)!r}.",
            hint="model.weights names a .safetensors, .pth or .pt file, from where you stand.",
        )
    try:
        if place.suffix == ".safetensors":
            content: Any = load_file(place)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on unusual files that are refused all the same
                content = torch.load(place, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise InputError(
            f"{str(path)!r} holds no weights that can be read.",
            hint="Save them anew: safetensors.torch.save_file(model.state_dict(), FILE).",
        ) from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{str(path)!r} holds more than tensors, and opening it would run code.",
            hint="Save the tensors alone: torch.save(model.state_dict(), FILE).",
        ) from error
    return _tensors(content, path)


def load_into(module: nn.Module, path: str | Path) -> None:
    """Fills a module of ours from a file; every weight of it must be there.

    What the file has besides, such as a classifier for other classes, is left out. If only the
    first layer differs in that the file's has three colours and the module's one, the filters are
    summed over the colours, which is the same as showing it the grey image three times.

    Raises:
        InputError: If the file cannot be read or does not fit.
    """
    state = read_state(path)
    wanted = module.state_dict()
    usable = {name: _of_colours(state[name], wanted[name]) for name in wanted if name in state}
    lacking = [name for name in wanted if name not in usable]
    misshapen = [name for name in usable if usable[name].shape != wanted[name].shape]
    if lacking or misshapen:
        names = ", ".join((lacking or misshapen)[:_SHOWN])
        what = f"lacks {len(lacking)} of {len(wanted)}" if lacking else "has other shapes for some"
        raise unfitting(path, f"it {what} weights of the model ({names}, ...)")
    module.load_state_dict(usable)


def unfitting(path: str | Path, why: str) -> InputError:
    """The error for a file that holds the weights of something else."""
    return InputError(
        f"The weights in {str(path)!r} do not fit the model: {why}.",
        hint="Set model.name (and its depth, width, norm) to what the weights were trained with.",
    )


def weights_digest(path: str | Path) -> str:
    """SHA-256 of the file's content, 16 hexadecimal digits.

    Raises:
        InputError: If there is no such file.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        read_state(path)
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _tensors(content: Any, path: str | Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        for name in _NESTED:
            if isinstance(content.get(name), Mapping):
                content = content[name]
                break
        found = {
            _unwrapped(str(key)): value
            for key, value in content.items()
            if isinstance(value, Tensor)
        }
        if any(name.startswith(_OURS) for name in found):
            found = {
                name.removeprefix(_OURS): value
                for name, value in found.items()
                if name.startswith(_OURS)
            }
        if found:
            return found
    raise UsageError(
        f"{str(path)!r} holds no weights by name, but a {type(content).__name__}.",
        hint="Save them anew: safetensors.torch.save_file(model.state_dict(), FILE).",
    )


def _unwrapped(name: str) -> str:
    while name.startswith(_WRAPPERS):
        name = name.partition(".")[2]
    return name


def _of_colours(given: Tensor, wanted: Tensor) -> Tensor:
    colours = given.ndim == wanted.ndim == 4 and (given.shape[1], wanted.shape[1]) == (3, 1)
    return given.sum(dim=1, keepdim=True) if colours else given
