"""How each of a fixed set of training samples fared, pass by pass (`dynamics.npz`).

A sample that is learnt late or forgotten again is hard or wrongly labelled (Toneva et al. 2019,
arXiv:1812.05159; Swayamdipta et al. 2020, arXiv:2009.10795).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from phoropter.core.errors import CorruptFileError
from phoropter.core.files import whole_file
from phoropter.core.records import Rows
from phoropter.core.run_records import SampleDynamics

FILE = "dynamics.npz"
LARGEST = np.finfo(np.float16).max


class Dynamics:
    """Collects losses and answers of the fixed training samples.

    Attributes:
        epochs: The passes, in order.
        losses: Plain losses of each pass, (n,) float32.
        answers: The class with the highest score, or the first value, of each pass, (n,).
    """

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.losses: list[NDArray[np.float32]] = []
        self.answers: list[NDArray[np.float32]] = []

    def add(self, epoch: int, losses: NDArray[np.float32], outputs: NDArray[np.float32]) -> None:
        """Takes a pass: losses (n,) and raw outputs (n, ...)."""
        flat = outputs.reshape(len(outputs), -1)
        answers = flat.argmax(1) if flat.shape[1] > 1 else flat[:, 0]
        self.epochs.append(epoch)
        self.losses.append(losses.astype(np.float32))
        self.answers.append(answers.astype(np.float32))

    def write(self, folder: Path, rows: Rows) -> None:
        """Writes everything: rows (n,), epochs (k,), losses and answers (k, n).

        The losses are half floats: of larger ones no more is told than that they are.
        """
        with whole_file(folder / FILE) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                rows=rows,
                epochs=np.asarray(self.epochs, dtype=np.int64),
                losses=np.minimum(self.losses, LARGEST).astype(np.float16),
                answers=np.asarray(self.answers, dtype=np.float32),
            )

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know; two tensors, for each one more makes saving slower."""
        if not self.epochs:
            return {"epochs": []}
        return {
            "epochs": self.epochs,
            "losses": torch.from_numpy(np.stack(self.losses)),
            "answers": torch.from_numpy(np.stack(self.answers)),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`."""
        self.epochs = list(state["epochs"])
        self.losses = list(state["losses"].numpy()) if self.epochs else []
        self.answers = list(state["answers"].numpy()) if self.epochs else []


def read_dynamics(folder: Path) -> SampleDynamics | None:
    """What a run left in `dynamics.npz`; None if there is none.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file) as content:
            return SampleDynamics(
                epochs=content["epochs"],
                losses=content["losses"].astype(np.float64),
                answers=content["answers"].astype(np.float64),
            )
    except (KeyError, OSError, ValueError, BadZipFile) as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error!r}.", hint="Delete the run's folder; train again."
        ) from error
