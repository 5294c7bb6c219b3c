"""Label or tune: the forecast and what tuning brought so far, in sentences."""

from __future__ import annotations

from phoropter.core.forecasts import Forecast

LABEL_S = 10.0  # for a class of an image; a guess that the sentence states
_SHOWN = 3
_ILL_BEHAVED = (
    "The error does not fall with more samples as it should (p = {:.2g}), so nothing is said of "
    "more data: look for shifted, wrongly labelled or leaking samples."
)


def plan(found: Forecast, *, tuned: float, tuning_s: float) -> tuple[str, ...]:
    """What to expect of labelling, of which classes first, and of tuning on.

    Args:
        found: The forecast.
        tuned: Fall of the validation error by all accepted changes of the loop.
        tuning_s: Wall time of all its steps, seconds; 0.0 before the first.
    """
    if not found.behaved:
        return (_ILL_BEHAVED.format(found.p_rise),)
    sentences = []
    present, error = found.levels[-1].samples, found.levels[-1].error
    for gain in found.gains:
        more = gain.samples - round(present)
        hours = more * LABEL_S / 3600
        sentences.append(
            f"Label {more:,} more samples ({gain.times} times the data; {hours:.1f} h at "
            f"{LABEL_S:.0f} s each): the error should go from {error:.1%} to {gain.error:.1%} "
            f"(90 % interval {gain.error_low:.1%} to {gain.error_high:.1%})."
        )
    if found.label_next:
        names = ", ".join(repr(worth.name) for worth in found.label_next[:_SHOWN])
        sentences.append(f"Begin with {names}: there a label is expected to bring most.")
    if found.gains and tuning_s > 0:
        twice = found.gains[0]
        labelling = twice.value / (twice.samples - present) / LABEL_S * 3600
        sentences.append(
            f"An hour of labelling is expected to lower the error by {labelling:.1%}; tuning "
            f"lowered it by {tuned:.1%} in {tuning_s / 3600:.2f} h so far."
        )
    return tuple(sentences)
