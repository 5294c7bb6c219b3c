"""What hooks tell of a loop: steps, gradients, modes, waiting, activations."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from phoropter.core.run_records import Gate, PassSignals
from phoropter.training.ears import Ear
from phoropter.training.signals import Signals
from phoropter.watching.gradients import Gradients, is_ordinary
from phoropter.watching.listening import Listening
from phoropter.watching.modes import Modes
from phoropter.watching.pace import Pace

GUESSED_STEPS = 20  # of the first pass, whose length nobody tells
FEWEST_PASSES = 64  # likewise of their number: the first 64 are all sampled, of more every n-th
NORMS_A_PASS = 8
LEAST_BETWEEN = 8  # steps from one measurement of the norms to the next


class Hearing:
    """Hooks on a network and its optimisers, and what they have told so far.

    Gradients are looked at after the step, for an optimiser may be handed a closure that makes
    them. They are those that the step used: clipped, if the loop clips.

    Args:
        network: That is trained.
        optimizers: That make one step together, in this order.
    """

    def __init__(self, network: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        self.network, self._optimizers = network, optimizers
        layers = plain(network)
        named = dict(layers.named_parameters())
        own = {id(p) for p in named.values()}
        self._watched = [p for p in self.parameters() if id(p) in own]
        self._signals = (
            Signals(layers, self._watched, epochs=FEWEST_PASSES, steps_per_epoch=GUESSED_STEPS)
            if self._watched
            else None
        )
        self.modes = Modes(layers, map(id, self._watched))
        self.gradients = Gradients(named, self.parameters(), Ear(self.modes.on_backward))
        self.listening = Listening(network, layers, self.modes)
        self.pace = Pace(time.monotonic)
        self.epoch, self.position, self.steps = 1, 0, 0
        self._norm_every = LEAST_BETWEEN
        self._norms: Tensor | None = None
        self.lr = self.highest_lr = self.first_lr = math.nan
        self.batch_size: int | None = None
        self.size: int | None = None
        self._bag = next((m for m in layers.modules() if isinstance(m, nn.EmbeddingBag)), None)
        self._handles: list[RemovableHandle] = [
            network.register_forward_pre_hook(Ear(self._on_forward), with_kwargs=True),
            optimizers[0].register_step_pre_hook(Ear(self._before_step)),
            optimizers[-1].register_step_post_hook(Ear(self._after_step)),
        ]

    def parameters(self) -> list[nn.Parameter]:
        """Whatever the optimisers update at present."""
        groups = (group for optimizer in self._optimizers for group in optimizer.param_groups)
        return [p for group in groups for p in group["params"]]

    @property
    def signals(self) -> Sequence[PassSignals]:
        """What happened inside the network, one row a sampled pass."""
        return self._signals.rows if self._signals is not None else ()

    def take_norms(self) -> Tensor | None:
        """The gradient norms of the last step, one a parameter, if they were measured; once."""
        norms, self._norms = self._norms, None
        return norms

    def gates(self) -> list[Gate]:
        """The verdicts on the loop itself."""
        modes = self.modes.gate()
        return [*self.gradients.gates(), *([modes] if modes is not None else [])]

    def end_pass(self) -> None:
        """A new pass begins; what the last one was like is the best guess for it."""
        if self._signals is not None:
            self._signals.end_pass(self.epoch, self.listening.inactive)
            passes = max(FEWEST_PASSES, self.epoch + 1)
            self._signals.expect(epochs=passes, steps_per_epoch=self.position)
        self.listening.end_pass()
        self._norm_every = max(LEAST_BETWEEN, self.position // NORMS_A_PASS)
        self.gradients.end_pass()
        self.epoch += 1
        self.position = 0

    def on_validation(self) -> None:
        """The numbers of an evaluation are handed over."""
        self.listening.on_validation()
        self.modes.on_validation()

    def close(self) -> None:
        """Takes all hooks away."""
        for handle in self._handles:
            handle.remove()
        self.gradients.close()
        self.listening.stop()

    def _on_forward(
        self, network: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]
    ) -> None:
        if network is self.network:
            self.on_batch((*inputs, *named.values()), inside=True)

    def on_batch(self, inputs: Iterable[Any], *, inside: bool = False) -> None:
        """A forward pass begins; to be called where it is not the network that is called.

        Args:
            inputs: What goes in; `_rows_of` says which tensor's length is the batch size.
            inside: Whether the network has been called already.
        """
        inputs = tuple(inputs)
        self.listening.before_batch(inside=inside)
        self.pace.on_forward()
        self.modes.on_forward(inputs)
        self.listening.on_batch(middle=self._middle, inside=inside)
        if not torch.is_grad_enabled():
            return
        first = next((x for x in inputs if isinstance(x, Tensor) and x.ndim), None)
        if first is not None and self.position == 0:
            self.batch_size = _rows_of(inputs, self._bag)
            self.size = int(first.shape[-1]) if first.ndim == 4 else None

    @property
    def _middle(self) -> bool:
        """Whether the next step is one of those whose inside is looked at."""
        return self._signals is not None and self._signals.wanted(self.epoch, self.position)

    def _before_step(self, *_: Any) -> None:
        signals = self._measuring() if self._middle else None
        if signals is not None:
            signals.before_step(self.epoch, self.position)

    def _after_step(self, *_: Any) -> None:
        self.gradients.on_step(self.parameters)
        self.modes.on_step()
        self.lr = max(float(g["lr"]) for o in self._optimizers for g in o.param_groups)
        if self.steps == 0:
            self.first_lr = self.highest_lr = self.lr
        self.highest_lr = max(self.highest_lr, self.lr)
        if self._middle or self.position % self._norm_every == 0:
            self._note_gradients()
        self.listening.on_step()
        self.position += 1
        self.steps += 1

    def _note_gradients(self) -> None:
        if self._signals is None or all(p.grad is None for p in self._watched):
            return
        signals = self._measuring()
        if signals is None:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._watched]
        with torch.no_grad():
            self._norms = torch.stack([norm.float() for norm in torch._foreach_norm(gradients)])
        signals.after_step(self.epoch, self.position, self._norms)

    def _measuring(self) -> Signals | None:
        """What takes the signals; none for good, where not all tensors can be measured together."""
        held = [x for p in self._watched for x in (p, p.grad) if x is not None]
        real = all(is_ordinary(x) and x.is_floating_point() for x in held)
        if not real or len({x.device for x in held}) > 1:
            self._signals = None
        return self._signals


def _rows_of(inputs: Iterable[Any], bag: nn.EmbeddingBag | None) -> int:
    """How many samples a batch has: the length of its first tensor.

    A bag of embeddings takes the tokens of all samples in a row, and where each sample begins;
    labels may stand beside them.

    >>> _rows_of([torch.zeros(8, 3), torch.zeros(8)], None)
    8
    >>> _rows_of([torch.tensor([5, 1, 1, 7, 2]), torch.tensor([0, 3])], nn.EmbeddingBag(9, 4))
    2
    """
    first, *others = (x for x in inputs if isinstance(x, Tensor) and x.ndim)
    if bag is None or first.ndim > 1:
        return len(first)
    rows = [x for x in others if x.ndim == 1 and not x.is_floating_point()]
    lengths = [len(first), *(len(x) for x in rows if len(x) > 1)]
    shortest = min(lengths)
    ends_told = bag.include_last_offset and shortest < lengths[0] and shortest + 1 not in lengths
    return shortest - ends_told


def deafness(optimizers: Iterable[object]) -> str:
    """Why the steps of an optimiser cannot be heard, as a sentence; empty if they can.

    Wrappers (those of DeepSpeed, and of accelerate around them) may call themselves optimisers of
    torch and lack what these are made with.
    """
    for optimizer in optimizers:
        heard = isinstance(optimizer, Optimizer) and hasattr(optimizer, "_optimizer_step_pre_hooks")
        if not heard:
            name = type(optimizer).__name__
            return f"The optimizer {name!r} has none of the hooks of torch that tell of its steps."
    return ""


def plain(network: nn.Module) -> nn.Module:
    """The network itself, where it was compiled or is spread over processes."""
    for wrapped in ("_orig_mod", "module"):
        inner = getattr(network, wrapped, None)
        spread = isinstance(network, nn.parallel.DistributedDataParallel | nn.DataParallel)
        if isinstance(inner, nn.Module) and (wrapped == "_orig_mod" or spread):
            return plain(inner)
    return network
