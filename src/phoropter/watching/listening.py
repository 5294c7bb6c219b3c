"""When it is listened to what the layers of a network call: units that answer, dropout."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import torch
from torch import nn

from phoropter.training.activity import Activity
from phoropter.watching.modes import Modes

ANSWERS_HEARD = 20  # first forward passes in eval mode, one between two steps
FAST = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)
"""In eval mode torch computes these in another way where nobody listens; that is to stay so."""


class Listening:
    """Listens to steps in the middle of a pass, and to the first batch of evaluations.

    What a compiler made of the layers has no hooks, and new ones would make it compile again: there
    nothing is heard.

    Args:
        network: As it is called.
        layers: The same, or what it is a wrapper of.
        modes: Are told of dropout that is called as a function.
    """

    def __init__(self, network: nn.Module, layers: nn.Module, modes: Modes) -> None:
        self._network, self._modes = network, modes
        heard = layers is network and not any(map(_compiled, layers.modules()))
        self._activity = Activity(layers) if heard else None
        self._open: ExitStack | None = None
        self._answering = self._announced = False
        self._answers_due = self._middle_due = True
        fast = any(isinstance(module, FAST) for module in layers.modules())
        self._answers_left = 0 if fast else ANSWERS_HEARD

    @property
    def inactive(self) -> Mapping[str, float]:
        """The shares of inactive units in the last step that was listened to."""
        return self._activity.inactive if self._activity is not None else {}

    def before_batch(self, *, inside: bool) -> None:
        """A forward pass begins, which ends that of an evaluation.

        Args:
            inside: Whether the network has been called already; what was announced then begins.
        """
        if self._answering and not (inside and self._announced):
            self.stop()
        self._announced = not inside

    def on_batch(self, *, middle: bool, inside: bool) -> None:
        """Listens, if this is a pass to listen to.

        Args:
            middle: Whether the next step is one of those whose inside is looked at.
            inside: As for `before_batch`.
        """
        measured = middle and self._middle_due and torch.is_grad_enabled()
        answering = not self._network.training
        heard = answering and self._answers_due and self._answers_left > 0
        if self._activity is None or self._open is not None or not (measured or heard):
            return
        if answering:
            self._answers_due = False
            self._answers_left -= 1
        self._answering = answering
        self._open = ExitStack()
        self._open.enter_context(self._activity.watched(inside=inside, measured=measured))

    def on_step(self) -> None:
        """The weights were updated: the next pass in eval mode is another evaluation."""
        if self._open is not None and not self._answering:
            self._middle_due = False
        self.stop()
        self._answers_due = True

    def end_pass(self) -> None:
        """A new pass begins: one of its steps is listened to."""
        self._middle_due = True

    def on_validation(self) -> None:
        """An evaluation is over."""
        if self._answering:
            self.stop()

    def stop(self) -> None:
        """Takes the hooks away and tells what was heard."""
        if self._open is not None and self._activity is not None:
            self._open.close()
            self._modes.on_functions(self._activity.drops, answering=self._answering)
            self._open, self._answering = None, False


def _compiled(module: nn.Module) -> bool:
    """Whether it runs as code that a compiler made of it."""
    return hasattr(module, "_orig_mod") or module._compiled_call_impl is not None
