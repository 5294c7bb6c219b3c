"""How each of a fixed set of training samples fared, pass by pass (`dynamics.npz`).

A sample that is learnt late or forgotten again is hard or wrongly labelled (Toneva et al. 2019,
arXiv:1812.05159; Swayamdipta et al. 2020, arXiv:2009.10795).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from phoropter.core.files import whole_file
from phoropter.core.records import Rows

FILE = "dynamics.npz"


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
        """Writes everything: rows (n,), epochs (k,), losses and answers (k, n)."""
        with whole_file(folder / FILE) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                rows=rows,
                epochs=np.asarray(self.epochs, dtype=np.int64),
                losses=np.asarray(self.losses, dtype=np.float16),
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
