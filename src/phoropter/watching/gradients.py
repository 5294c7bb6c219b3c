"""Whether gradients reach all layers, are used, and are cleared before the next ones are added."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from phoropter.core.run_records import Gate
from phoropter.training.ears import Ear

CHECKED = 20  # first steps that are looked at
CHECKED_LATER = 3  # of every later pass
LEAST_STEPS = 3  # fewer prove nothing
MOST_OF = 0.5  # of the steps looked at
NAMED = 20  # parameters that the evidence names


class Gradients:
    """Looks at the gradients of the first steps, and of a few steps of every later pass.

    Args:
        names: The network's parameters by name.
        parameters: Those that the optimisers update.
        on_backward: Called whenever a gradient is about to be added.
    """

    def __init__(
        self,
        names: Mapping[str, nn.Parameter],
        parameters: Sequence[nn.Parameter],
        on_backward: Ear,
    ) -> None:
        self._names = names
        self._on_backward = on_backward
        self._cleared_due = True
        self._heard = False
        self._looked = self._stale = self._empty = 0
        self._doubts: list[Tensor] = []
        self._in_pass = self._passes = 0
        self.steps = 0
        self._unreached: set[str] = set()
        self._left_out: tuple[str, ...] = ()
        self._probe = next((p for p in reversed(parameters) if p.requires_grad), None)
        self._handle: RemovableHandle | None = None
        if self._probe is not None:
            self._handle = self._probe.register_hook(  # type: ignore[no-untyped-call]  # torch's
                Ear(self._on_gradient)
            )

    def close(self) -> None:
        """Takes the hook away."""
        if self._handle is not None:
            self._handle.remove()

    @property
    def _looking(self) -> bool:
        return self._in_pass < (CHECKED_LATER if self._passes else CHECKED)

    def _on_gradient(self, _gradient: Tensor) -> None:
        """The probe's gradient was computed, and is not yet added to what it holds."""
        self._on_backward()
        self._heard = True
        if self._cleared_due and self._looking and self._probe is not None and self.steps > 0:
            held = self._probe.grad
            askable = held is None or is_ordinary(held)
            self._looked += askable
            if held is not None and askable:
                self._doubts.append(
                    held.detach().ne(0).any()
                )  # read later: a GPU is not waited for
        self._cleared_due = False

    def on_step(self, parameters: Callable[[], Sequence[nn.Parameter]]) -> None:
        """The weights were updated by the gradients of these parameters."""
        self._cleared_due = True
        if self._looking:
            self._look(parameters())
        self._heard = False
        self._in_pass += 1

    def _look(self, parameters: Sequence[nn.Parameter]) -> None:
        """Which parameters have a gradient, and which the optimisers hold."""
        # An optimiser made from another network holds no parameter that ever gets a gradient.
        everything = (*parameters, *self._names.values())
        self._empty += self._heard and all(p.grad is None for p in everything)
        used = {id(p) for p in parameters}
        missing = {name for name, p in self._names.items() if p.requires_grad and p.grad is None}
        self._unreached = missing if not self.steps else self._unreached & missing
        self._left_out = tuple(
            name for name, p in self._names.items() if p.requires_grad and id(p) not in used
        )
        self.steps += 1

    def end_pass(self) -> None:
        """A new pass begins."""
        self._in_pass = 0
        self._passes += 1

    def gates(self) -> list[Gate]:
        """The verdicts, as far as there are any yet."""
        if self._doubts:
            self._stale += int(torch.stack(self._doubts).sum())
            self._doubts = []
        found = []
        if self.steps >= LEAST_STEPS:
            found.append(self._reached())
        if self._looked >= LEAST_STEPS:
            share = self._stale / self._looked
            evidence = {"steps": self._looked}
            found.append(Gate("stale-gradient", share, 0.0, share < MOST_OF, evidence))
        return found

    def _reached(self) -> Gate:
        left_out = [name for name in self._left_out if name not in self._unreached]
        missing = [*(name for name in self._names if name in self._unreached), *left_out]
        frozen = sum(not p.requires_grad for p in self._names.values())
        evidence = {
            "parameters": missing[:NAMED],
            "cleared": self._empty >= max(self.steps - 1, 1),  # before the first came none
            "not_in_optimizer": left_out[:NAMED],
            "left_out": len(left_out),
            "frozen": frozen,
            "trainable": len(self._names) - frozen,
            "steps": self.steps,
        }
        return Gate("no-gradient", float(len(missing)), 0.0, not missing, evidence)


def is_ordinary(tensor: Tensor) -> bool:
    """Whether it can be asked anything: dense, and whole in this process.

    Sparse gradients lack most operations. Other types may be spread over processes, and who asks
    one of these waits for the others to ask as well, while only one of them watches.
    """
    whole = type(tensor) in {Tensor, nn.Parameter}
    return whole and tensor.layout == torch.strided
