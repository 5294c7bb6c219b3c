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


class Chorus(nn.Module):
    """Several heads on one trunk, which runs once for all of them.

    Args:
        trunk: Normalised float images (n, c, s, s) to features (n, d).
        heads: Features (n, d) to raw outputs (n, outputs), each.
    """

    def __init__(self, trunk: nn.Module, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Images (n, c, s, s) to the raw outputs of all heads side by side (n, heads x outputs)."""
        features = self.trunk(inputs)
        return torch.cat([head(features) for head in self.heads], dim=1)


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A model of an ensemble, or several that share a trunk.

    Args:
        network: Normalised float images (n, c, s, s) to raw outputs (n, outputs), or those of
            several heads side by side.
        normalization: What its images are normalised by.
        tta: Views that are averaged.
        counts: How often each head counts.
    """

    network: nn.Module
    normalization: Normalization
    tta: int
    counts: tuple[int, ...]


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
        total = sum(sum(member.counts) for member in members)
        self.shares = [[count / total for count in member.counts] for member in members]
        own = [member.normalization for member in members]
        mean, std = (torch.tensor([getattr(n, what) for n in own]) for what in ("mean", "std"))
        shape = (len(own), 1, -1, 1, 1)
        self.register_buffer("scale", (std[:1] / std).reshape(shape))
        self.register_buffer("shift", ((mean[:1] - mean) / std).reshape(shape))

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Images (n, c, s, s), normalised for the first member, to raw outputs (n, outputs)."""
        answers = [
            share * answer
            for at, shares in enumerate(self.shares)
            for share, answer in zip(shares, self._answers(at, inputs), strict=True)
        ]
        total = torch.stack(answers).sum(dim=0)
        return total.clamp_min(_TINY).log() if self.kind == "classes" else total

    def _answers(self, at: int, inputs: Tensor) -> list[Tensor]:
        """What each head of a member says of the images."""
        images = inputs * self.scale[at] + self.shift[at]
        raw = averaged(self.networks[at], images, tta=self.views[at])
        parts = raw.chunk(len(self.shares[at]), dim=1)
        return [part.softmax(dim=1) if self.kind == "classes" else part for part in parts]
