"""Number format and memory layout, chosen by measuring the model at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from phoropter.core.checksums import read_record, write_record
from phoropter.core.errors import CorruptFileError

FILE = "numerics.json"
LEAST_PRODUCTS = 2**20  # a tenth of a millisecond of one core; waiting for another takes as long
LEAST_STEPS = 200  # the four steps of the first measurement are then 2 % of the run
LEAST_PLANNED_S = 60.0  # below it, what is saved does not pay for the measurement
MOST_MEASURING_S = 3.0
MOST_MEASURING_SHARE = 0.05
LEAST_GAIN = 0.05  # timings of few steps are noisy, and plain float32 is the one to compare with
LOSS_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Numerics:
    """How the numbers of a run are computed.

    Args:
        autocast: Whether matrix products and convolutions run in bfloat16.
        channels_last: Whether images and filters lie with the channels last.
        threads: Of torch, inside an operation; sums depend on it in the last bit.
        reason: Why this choice, one sentence.
        seconds_per_step: What was measured, by name; empty if nothing was.
    """

    autocast: bool
    channels_last: bool
    threads: int
    reason: str
    seconds_per_step: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For people, and the key of `seconds_per_step`."""
        kind = "bfloat16" if self.autocast else "float32"
        return f"{kind}, channels last" if self.channels_last else kind

    def precision(self, device: torch.device) -> AbstractContextManager[object]:
        """The context in which losses and outputs are computed."""
        if not self.autocast:
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Trial:
    """A few training steps on a copy of the run.

    Args:
        losses: Of each step.
        seconds: Of the fastest one, the first not counted.
    """

    losses: list[float]
    seconds: float


def enough_threads(*, products: int | None) -> int:
    """Threads for layers of so many products a batch: one where a barrier costs more than they.

    >>> enough_threads(products=5_000)
    1

    Args:
        products: Of a forward pass; None if there are surely many.
    """
    if products is not None and products < LEAST_PRODUCTS:
        return 1
    return torch.get_num_threads()


def fixed(kind: str, *, threads: int) -> Numerics:
    """What the recipe asks for, "float32" or "bfloat16"."""
    return Numerics(kind == "bfloat16", False, threads, f"The recipe asks for {kind}.")


def measured(
    trial: Callable[[Numerics], Trial], *, total_steps: int, images: bool, threads: int
) -> Numerics:
    """The fastest candidate whose losses agree with those of plain float32.

    Args:
        trial: Makes a few real training steps under a candidate, always from the same start.
        total_steps: Steps the run will make, to judge what a faster step is worth.
        images: Whether the inputs have a layout to choose.
        threads: Of torch, to be measured against a single one.
    """
    if total_steps < LEAST_STEPS:
        reason = f"A run of {total_steps} steps does not pay for measuring alternatives."
        return Numerics(False, False, threads, reason)
    plain = Numerics(False, False, threads, "")
    started = time.perf_counter()
    reference = trial(plain)
    planned = reference.seconds * total_steps
    if planned < LEAST_PLANNED_S:
        reason = f"About {planned:.0f} s of training do not pay for measuring alternatives."
        return Numerics(False, False, threads, reason, {plain.name: reference.seconds})
    allowed = min(MOST_MEASURING_S, MOST_MEASURING_SHARE * planned)
    cost = time.perf_counter() - started
    seconds = {plain.name: reference.seconds}
    agreeing = {plain.name: plain}
    for candidate in _candidates(threads, images=images):
        if time.perf_counter() - started + cost > allowed:
            break
        tried = trial(candidate)
        label = candidate.name if candidate.threads == threads else f"{candidate.name}, one thread"
        seconds[label] = tried.seconds
        if _agree(reference.losses, tried.losses):
            agreeing[label] = candidate
    return _decided(agreeing, seconds, plain)


def read_numerics(folder: Path) -> Numerics | None:
    """The recorded choice of a run, if there is one."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return Numerics(**read_record(path))
    except TypeError as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error}.", hint="Delete it and run the command again."
        ) from error


def write_numerics(folder: Path, numerics: Numerics) -> None:
    """Records the choice, so that a resumed or replayed run computes the same numbers."""
    write_record(folder / FILE, asdict(numerics))


def _candidates(threads: int, *, images: bool) -> list[Numerics]:
    """Everything but plain float32 on all threads, the likeliest first.

    One thread needs no barrier inside a layer: small networks, and any network on a machine whose
    cores others use too, may be much faster so.
    """
    layouts = (True, False) if images else (False,)
    counts = (threads, 1) if threads > 1 else (threads,)
    return [
        Numerics(autocast, channels_last, count, "")
        for autocast in (False, True)
        for count in counts
        for channels_last in layouts
        if autocast or channels_last or count != threads
    ]


def _agree(reference: list[float], losses: list[float]) -> bool:
    return all(
        abs(a - b) <= LOSS_TOLERANCE * max(abs(a), 0.1)
        for a, b in zip(reference, losses, strict=True)
    )


def _decided(
    agreeing: Mapping[str, Numerics], seconds: Mapping[str, float], plain: Numerics
) -> Numerics:
    best = min(agreeing, key=lambda name: seconds[name])
    if seconds[best] > (1 - LEAST_GAIN) * seconds[plain.name]:
        best = plain.name
    chosen = agreeing[best]
    reason = f"{best} was the fastest of {len(seconds)} measured whose losses agree with float32."
    return Numerics(chosen.autocast, chosen.channels_last, chosen.threads, reason, dict(seconds))
