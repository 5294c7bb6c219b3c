"""Several models that answer together: the mean of their probabilities, or of their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.records import Normalization
from phoropter.prediction.tta import averaged

_TINY = float(np.finfo(np.float32).tiny)


def mean_predictions(said: Sequence[Predictions], counts: Sequence[int]) -> Predictions:
    """The mean of several models' predictions for the same samples in the same order.

    >>> one, other = (
    ...     ClassPredictions(np.array(["a"]), np.array([0]), np.array([p]), ("x", "y"))
    ...     for p in ([0.9, 0.1], [0.3, 0.7])
    ... )
    >>> mean_predictions([one, other], [2, 1]).probabilities.round(3).tolist()
    [[0.7, 0.3]]

    Args:
        said: By each model; all of one kind.
        counts: How often each of them counts.
    """
    first = said[0]
    shares = np.asarray(counts, dtype=np.float64) / sum(counts)
    if isinstance(first, ClassPredictions):
        parts = [one.probabilities for one in said if isinstance(one, ClassPredictions)]
        return replace(first, probabilities=np.einsum("m,mnk->nk", shares, np.stack(parts)))
    values = [one.values for one in said if isinstance(one, ValuePredictions)]
    return replace(first, values=np.einsum("m,mnt->nt", shares, np.stack(values)))


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One of the models of an ensemble.

    Args:
        network: Normalised float images (n, c, s, s) to raw outputs (n, outputs).
        normalization: What its images are normalised by.
        tta: Views that are averaged.
        count: How often it counts.
    """

    network: nn.Module
    normalization: Normalization
    tta: int
    count: int


class Averaged(nn.Module):
    """An ensemble as one network: what makes predictions, bundles and ONNX files takes it as such.

    Its raw outputs are logarithms of mean probabilities, as of classic models, or mean standardised
    numbers. Everything in it can be traced.

    Args:
        members: The first one's normalization is that of the input.
        kind: "classes" or "values".
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, members: Sequence[Member], *, kind: str) -> None:
        super().__init__()
        self.networks = nn.ModuleList(member.network for member in members)
        self.kind = kind
        self.views = [member.tta for member in members]
        total = sum(member.count for member in members)
        self.shares = [member.count / total for member in members]
        own = [member.normalization for member in members]
        mean, std = (torch.tensor([getattr(n, what) for n in own]) for what in ("mean", "std"))
        shape = (len(own), 1, -1, 1, 1)
        self.register_buffer("scale", (std[:1] / std).reshape(shape))
        self.register_buffer("shift", ((mean[:1] - mean) / std).reshape(shape))

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Images (n, c, s, s), normalised for the first member, to raw outputs (n, outputs)."""
        answers = [
            share * self._answer(at, inputs * self.scale[at] + self.shift[at])
            for at, share in enumerate(self.shares)
        ]
        total = torch.stack(answers).sum(dim=0)
        return total.clamp_min(_TINY).log() if self.kind == "classes" else total

    def _answer(self, at: int, images: Tensor) -> Tensor:
        raw = averaged(self.networks[at], images, tta=self.views[at])
        return raw.softmax(dim=1) if self.kind == "classes" else raw
