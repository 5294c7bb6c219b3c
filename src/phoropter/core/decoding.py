"""From probabilities to an answer: a temperature, and a rule that says which class is named.

Without a rule it is the most probable class. That is the best answer where every mistake costs the
same and the probabilities are true; elsewhere a threshold, or what mistakes cost, decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import UsageError, nearest

Floats = NDArray[np.float64]
Cost = tuple[str, str, float]

_COST = re.compile(
    r'\s*(?:"(?P<truth_q>[^"]+)"|(?P<truth>[^">,=]+?))\s*>'
    r'\s*(?:"(?P<said_q>[^"]+)"|(?P<said>[^">,=]+?))\s*=\s*(?P<cost>[0-9.eE+-]+)\s*(?:,|$)'
)


@dataclass(frozen=True, slots=True)
class Rule:
    """How a threshold is to be chosen.

    Args:
        kind: "f": the largest F-beta; "recall": the largest threshold that keeps the recall;
            "cost": the least expected cost.
        number: Beta, or the recall in (0, 1); 0.0 for costs.
        costs: What naming a class costs, as (true class, named class, cost).
    """

    kind: Literal["f", "recall", "cost"]
    number: float = 0.0
    costs: tuple[Cost, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule carried out: what is called which class.

    Args:
        rule: As the recipe has it.
        positive: The class that the threshold is about, "" where costs decide.
        threshold: Least probability at which it is named; None where costs decide. Below it, the
            most probable of the other classes is.
        costs: Of naming class j for class i, shape (k, k); empty where a threshold decides.
    """

    rule: str
    positive: str = ""
    threshold: float | None = None
    costs: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Decoding:
    """What follows the network: its logits are divided by the temperature, then one class is named.

    Args:
        temperature: 1.0 leaves the probabilities as they are; above, they are made less sure.
        decision: None: the most probable class is named.
    """

    temperature: float = 1.0
    decision: Decision | None = None


def decide(probabilities: Floats, classes: Sequence[str], decision: Decision) -> NDArray[np.int64]:
    """The class that is named for each sample, shape (n,), from probabilities (n, k).

    With costs it is the one of least expected cost (Elkan 2001, "The Foundations of Cost-Sensitive
    Learning"), the first of several.

    >>> decide(np.array([[0.7, 0.3]]), ("ok", "ill"), Decision("f1", "ill", 0.25)).tolist()
    [1]
    """
    if decision.costs:
        return np.asarray((probabilities @ np.asarray(decision.costs)).argmin(axis=1), np.int64)
    at = list(classes).index(decision.positive)
    others = probabilities.copy()
    others[:, at] = -1.0
    named = probabilities[:, at] >= (1.0 if decision.threshold is None else decision.threshold)
    return np.where(named, at, others.argmax(axis=1)).astype(np.int64)


def read_rule(text: str) -> Rule:
    """A rule from how people write it: f1, f0.5, recall>=0.95, cost(ill>well=10, well>ill=1).

    Raises:
        ValueError: If it is none of them.

    >>> read_rule("recall>=0.9")
    Rule(kind='recall', number=0.9, costs=())
    """
    if found := re.fullmatch(r"f(\d+(?:\.\d+)?)", text):
        if (beta := float(found[1])) > 0:
            return Rule("f", beta)
    elif found := re.fullmatch(r"recall\s*>=\s*(0?\.\d+)", text):
        if (share := float(found[1])) > 0:
            return Rule("recall", share)
    elif found := re.fullmatch(r"cost\((.+)\)", text):
        return Rule("cost", costs=read_costs(found[1]))
    message = (
        f"{text!r} is no rule; write f1 (or f2, f0.5), recall>=0.95, "
        "or cost(TRUE CLASS>NAMED CLASS=10)"
    )
    raise ValueError(message)


def read_costs(text: str) -> tuple[Cost, ...]:
    """Costs of mistakes as (true class, named class, cost) from `ill>well=10, well>ill=1`.

    Names that hold one of `>`, `,` and `=` are put into double quotes.

    Raises:
        ValueError: If the text is of another form or a cost is negative or not finite.
    """
    costs, place = [], 0
    while place < len(text):
        found = _COST.match(text, place)
        if found is None:
            message = f"{text[place:]!r} is not of the form TRUE CLASS>NAMED CLASS=COST"
            raise ValueError(message)
        cost = float(found["cost"])
        if not 0 <= cost < float("inf"):
            message = f"a cost must not be negative, got {found['cost']}"
            raise ValueError(message)
        costs.append((found["truth"] or found["truth_q"], found["said"] or found["said_q"], cost))
        place = found.end()
    return tuple(costs)


def cost_matrix(costs: Sequence[Cost], classes: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """Cost of naming class j for class i, shape (k, k): 0 if right, 1 where nothing is said.

    Raises:
        UsageError: If a class is unknown.

    >>> cost_matrix([("ill", "well", 10.0)], ("ill", "well"))
    ((0.0, 10.0), (1.0, 0.0))
    """
    places = {name: place for place, name in enumerate(classes)}
    matrix = 1.0 - np.eye(len(classes))
    for truth, said, cost in costs:
        for name in (truth, said):
            if name not in places:
                raise UsageError(
                    f"A cost is given for {name!r}, which is none of the classes.",
                    hint=nearest(name, classes),
                )
        matrix[places[truth], places[said]] = cost
    return tuple(tuple(map(float, row)) for row in matrix)
