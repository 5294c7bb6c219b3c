"""Learning one small batch by heart: any sound set-up can (Karpathy 2019, "overfit one batch")."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from typing_extensions import override

from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.core.records import Rows
from phoropter.core.seed import generator
from phoropter.training.direct import DirectStepper, make_stepper
from phoropter.training.feed import Batch, Feed
from phoropter.training.numerics import fixed
from phoropter.training.optimizers import make_optimizers
from phoropter.training.records import TrainingData
from phoropter.training.rehearsal import own_randomness
from phoropter.training.step import Stepper

MOST_SAMPLES = 16
PARAMETERS_A_SAMPLE = 50  # a straight line cannot remember eight points, and that is no defect
LEARNING_RATES = (3e-3, 3e-2, 3e-4)
MOST_STEPS = 200 * len(LEARNING_RATES)
AIM = 0.05  # of the initial loss, or of 1 where that is lower
TOLD_STEPS = 20  # after which a loss that has not fallen at all says something
TOLD_FALL = 0.1
AT_REST = 0.01  # fall of the lowest loss, as a share, in the last third of an attempt
REST_STEPS = 60  # that an attempt must have for that to tell anything
GRADIENT_STEPS = 4  # layers that start at zero let gradients through from the second step on
USUAL_WORK = 60e9  # floating-point operations: one to two seconds of one core
MOST_WORK = 200e9  # likewise, for the fewest steps that tell something
BACKWARD = 2  # times the operations of a forward pass
WORK_A_TENSOR = 1e6  # of bookkeeping, for each parameter tensor and step
WORK_A_PARAMETER = 50  # of the optimiser, which waits for memory


@dataclass(frozen=True, slots=True)
class Stepped:
    """What some optimiser steps did to the parameters.

    Args:
        unmoved: Names of trainable parameters that have a gradient and are what they were.
        moved: Names of frozen parameters that are not.
        updates: Steps that the optimiser counted, for each that it was asked for.
    """

    unmoved: tuple[str, ...]
    moved: tuple[str, ...]
    updates: float


@dataclass(frozen=True, slots=True)
class Memorised:
    """How the attempt went.

    Args:
        samples: In the batch.
        steps: Made, at all learning rates together.
        initial: Loss before the first step.
        lowest: Lowest loss reached.
        aim: Loss that counts as known by heart.
        timed_out: Whether there was no time for all attempts.
        at_rest: Whether the lowest loss was no longer falling.
        without_gradient: Names of trainable parameters that no gradient reached.
        stepped: What the first of the steps did, if any was made.
    """

    samples: int
    steps: int
    initial: float
    lowest: float
    aim: float
    timed_out: bool
    at_rest: bool
    without_gradient: tuple[str, ...]
    stepped: Stepped | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the aim was reached, or could not be judged for lack of time."""
        if self.lowest <= self.aim:
            return True
        if self.at_rest:
            return False
        fell = self.lowest <= (1 - TOLD_FALL) * self.initial
        return self.timed_out and (fell or self.steps < TOLD_STEPS)


def quietened(network: nn.Module) -> nn.Module:
    """The network itself in train mode, but with dropout and stochastic depth off."""
    network.train()
    for module in network.modules():
        if isinstance(module, _DropoutNd) or type(module).__name__ == "DropPath":
            module.eval()
    return network


def distinct_rows(data: TrainingData, network: nn.Module, *, seed: int) -> Rows:
    """A few training rows with different inputs, and targets as different as they come.

    Where all inputs are the same, one row twice: batch normalisation has no statistics of one.
    """
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    wanted = min(MOST_SAMPLES, max(2, trainable // PARAMETERS_A_SAMPLE))
    rows = generator(seed, "gate", "batch").permutation(data.train_rows)[: 4 * wanted]
    rows = rows[_round_robin(data.targets[torch.from_numpy(rows)])]
    chosen: dict[bytes, int] = {}
    for row in rows:
        content = data.inputs.batch(np.asarray([row])).numpy().tobytes()
        chosen.setdefault(content, int(row))
        if len(chosen) == wanted:
            break
    different = list(chosen.values())
    if len(different) == 1:
        different *= 2
    return np.asarray(different, dtype=np.int64)


def memorise(
    objective: Objective,
    twin: nn.Module,
    feed: Feed,
    rows: Rows,
    *,
    recipe: Recipe,
    end: float,
    clock: Callable[[], float],
) -> Memorised:
    """Trains the twin on these rows alone, at a few learning rates, until it knows them.

    How many steps are made follows from what a step computes, not from the time it takes, so that a
    busy machine comes to the same verdict. The first steps say whether there is time for them all.

    Args:
        objective: Of the twin, which is changed; without smoothing or weights.
        twin: The network.
        feed: Gives the rows unvaried.
        rows: The batch.
        recipe: Adam without weight decay; its learning rate is not used.
        end: Reading of `clock` at which all steps should be made.
        clock: Seconds.
    """
    batch = [feed.training_batch(rows, 0, 0)]
    start = copy.deepcopy(twin.state_dict())
    unreached = {name: p for name, p in twin.named_parameters() if p.requires_grad}
    losses: list[float] = []
    known, most, stepped = False, MOST_STEPS, None
    work = _work(objective, twin, batch[0], seed=recipe.seed)
    readings = [clock()]
    for lr in LEARNING_RATES:
        twin.load_state_dict(start)
        optimizers = make_optimizers(objective, recipe.changed({"train.lr": lr}).train)
        step = _stepper(objective, optimizers, batch[0])
        with own_randomness(recipe.seed, "gate"):
            for number in count(1):
                losses.append(float(step(batch, measure_norms=False)[0]))
                unreached = {k: p for k, p in unreached.items() if not _has_gradient(p)}
                known = min(losses) <= _aim(losses)
                readings.append(clock())
                if len(losses) == GRADIENT_STEPS:
                    most = _afforded(work, readings, end=end)
                enough = len(losses) >= most or number >= _share(most)
                if (known or enough) and number >= GRADIENT_STEPS:
                    break
        stepped = stepped or _stepped(twin, start, optimizers, asked=len(losses))
        if known or len(losses) >= most:
            break
    return Memorised(
        samples=len(rows),
        steps=len(losses),
        initial=losses[0],
        lowest=min(losses),
        aim=_aim(losses),
        timed_out=not known and most < MOST_STEPS,
        at_rest=_at_rest(np.asarray(losses), _share(most)),
        without_gradient=tuple(unreached),
        stepped=stepped,
    )


def _work(objective: Objective, network: nn.Module, batch: Batch, *, seed: int) -> float:
    """About the operations of a step, those of waiting for memory and of bookkeeping included."""
    counter = _Operations()
    with counter, torch.no_grad(), own_randomness(seed, "gate"):
        objective.evaluate(batch.inputs, batch.targets)
    sizes = [p.numel() for p in network.parameters() if p.requires_grad]
    computed = (1 + BACKWARD) * counter.total
    return computed + WORK_A_TENSOR * len(sizes) + WORK_A_PARAMETER * sum(sizes)


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the floating-point operations inside, by torch's formulas.

    torch's own counter does the same, but its first use in a process loads the compiler, which
    takes a second and is not used.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    @classmethod
    @override
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is wrapped for the compiler, then

    @override
    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=answer)
        return answer


def _afforded(work: float, readings: Sequence[float], *, end: float) -> int:
    """Steps to make at all rates together, by what one computes; fewer only where time is short.

    The fewest say the same of what does not learn at all.

    Args:
        work: Of a step.
        readings: Of the clock, before the first step and after each.
        end: Reading at which all should be made.
    """
    if work * TOLD_STEPS > MOST_WORK:
        return GRADIENT_STEPS
    most = min(max(int(USUAL_WORK / max(work, 1.0)), TOLD_STEPS), MOST_STEPS)
    step_s = min(after - before for before, after in pairwise(readings))
    numbers = (most, TOLD_STEPS * len(LEARNING_RATES), TOLD_STEPS)
    fitting = (n for n in numbers if n <= most and readings[-1] + n * step_s < end)
    return next(fitting, GRADIENT_STEPS)


def _share(most: int) -> int:
    """Steps at one rate: a third, if these tell something."""
    return max(most // len(LEARNING_RATES), TOLD_STEPS)


def _stepped(
    twin: nn.Module,
    start: Mapping[str, Tensor],
    optimizers: Mapping[str, Optimizer],
    *,
    asked: int,
) -> Stepped:
    """What the first steps moved; Adam moves whatever has a gradient, however small."""
    same = {name for name, p in twin.named_parameters() if torch.equal(p, start[name])}
    counts = [
        float(state["step"])
        for optimizer in optimizers.values()
        for state in optimizer.state.values()
        if "step" in state
    ]
    return Stepped(
        unmoved=tuple(
            name
            for name, p in twin.named_parameters()
            if p.requires_grad and name in same and p.grad is not None and bool(p.grad.any())
        ),
        moved=tuple(
            name for name, p in twin.named_parameters() if not p.requires_grad and name not in same
        ),
        updates=max(counts, default=0.0) / asked,
    )


def _at_rest(losses: NDArray[np.float64], each: int) -> bool:
    """Whether the attempt that came lowest came to rest; what is being learnt goes on falling.

    Networks that can learn a batch halve its loss in a few of so many steps.

    Args:
        losses: Of all attempts.
        each: Steps of one attempt.
    """
    attempts = [losses[first : first + each] for first in range(0, len(losses), each)]
    best = min(attempts, key=lambda attempt: float(attempt.min()))
    before = best[: len(best) * 2 // 3]
    return len(best) >= REST_STEPS and float(best.min()) >= (1 - AT_REST) * float(before.min())


def _aim(losses: list[float]) -> float:
    return AIM * max(losses[0], 1.0)


def _stepper(
    objective: Objective, optimizers: Mapping[str, Optimizer], batch: Batch
) -> Stepper | DirectStepper:
    plain = fixed("float32", threads=torch.get_num_threads())
    return make_stepper(
        objective,
        optimizers,
        accelerator=Accelerator(),
        numerics=replace(plain, direct=batch.inputs.ndim == 2),  # the same bits sooner
        clip=None,
    )


def _has_gradient(parameter: nn.Parameter) -> bool:
    """Whether a gradient has arrived; biases may rightly have none (before a normalisation)."""
    if parameter.grad is None:
        return False
    return parameter.ndim < 2 or bool(parameter.grad.count_nonzero())


def _round_robin(targets: object) -> Rows:
    """An order of the samples in which the classes take turns; as it is for other targets."""
    if not isinstance(targets, Tensor) or targets.ndim != 1 or targets.is_floating_point():
        return np.arange(len(targets), dtype=np.int64)  # type: ignore[arg-type]
    labels = targets.numpy()
    turns = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        same = labels == label
        turns[same] = np.arange(same.sum())
    return np.argsort(turns, kind="stable").astype(np.int64)
