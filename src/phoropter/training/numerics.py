"""Number format and memory layout, chosen by measuring the model at hand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from phoropter.core.checksums import read_record, write_record
from phoropter.core.errors import CorruptFileError

FILE = "numerics.json"
LEAST_PRODUCTS = 2**20  # a tenth of a millisecond of one core; waiting for another takes as long
LEAST_STEPS = 40  # the two to four steps of the first measurement are then a tenth at most
LEAST_PLANNED_S = 20.0  # below it, what is saved does not pay for the measurement
MOST_MEASURING_S = 60.0
MOST_MEASURING_SHARE = 0.1  # what is found usually saves a third, where it saves anything
LEAST_COMPILED_S = 3600.0  # compiling takes up to a minute, and rarely saves a twentieth on a CPU
LEAST_GAIN = 0.05  # timings of few steps are noisy, and plain float32 is the one to compare with
LOSS_TOLERANCE = 0.05
EXACT_TOLERANCE = 1e-5  # of what differs from plain float32 in the order of additions at most

_LAYOUTS = ((False, True), (True, True), (True, False), (False, False))
_LAYOUTS_OF_BFLOAT16 = ((True, True), (False, True), (True, False), (False, False))
_FLAT = ((True, False),)
"""Autocast and channels last, the likeliest gain first: on processors that emulate bfloat16, on
those that have it, and where there is no layout to choose. The one to begin with is left out."""


@dataclass(frozen=True, slots=True)
class Numerics:
    """How the numbers of a run are computed.

    Args:
        autocast: Whether matrix products and convolutions run in bfloat16.
        channels_last: Whether images and filters lie with the channels last.
        threads: Of torch, inside an operation; sums depend on it in the last bit.
        reason: Why this choice, one sentence.
        seconds_per_step: What was measured, by name; empty if nothing was.
        direct: Whether gradients are computed without the autograd engine (`direct`), which gives
            the same bits sooner.
        compiled: Whether training steps run as code that torch has compiled for the network.
    """

    autocast: bool
    channels_last: bool
    threads: int
    reason: str
    seconds_per_step: Mapping[str, float] = field(default_factory=dict)
    direct: bool = False
    compiled: bool = False

    @property
    def name(self) -> str:
        """For people, and the key of `seconds_per_step`."""
        kind = "bfloat16" if self.autocast else "float32"
        ways = ("channels_last", "direct", "compiled")
        return ", ".join([kind, *(way.replace("_", " ") for way in ways if getattr(self, way))])

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


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device is known to multiply bfloat16 by itself; emulating it is slow."""
    if device.type != "cpu":
        return True
    ask: Callable[[], Mapping[str, bool]] = getattr(torch.cpu, "get_capabilities", dict)
    known = ask()  # older releases of torch cannot tell
    return any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def fixed(kind: str, *, threads: int) -> Numerics:
    """What the recipe asks for, "float32" or "bfloat16"."""
    return Numerics(kind == "bfloat16", False, threads, f"The recipe asks for {kind}.")


def unmeasured(network: nn.Module, *, images: bool, threads: int) -> Numerics:
    """Float32, in the layout in which the network is known to be faster, or no slower.

    With the channels last, depthwise convolutions took 1.2 to 1.5 times less (MobileNetV3,
    EfficientNet, 64 to 224 px, two AVX-512 cores), all others between 0.7 and 1.2 times.

    Args:
        network: To be trained.
        images: Whether its inputs have a layout.
        threads: Of torch.
    """
    return Numerics(False, images and any(map(_is_depthwise, network.modules())), threads, "")


def _is_depthwise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels


def measured(
    trial: Callable[[Numerics], Trial],
    *,
    total_steps: int,
    plain: Numerics,
    images: bool,
    direct: bool = False,
    bfloat16: bool = False,
) -> Numerics:
    """The fastest candidate whose losses agree with those of plain float32.

    Args:
        trial: Makes a few real training steps under a candidate, always from the same start.
        total_steps: Steps the run will make, to judge what a faster step is worth.
        plain: What to begin with, as from `unmeasured`.
        images: Whether the inputs have a layout to choose.
        direct: Whether the network is one that can do without the autograd engine.
        bfloat16: Whether the processor multiplies such numbers by itself: they are then tried
            first, for where steps are slow there is no time for every candidate.
    """
    if total_steps < LEAST_STEPS:
        reason = f"A run of {total_steps} steps does not pay for measuring alternatives."
        return replace(plain, reason=reason)
    race = _Race(trial, plain)
    if direct:
        race.enter(replace(plain, direct=True))
    planned = race.best_s * total_steps
    if planned < LEAST_PLANNED_S:
        if direct:
            return race.decided()
        reason = f"About {planned:.0f} s of training do not pay for measuring alternatives."
        return replace(plain, reason=reason, seconds_per_step=race.seconds)
    race.allowed_s = min(MOST_MEASURING_S, MOST_MEASURING_SHARE * planned)
    layouts = _LAYOUTS_OF_BFLOAT16 if bfloat16 else _LAYOUTS
    for autocast, channels_last in layouts if images else _FLAT:
        if (autocast, channels_last) != (False, plain.channels_last):
            race.enter(replace(plain, autocast=autocast, channels_last=channels_last))
    if plain.threads > 1:
        # One thread needs no barrier inside a layer: small networks, and any network on a machine
        # whose cores others use too, may be much faster so.
        race.enter(replace(race.best, threads=1), name=f"{race.best.name}, one thread")
    race.repeat()
    if race.best_s * total_steps >= LEAST_COMPILED_S:
        race.enter_compiled(steps=total_steps)
    return race.decided()


def compiled(trial: Callable[[Numerics], Trial], *, threads: int) -> Numerics:
    """Compiled float32, as the recipe asks; plain float32 if that fails or computes otherwise."""
    race = _Race(trial, Numerics(False, False, threads, ""))
    race.enter_compiled(steps=None)
    names = [name for name, one in race.agreeing.items() if one.compiled]
    chosen = race.agreeing[names[0] if names else race.plain]
    reason = "The recipe asks for compiled." + race.failure
    return replace(chosen, reason=reason, seconds_per_step=dict(race.seconds))


def agrees(candidate: Numerics, reference: Trial, tried: Trial) -> bool:
    """Whether the candidate's losses are those of plain float32, but for rounding.

    Over the steps that both have made: slow ones are not repeated as often.
    """
    tolerance = EXACT_TOLERANCE if candidate.direct else LOSS_TOLERANCE
    return all(
        abs(a - b) <= tolerance * max(abs(a), 0.1)
        for a, b in zip(reference.losses, tried.losses, strict=False)
    )


class _Race:
    """Candidates against plain float32, while there is time for them."""

    def __init__(self, trial: Callable[[Numerics], Trial], plain: Numerics) -> None:
        self._trial = trial
        self._started = time.perf_counter()
        self._reference = trial(plain)
        self._cost_s = time.perf_counter() - self._started
        self.plain = plain.name
        self.agreeing = {plain.name: plain}
        self.seconds = {plain.name: self._reference.seconds}
        self.allowed_s = math.inf
        self.failure = ""

    def enter(self, candidate: Numerics, *, name: str = "") -> None:
        """Measures the candidate, unless the time allowed would be exceeded."""
        if not self._has_time():
            return
        tried = self._trial(candidate)
        name = name or candidate.name
        self.seconds[name] = tried.seconds
        if agrees(candidate, self._reference, tried):
            self.agreeing[name] = candidate

    def repeat(self) -> None:
        """Measures all again, while there is time, and keeps the faster figure of each.

        What others do on the machine meanwhile would otherwise decide.
        """
        for name in sorted(self.agreeing, key=lambda name: self.seconds[name]):
            if self._has_time():
                again = self._trial(self.agreeing[name])
                self.seconds[name] = min(self.seconds[name], again.seconds)

    def enter_compiled(self, *, steps: int | None) -> None:
        """Compiles the fastest so far; it counts if it saves more than compiling takes.

        Args:
            steps: That the run will make; None if it is to count in any case.
        """
        candidate = replace(self.best, direct=False, compiled=True)
        before_s, started = self.best_s, time.perf_counter()
        try:
            tried = self._trial(candidate)
        except RuntimeError as error:
            self.failure = f" Compiling failed: {str(error).partition(chr(10))[0]}"
            return
        cost_s = time.perf_counter() - started
        self.seconds[candidate.name] = tried.seconds
        pays = steps is None or (before_s - tried.seconds) * steps > cost_s
        if pays and agrees(candidate, self._reference, tried):
            self.agreeing[candidate.name] = candidate

    @property
    def best(self) -> Numerics:
        """The fastest so far of those that agree."""
        return self.agreeing[self._winner()]

    @property
    def best_s(self) -> float:
        """Its seconds a step."""
        return self.seconds[self._winner()]

    def decided(self) -> Numerics:
        """The fastest if it is faster than plain float32 by more than noise."""
        name = self._winner()
        if self.best_s > (1 - LEAST_GAIN) * self.seconds[self.plain]:
            name = self.plain
        count = len(self.seconds)
        reason = f"{name} was the fastest of {count} measured whose losses agree with float32."
        reason += self.failure
        return replace(self.agreeing[name], reason=reason, seconds_per_step=dict(self.seconds))

    def _has_time(self) -> bool:
        return time.perf_counter() - self._started + self._cost_s <= self.allowed_s

    def _winner(self) -> str:
        return min(self.agreeing, key=lambda name: self.seconds[name])


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
