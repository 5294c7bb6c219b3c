"""The batch size, found by doubling it for as long as that makes a sample cheaper."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from phoropter.core.checksums import read_record, write_record
from phoropter.core.errors import CorruptFileError

FILE = "batch_size.json"
LEAST = 16
MOST = 1024
LEAST_GAIN = 0.1  # of the seconds a sample; less is noise, and larger batches learn less from each
LEAST_STEPS = 200  # of the whole run: fewer would not bring the weights anywhere
MOST_NUMBERS = 2**24  # of input in a batch: 111 photographs of 224 px
MOST_MEASURING_S = 5.0


@dataclass(frozen=True, slots=True)
class Sizing:
    """A batch size and why.

    Args:
        batch_size: Samples.
        reason: One sentence.
        seconds_per_sample: What was measured, by batch size.
    """

    batch_size: int
    reason: str
    seconds_per_sample: Mapping[str, float] = field(default_factory=dict)


def largest(*, samples: int, epochs: int, numbers: int) -> int:
    """The largest batch worth trying, a power of two times 16.

    >>> largest(samples=800, epochs=20, numbers=2)
    64

    Args:
        samples: Training samples.
        epochs: Passes planned.
        numbers: Of input in a sample.
    """
    most = min(MOST, samples, samples * epochs // LEAST_STEPS, MOST_NUMBERS // max(numbers, 1))
    size = LEAST
    while 2 * size <= most:
        size *= 2
    return size


def doubled(
    step_s: Callable[[int], float],
    *,
    most: int,
    clock: Callable[[], float] = time.monotonic,
) -> Sizing:
    """The batch size after which a further doubling saves less than a tenth of a sample's time.

    >>> doubled(lambda size: 1.0 + 0.01 * size, most=1024).batch_size
    512

    Args:
        step_s: Seconds that a training step of so many samples takes.
        most: Where to end.
        clock: Seconds; after five of them the best so far is taken.
    """
    begun = clock()
    size = LEAST
    seconds = {size: step_s(size) / size}
    while 2 * size <= most:
        if clock() - begun > MOST_MEASURING_S:
            return _sizing(size, seconds, "there was no time to measure more")
        seconds[2 * size] = step_s(2 * size) / (2 * size)
        if seconds[2 * size] > (1 - LEAST_GAIN) * seconds[size]:
            return _sizing(size, seconds, f"{2 * size} saves less than a tenth of a sample's time")
        size *= 2
    return _sizing(size, seconds, "more would leave too few steps, or need too much memory")


def read_sizing(folder: Path) -> Sizing | None:
    """The recorded choice of a run, if there is one.

    Raises:
        CorruptFileError: If the record is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return Sizing(**read_record(path))
    except TypeError as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error}.", hint="Delete it and run the command again."
        ) from error


def write_sizing(folder: Path, sizing: Sizing) -> None:
    """Records the choice, so that a resumed run takes the same steps."""
    write_record(folder / FILE, asdict(sizing))


def _sizing(size: int, seconds: Mapping[int, float], why: str) -> Sizing:
    measured = {str(tried): spent for tried, spent in seconds.items()}
    return Sizing(size, f"Batches of {size}: {why}.", measured)
