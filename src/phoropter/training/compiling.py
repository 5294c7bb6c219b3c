"""A network whose training step runs as code that torch has compiled for it.

Compiling takes half a minute and more on a CPU, so it is for runs of hours. Only full batches in
train mode are compiled for; a smaller last batch and every evaluation run as they always do.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from phoropter.core.protocols import Objective
from phoropter.training.feed import Batch
from phoropter.training.numerics import Numerics


def compile_for(
    objective: Objective, network: nn.Module, batch: Batch, *, numerics: Numerics
) -> None:
    """Compiles the network's forward and backward pass for batches of this shape.

    Weights, running statistics, gradients and random states are what they were.

    Raises:
        RuntimeError: If the network cannot be compiled, or there is no compiler for C++.
    """
    torch.compiler.reset()  # what was compiled for another network is not called again
    network.compile(dynamic=False)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.random.fork_rng(), torch.compiler.set_stance("default"):
        for _, loss_of in objective.steps(batch.inputs, batch.targets, batch.generator):
            with numerics.precision(batch.inputs.device):
                loss = loss_of()
            torch.autograd.backward(loss)
    for parameter in network.parameters():
        parameter.grad = None
    network.load_state_dict(kept)


def nothing_more_compiled(numerics: Numerics) -> AbstractContextManager[object]:
    """A block in which compiled code is used where it fits, and none is made."""
    if not numerics.compiled:
        return nullcontext()  # the compiler is not even loaded
    stance: AbstractContextManager[object] = torch.compiler.set_stance("eager_on_recompile")
    return stance
