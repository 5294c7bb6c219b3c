"""Whether a network was in train mode for its steps and in eval mode for its validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from phoropter.core.run_records import Gate
from phoropter.training.activity import Drop
from phoropter.watching.repeats import Repeats

LEAST_SHARE = 0.05  # of the steps: one pass in twenty; odd single steps are somebody's intention
MOST_OF = 0.5  # of the validations
OFTEN = 5  # passes of the same inputs: who expects the same answer does not ask as often
NAMED = 20  # layers that the evidence names


class Modes:
    """Notes the mode of every forward pass, and judges it once it is known what the pass was for.

    Dropout must be on where layers learn: its mode is looked at layer by layer, because parts of a
    network that come from elsewhere are often in eval mode. Batch normalisation may be kept in
    eval mode on purpose while a pretrained network is fine-tuned; it counts only if it learns and
    the whole network is in eval mode. Dropout as a function is heard now and then; once it has
    followed the mode of the layer that calls it, it is taken to do so ever after.

    In an evaluation it may be on by intent: answers to the same inputs are averaged (Gal &
    Ghahramani 2016, arXiv:1506.02142). Two signs tell that from a mistake. Dropout layers are in
    train mode and all else is in eval mode, which takes a line that picks them out; or the same
    batch is asked again and again, which is pointless where one answer is like the other.

    Args:
        network: Whose passes they are.
        learning: Identities of the parameters that the optimiser updates.
    """

    def __init__(self, network: nn.Module, learning: Iterable[int]) -> None:
        own = set(learning)
        self._network = network
        self._moody = {name: m for name, m in network.named_modules() if _drops(m) or _averages(m)}

        def learns(module: nn.Module) -> bool:
            return any(id(p) in own and p.requires_grad for p in module.parameters())

        self._learns = learns
        beside = {
            id(m) for parent in network.modules() if learns(parent) for m in parent.children()
        }
        self._taught = [n for n, m in self._moody.items() if _drops(m) and id(m) in beside]
        self._normed = [n for n, m in self._moody.items() if _averages(m) and learns(m)]
        self._asleep: list[str] = []
        self._off: list[str] = []
        self._on: list[str] = []
        self._awake: list[str] = []
        self._always: list[str] = []
        self._singled_out: set[str] = set()
        self._meant: set[str] = set()
        self._repeats = Repeats()
        self._forwards = self._forwards_awake = 0
        self.steps = self.steps_in_eval = 0
        self.validations = self.validations_in_train = 0

    def on_forward(self, inputs: Iterable[Any] = ()) -> None:
        """A forward pass of these inputs begins."""
        judged = self._taught if self._network.training else (*self._taught, *self._normed)
        self._asleep = [name for name in judged if not self._moody[name].training]
        awake = [name for name, module in self._moody.items() if module.training]
        if awake and _only_drops_awake(self._network):
            self._singled_out.update(awake)
            awake = []
        awake += self._always
        self._note_repeat(inputs, awake)
        self._forwards += 1
        self._forwards_awake += bool(awake)
        self._awake = awake or self._awake

    def on_functions(self, drops: Mapping[str, Drop], *, answering: bool) -> None:
        """Dropout was called as a function in the last forward pass.

        Args:
            drops: The calls by name.
            answering: Whether the whole network was in eval mode.
        """
        for name, drop in drops.items():
            if drop.active == drop.training:
                if name not in self._moody and name not in self._always:
                    self._moody[name] = drop.layer
                    self._taught += [name] if self._learns(drop.layer) else []
            elif drop.active and answering:
                self._found_always(name)

    def _found_always(self, name: str) -> None:
        """The call is not told the mode: so it was on in all passes of this evaluation."""
        if name in self._moody:
            del self._moody[name]
            self._taught = [other for other in self._taught if other != name]
        if name not in self._always:
            self._always.append(name)
        self._forwards_awake = self._forwards
        self._awake = [*(other for other in self._awake if other != name), name]

    def on_backward(self) -> None:
        """The forward passes so far belonged to training."""
        self._forwards = self._forwards_awake = 0
        self._awake = []
        self._singled_out.clear()
        self._repeats.clear()

    def on_step(self) -> None:
        """The weights were updated from the last forward pass."""
        self.steps += 1
        self.steps_in_eval += bool(self._asleep)
        self._off = self._asleep or self._off
        self.on_backward()

    def on_validation(self) -> None:
        """The forward passes since the last step made the numbers that are handed over now."""
        if self._forwards:
            self.validations += 1
            self._meant |= self._singled_out
            # Statistics are sometimes recalibrated in train mode before the validation.
            awake = self._awake if self._forwards_awake == self._forwards else []
            if self._repeats.times >= OFTEN:
                self._meant.update(filter(self._is_drop, awake))
                awake = [name for name in awake if not self._is_drop(name)]
            self.validations_in_train += bool(awake)
            self._on = awake or self._on
        self.on_backward()

    def _note_repeat(self, inputs: Iterable[Any], awake: Iterable[str]) -> None:
        """Only where it may be a fault, for batches are copied and compared."""
        if torch.is_grad_enabled() or self._repeats.times >= OFTEN:
            return
        if any(map(self._is_drop, awake)):
            self._repeats.note(inputs)

    def _is_drop(self, name: str) -> bool:
        """Whether what was awake drops something; else it takes statistics."""
        return name not in self._moody or not _averages(self._moody[name])

    def gate(self) -> Gate | None:
        """The verdict; None before the first step. Where no layer depends on it, all is well."""
        if not self.steps:
            return None
        in_eval = self.steps_in_eval / self.steps
        in_train = self.validations_in_train / max(self.validations, 1)
        off = sorted(self._off) if in_eval >= LEAST_SHARE else []
        on = sorted(self._on) if in_train >= MOST_OF else []
        signs = len(off) + len(on)
        evidence = {
            "off_in_training": off[:NAMED],
            "on_in_evaluation": on[:NAMED],
            "not_told_the_mode": sorted(set(self._always).intersection(on))[:NAMED],
            "on_by_intent": sorted(self._meant)[:NAMED],
            "steps_in_eval_mode": in_eval,
            "validations_in_train_mode": in_train if self.validations else None,
            "validations": self.validations,
        }
        return Gate("mode-mixup", float(signs), 0.0, signs == 0, evidence)


def _only_drops_awake(network: nn.Module) -> bool:
    """Whether dropout layers were put into train mode one by one, and no part around them was."""
    awake = (module for module in network.modules() if module.training)
    alone = all("drop" in type(m).__name__.lower() or _drops(m) for m in awake)
    return alone and not network.training


def _averages(module: nn.Module) -> bool:
    """Whether it learns statistics in train mode, and works by them in eval mode."""
    return isinstance(module, _NormBase) and module.running_mean is not None


def _drops(module: nn.Module) -> bool:
    """Whether it drops something in train mode; timm's and torchvision's drop whole paths."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if type(module).__name__ == "DropPath":
        return bool(getattr(module, "drop_prob", 0.0))
    return type(module).__name__ == "StochasticDepth" and bool(getattr(module, "p", 0.0))
