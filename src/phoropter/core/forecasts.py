"""What more data would bring, as a record: the measured curve and what it lets one expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Level:
    """What training on a part of the samples reaches.

    Args:
        samples: In the part; the mean where several were drawn.
        error: On the validation part, in [0, 1]; the mean where several were drawn.
        draws: Models that were trained.
    """

    samples: float
    error: float
    draws: int


@dataclass(frozen=True, slots=True)
class Gain:
    """What is expected of several times as much data.

    Args:
        times: 2 or 4.
        samples: Training samples that would be.
        error: The error expected then, on the same validation samples.
        error_low: Lower end of its 90 % interval, for one training.
        error_high: Upper end.
        value: Fall of the expected error.
        low: Lower end of its 90 % interval.
        high: Upper end.
    """

    times: int
    samples: int
    error: float
    error_low: float
    error_high: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What labels of one class are worth.

    Args:
        name: The class.
        samples: It has for training.
        error: Share of its validation samples that is missed.
        value: Expected fall of the error by 100 more labels of it; rough, it ranks the classes.
    """

    name: str
    samples: int
    error: float
    value: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """A learning curve over the number of training samples, and what lies beyond its end.

    Args:
        levels: From few samples to all.
        behaved: Whether the error falls with more samples, as far as noise lets one say.
        p_rise: Probability of so large a rise anywhere on a curve that is flat.
        gains: For 2 and 4 times the data; none where the curve is ill-behaved.
        families: Weight of each family of curves in the forecast.
        label_next: Classes, the most worthwhile first; none where classes were not told apart.
    """

    levels: tuple[Level, ...]
    behaved: bool
    p_rise: float
    gains: tuple[Gain, ...] = ()
    families: Mapping[str, float] = field(default_factory=dict)
    label_next: tuple[Worth, ...] = ()
