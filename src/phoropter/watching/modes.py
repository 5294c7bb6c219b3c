"""Whether a network was in train mode for its steps and in eval mode for its validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from phoropter.core.run_records import Gate

LEAST_SHARE = 0.05  # of the steps: one pass in twenty; odd single steps are somebody's intention
MOST_OF = 0.5  # of the validations


class Modes:
    """Notes the mode of every forward pass, and judges it once it is known what the pass was for.

    Dropout must be on where layers learn: its mode is looked at layer by layer, because parts of a
    network that come from elsewhere are often in eval mode. Batch normalisation may be kept in
    eval mode on purpose while a pretrained network is fine-tuned; it counts only if the whole
    network is in eval mode.

    Args:
        network: Whose passes they are.
        learning: Identities of the parameters that the optimiser updates.
    """

    def __init__(self, network: nn.Module, learning: Iterable[int]) -> None:
        own = set(learning)
        self._network = network
        self._dropout = list(_dropout(network))
        self._norms = [
            module
            for module in network.modules()
            if isinstance(module, _NormBase) and module.running_mean is not None
        ]
        self._taught = [
            module
            for parent in network.modules()
            if any(id(p) in own and p.requires_grad for p in parent.parameters())
            for module in parent.children()
            if any(module is other for other in self._dropout)
        ]
        self._asleep = self._awake = False
        self._forwards = self._forwards_awake = 0
        self.steps = self.steps_in_eval = 0
        self.validations = self.validations_in_train = 0

    @property
    def matter(self) -> bool:
        """Whether the network has a layer that behaves otherwise in the other mode."""
        return bool(self._dropout or self._norms)

    def on_forward(self) -> None:
        """A forward pass begins."""
        off = any(not module.training for module in self._taught)
        self._asleep = off or (not self._network.training and self.matter)
        self._awake = any(module.training for module in (*self._dropout, *self._norms))
        self._forwards += 1
        self._forwards_awake += self._awake

    def on_backward(self) -> None:
        """The forward passes so far belonged to training."""
        self._forwards = self._forwards_awake = 0

    def on_step(self) -> None:
        """The weights were updated from the last forward pass."""
        self.steps += 1
        self.steps_in_eval += self._asleep
        self.on_backward()

    def on_validation(self) -> None:
        """The forward passes since the last step made the numbers that are handed over now."""
        if self._forwards:
            self.validations += 1
            # Statistics are sometimes recalibrated in train mode before the validation.
            self.validations_in_train += self._forwards_awake == self._forwards
        self._forwards = self._forwards_awake = 0

    def gate(self) -> Gate | None:
        """The verdict; None where no layer depends on the mode, or no pass was seen."""
        if not self.matter or not self.steps:
            return None
        in_eval = self.steps_in_eval / self.steps
        in_train = self.validations_in_train / max(self.validations, 1)
        signs = int(in_eval >= LEAST_SHARE) + int(in_train >= MOST_OF)
        evidence = {
            "steps_in_eval_mode": in_eval,
            "validations_in_train_mode": in_train if self.validations else None,
            "validations": self.validations,
        }
        return Gate("mode-mixup", float(signs), 0.0, signs == 0, evidence)


def _dropout(network: nn.Module) -> Iterator[nn.Module]:
    """Layers that drop something in train mode, timm's and torchvision's of whole paths too."""
    for module in network.modules():
        if isinstance(module, _DropoutNd):
            share = module.p
        elif type(module).__name__ == "DropPath":
            share = getattr(module, "drop_prob", 0.0) or 0.0
        elif type(module).__name__ == "StochasticDepth":
            share = getattr(module, "p", 0.0)
        else:
            continue
        if share > 0:
            yield module
