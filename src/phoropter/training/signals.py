"""What happens inside a network while it learns, block by block, for a diagnosis afterwards.

Everything is measured on a few steps of a few passes, for it must not slow the training:

- the gradient norm of each block, before clipping: it tells vanishing and exploding gradients;
- the length of one step over the length of the weights: about 1e-3 in a healthy network (Karpathy,
  "Neural networks part 3", CS231n), far less where a block does not learn;
- the cosine of two consecutive gradients. They come from different batches at nearly the same
  weights, so it estimates the share of a gradient's squared length that is no noise, and the
  gradient noise scale in batches is about 1 / cosine - 1 (McCandlish et al. 2018,
  arXiv:1812.06162, equation 2.8).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from phoropter.core.errors import CorruptFileError
from phoropter.core.files import read_json, write_json
from phoropter.core.run_records import PassSignals

FILE = "signals.json"
MOST_BLOCKS = 24
COARSEST = 2  # levels: the children of trunk and head
EVERY_PASS_UP_TO = 8
SAMPLED_PASSES = 64


def is_sampled(epoch: int, *, epochs: int) -> bool:
    """Whether signals are taken in this pass: the first ones, then 64 at most, evenly spread.

    >>> sum(is_sampled(epoch, epochs=1000) for epoch in range(1, 1001))
    70
    """
    return epoch <= EVERY_PASS_UP_TO or epoch % -(-epochs // SAMPLED_PASSES) == 0


class Signals:
    """Collects the signals of the pass under way, and keeps those of the sampled ones before it.

    Args:
        network: Names the parameters.
        parameters: Those watched, in the order of their norms.
        epochs: Planned.
        steps_per_epoch: Optimiser steps of a pass.
    """

    def __init__(
        self,
        network: nn.Module,
        parameters: Sequence[nn.Parameter],
        *,
        epochs: int,
        steps_per_epoch: int,
    ) -> None:
        names = {id(p): name for name, p in network.named_parameters()}
        block_of = blocks(list(names.values()))
        self._parameters = parameters
        own = [block_of[names[id(p)]] for p in parameters]
        self.blocks = tuple(block for block in dict.fromkeys(block_of.values()) if block in own)
        self._block_of = torch.tensor([self.blocks.index(block) for block in own])
        self.expect(epochs=epochs, steps_per_epoch=steps_per_epoch)
        self.rows: list[PassSignals] = []
        self.clear()

    def expect(self, *, epochs: int, steps_per_epoch: int) -> None:
        """Sets what is planned from the next pass on; a loop of others tells its plan to nobody."""
        self._epochs = epochs
        self._middle = (steps_per_epoch - 1) // 2

    def clear(self) -> None:
        """Starts a new pass."""
        self._norms: list[Tensor] = []
        self._before: list[Tensor] = []
        self._lengths: list[Tensor] = []
        self._gradient: list[Tensor] = []
        self._products: list[Tensor] = []
        self._trained: list[str] = []

    def forget_gradient(self) -> None:
        """To be told when other layers are trained: two such gradients cannot be compared."""
        self._gradient = []

    def wanted(self, epoch: int, position: int) -> bool:
        """Whether the gradient norms of this step are needed whatever else is measured."""
        return 0 <= position - self._middle <= 1 and is_sampled(epoch, epochs=self._epochs)

    def before_step(self, epoch: int, position: int) -> None:
        """Notes the weights that the middle step of a sampled pass starts from."""
        if position == self._middle and is_sampled(epoch, epochs=self._epochs):
            self._before = [p.detach().clone() for p in self._parameters]

    def after_step(self, epoch: int, position: int, norms: Tensor | None) -> None:
        """Takes note of a step.

        Args:
            epoch: The pass, from 1.
            position: Of the step in it, from 0.
            norms: Gradient norms before clipping, one a parameter; None where not measured.
        """
        if norms is None or not is_sampled(epoch, epochs=self._epochs):
            return
        if not self._norms:
            pairs = zip(self._parameters, self._block_of.tolist(), strict=True)
            trained = {self.blocks[block] for p, block in pairs if p.requires_grad}
            self._trained = [block for block in self.blocks if block in trained]
        with torch.no_grad():
            self._norms.append(norms)
            if position == self._middle:
                self._note_update()
                self._gradient = self._gradients(copied=True)
            elif position == self._middle + 1 and self._gradient:
                self._note_product()

    def end_pass(self, epoch: int, inactive: Mapping[str, float]) -> None:
        """Turns what was noted into a row, where anything was; starts a new pass."""
        if self._norms:
            self.rows.append(self._row(epoch, inactive))
        self.clear()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {
            "rows": [signal_values(row) for row in self.rows],
            "norms": torch.stack(self._norms) if self._norms else None,
            "lengths": self._lengths,
            "gradient": self._gradient,
            "products": self._products,
            "trained": self._trained,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`."""
        self.rows = [signals_from(row) for row in state["rows"]]
        self._norms = [] if state["norms"] is None else list(state["norms"])
        self._lengths = list(state["lengths"])
        self._gradient = list(state["gradient"])
        self._products = list(state["products"])
        self._trained = list(state["trained"])

    def _note_update(self) -> None:
        if not self._before:
            return
        steps = torch._foreach_sub([p.detach() for p in self._parameters], self._before)
        trained = torch.tensor([float(p.requires_grad) for p in self._parameters])
        self._lengths = [_norms(steps), _norms(self._before) * trained.to(steps[0].device)]
        self._before = []

    def _gradients(self, *, copied: bool) -> list[Tensor]:
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters]
        return [g.detach().clone() for g in gradients] if copied else gradients

    def _note_product(self) -> None:
        """The cosine of two gradients: clipping changes their lengths, but not their angle."""
        following = self._gradients(copied=False)
        product = torch.stack(
            [(a * b).sum() for a, b in zip(self._gradient, following, strict=True)]
        )
        lengths = _norms(self._gradient).square().sum() * _norms(following).square().sum()
        self._products = [product.sum() / lengths.sqrt()]
        self._gradient = []

    def _row(self, epoch: int, inactive: Mapping[str, float]) -> PassSignals:
        squares = torch.stack(self._norms).float().square()
        grad_norms = self._by_block(squares.mean(0)).sqrt()
        ratios: Sequence[float | None] = [None] * len(self.blocks)
        if self._lengths:
            steps, weights = (self._by_block(norms.square()).sqrt() for norms in self._lengths)
            ratios = [_ratio(a, b) for a, b in zip(steps.tolist(), weights.tolist(), strict=True)]
        cosine = float(self._products[0]) if self._products else None
        told = [at for at, block in enumerate(self.blocks) if block in self._trained]
        return PassSignals(
            epoch=epoch,
            blocks=tuple(self.blocks[at] for at in told),
            grad_norms=tuple(grad_norms[at].item() for at in told),
            update_ratios=tuple(ratios[at] for at in told),
            gradient_cosine=None if cosine is None or not math.isfinite(cosine) else cosine,
            inactive=dict(inactive),
        )

    def _by_block(self, values: Tensor) -> Tensor:
        sums = torch.zeros(len(self.blocks), device=values.device)
        return sums.index_add_(0, self._block_of.to(values.device), values.float())


def blocks(names: Sequence[str]) -> dict[str, str]:
    """The block of each parameter, named after the module that holds its parameters.

    Blocks are as fine as `MOST_BLOCKS` allows: single layers where these are few, else the modules
    around them. Where even the children of trunk and head are too many, neighbours are merged.

    >>> blocks(["trunk.conv.weight", "trunk.conv.bias", "head.linear.weight"])
    {'trunk.conv.weight': 'trunk.conv', 'trunk.conv.bias': 'trunk.conv', 'head.linear.weight': \
'head.linear'}

    Args:
        names: Of the parameters, in the order of the network.
    """
    paths = {name: name.split(".")[:-1] or [name] for name in names}
    depth = max((len(path) for path in paths.values()), default=COARSEST)
    cut = {name: ".".join(path) for name, path in paths.items()}
    while len(order := list(dict.fromkeys(cut.values()))) > MOST_BLOCKS and depth > COARSEST:
        depth -= 1
        cut = {name: ".".join(path[:depth]) for name, path in paths.items()}
    if len(order) <= MOST_BLOCKS:
        return cut
    size = -(-len(order) // MOST_BLOCKS)
    firsts = {child: order[at - at % size] for at, child in enumerate(order)}
    return {name: firsts[child] for name, child in cut.items()}


def signal_values(row: PassSignals) -> dict[str, Any]:
    """The row as JSON-able values; numbers that are not finite become None."""
    return {
        "epoch": row.epoch,
        "blocks": list(row.blocks),
        "grad_norms": [_finite(value) for value in row.grad_norms],
        "update_ratios": [_finite(value) for value in row.update_ratios],
        "gradient_cosine": row.gradient_cosine,
        "inactive": dict(row.inactive),
    }


def signals_from(values: Mapping[str, Any]) -> PassSignals:
    """The reverse of `signal_values`."""
    return PassSignals(
        epoch=values["epoch"],
        blocks=tuple(values["blocks"]),
        grad_norms=tuple(values["grad_norms"]),
        update_ratios=tuple(values["update_ratios"]),
        gradient_cosine=values["gradient_cosine"],
        inactive=dict(values["inactive"]),
    )


def write_signals(folder: Path, rows: Sequence[PassSignals]) -> None:
    """Writes `signals.json`: one entry a sampled pass."""
    write_json(folder / FILE, [signal_values(row) for row in rows])


def read_signals(folder: Path) -> tuple[PassSignals, ...]:
    """What a run left in `signals.json`; empty if there is none.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return ()
    try:
        return tuple(signals_from(row) for row in read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error!r}.", hint="Delete the run's folder; train again."
        ) from error


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _norms(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(torch._foreach_norm(list(tensors)))


def _ratio(step: float, weight: float) -> float | None:
    """None where all weights are zero: a bias at its start."""
    return step / weight if weight > 0 else None
