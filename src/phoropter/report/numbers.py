"""How numbers look on the page: four figures, thin grouping, never a spurious digit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Metric

_MOST_DECIMALS = 5
_SMALL = 0.01  # below it, so many decimals show fewer figures than `number` does


def number(value: object) -> str:
    """A value with at most four significant figures; "–" where there is none.

    >>> number(0.123456), number(1234567), number(None), number(2.0), number(1e-7)
    ('0.1235', '1,234,567', '–', '2', '1e-07')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float) or not math.isfinite(value):
        return "–" if value is None or isinstance(value, float) else str(value)
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}".replace("-", "−") if "e" not in f"{value:.4g}" else f"{value:.4g}"


def fraction(value: float) -> str:
    """A number in [0, 1] with three decimals, so that columns of them line up.

    >>> fraction(0.9), fraction(float("nan"))
    ('0.900', '–')
    """
    return f"{value:.3f}" if math.isfinite(value) else "–"


def percent(value: float) -> str:
    """A share as people say it; never 0 or 100 % unless it is exactly that.

    >>> percent(0.5), percent(0.0004), percent(0.9999)
    ('50 %', '0.04 %', '99.99 %')
    """
    shown = [f"{100 * value:.{places}f}" for places in (0, 1, 2)]
    honest = (text for text in shown if value in (0.0, 1.0) or float(text) not in (0.0, 100.0))
    return f"{next(honest, shown[-1])} %"


def three(values: NDArray[np.float64] | None) -> tuple[float | None, float | None, float | None]:
    """Least, median and greatest of the finite values, None each where there are none.

    >>> three(np.array([3.0, 1.0, np.nan, 2.0])), three(None)
    ((1.0, 2.0, 3.0), (None, None, None))
    """
    known = np.zeros(0) if values is None else values[np.isfinite(values)]
    if not len(known):
        return None, None, None
    return float(known.min()), float(np.median(known)), float(known.max())


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.02), signed(-0.02), signed(None)
    ('+0.02', '−0.02', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{'+' if value > 0 else ''}{number(value)}"


def reached(metric: Metric) -> str:
    """A metric's value with as many decimals as its interval supports.

    >>> reached(Metric("accuracy", 0.9, 0.85324, 0.94, 200)), reached(Metric("mae", 1.0, 1, 1, 2))
    ('0.900', '1')
    >>> tiny = Metric("rmse", 3.2e-6, 3.0e-6, 3.4e-6, 200)
    >>> reached(tiny), interval(tiny), reached(Metric("roc_auc", 0.99998, 0.99996, 1.0, 200))
    ('3.2e-06', '[3e-06, 3.4e-06]', '0.99998')
    """
    return _places(metric, metric.value)


def ends(metric: Metric) -> tuple[str, str]:
    """Both ends of a metric's 95 % interval, with the decimals of `reached`."""
    return _places(metric, metric.low), _places(metric, metric.high)


def interval(metric: Metric) -> str:
    """A metric's 95 % interval.

    >>> interval(Metric("accuracy", 0.9, 0.85324, 0.94, 200))
    '[0.853, 0.940]'
    """
    return "[{}, {}]".format(*ends(metric))


def _places(metric: Metric, value: float) -> str:
    """The value to two figures of the interval's width: more would be noise."""
    width = metric.high - metric.low
    if not (math.isfinite(width) and math.isfinite(value)) or width <= 0:
        return number(value)
    decimals = max(1 - math.floor(math.log10(width)), 0)
    if decimals > _MOST_DECIMALS and abs(value) < _SMALL:
        return number(value)
    return f"{value:,.{min(decimals, _MOST_DECIMALS)}f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(0.4), duration(75), duration(3700)
    ('0.4 s', '1 min 15 s', '1 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
