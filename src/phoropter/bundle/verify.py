"""Does the bundle answer what the original network answered?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.bundle.answer import Answer
from phoropter.bundle.golden import Golden
from phoropter.core.errors import PhoropterError
from phoropter.core.records import TargetSchema

# Float32 arithmetic in another order moves probabilities by about 1e-6; a wrong normalisation or
# a wrong layer moves them by 1e-2 and more.
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How far answers lie from the golden ones.

    Args:
        differences: Largest absolute difference of each sample, shape (n,): of probabilities, or of
            values in units of the target's standard deviation on the training part.
        agreeing: Which samples agree, shape (n,).
    """

    differences: NDArray[np.float64]
    agreeing: NDArray[np.bool_]

    @property
    def largest(self) -> float:
        """The largest difference of all."""
        return float(self.differences.max())


def agreement(answers: NDArray[np.float64], golden: Golden, schema: TargetSchema) -> Agreement:
    """Compares answers to the golden ones, sample by sample.

    Two samples agree if no probability differs by more than `TOLERANCE` and the same class is the
    most probable; where two classes tie within the tolerance either of them will do.

    >>> golden = Golden(np.zeros((1, 1, 4, 4), np.uint8), np.array([[0.6, 0.4]]))
    >>> agreement(np.array([[0.5, 0.5]]), golden, TargetSchema("classes", ("a", "b"))).largest
    0.09999999999999998
    """
    if answers.shape != golden.answers.shape:
        far = np.full(len(golden), np.inf)
        return Agreement(differences=far, agreeing=np.zeros(len(golden), dtype=np.bool_))
    gaps = np.abs(answers - golden.answers)
    if schema.kind == "values":
        gaps = gaps / np.asarray(schema.scale)
    differences = np.where(np.isfinite(gaps), gaps, np.inf).max(axis=1)
    agreeing = differences <= TOLERANCE
    if schema.kind == "classes":
        chosen = golden.answers[np.arange(len(golden)), answers.argmax(axis=1)]
        agreeing &= chosen >= golden.answers.max(axis=1) - TOLERANCE
    return Agreement(differences=differences, agreeing=agreeing)


def verify(answer: Answer, golden: Golden, schema: TargetSchema, *, what: str) -> float:
    """The largest difference to the golden answers, asked all at once, and one of them alone.

    Args:
        answer: What is to be verified.
        golden: The inputs and the original answers.
        schema: What the answers mean.
        what: Its name in the error message.

    Raises:
        PhoropterError: If any sample disagrees.
    """
    # One alone, because an exporter may have made the batch size a constant.
    asked = (golden, Golden(golden.pixels[:1], golden.answers[:1]))
    found = [agreement(answer(part.pixels), part, schema) for part in asked]
    largest = max(one.largest for one in found)
    if not all(one.agreeing.all() for one in found):
        wrong = max(int((~one.agreeing).sum()) for one in found)
        raise PhoropterError(
            f"{what} does not answer as the trained network does: {wrong} of {len(golden)} golden "
            f"samples differ, by up to {largest:.2g} (allowed: {TOLERANCE:g}).",
            hint="Nothing was exported. Please report this with the recipe of the run.",
        )
    return largest
