"""Classes that can be told apart without looking at the picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.core.seed import generator
from phoropter.look.evidence import LookEvidence
from phoropter.look.permutation import areas, out_of_fold, p_value, shuffles
from phoropter.look.properties import dimensions

ALPHA = 0.01
SHUFFLES = 199
MOST = 4_000
FEWEST = 50
FEWEST_OF_CLASS = 10
BINS = 10
"""Quantile bins of each number: a shortcut need not be monotonous (one camera's exact width)."""

FORM_SKILL = 0.3
SKILL = 0.4
"""Balanced accuracy between chance (0) and perfection (1) from which it is alarming: of size, shape
and format, and of these with the bytes of the file. Bytes follow the content a little (smooth
pictures compress better), which gives honest sets up to 0.2."""

LOSSLESS = frozenset({"PNG", "BMP", "TIFF", "GIF", "PPM"})
"""Formats whose bytes say nothing but how busy the picture is: there is no quality to be chosen.
Frogs and ships, 32 pixels as PNG from one source, come to a skill of 0.5 by them."""

FORM_AREA = 0.9
"""Area under the ROC curve of one class against all others, by size, shape and format alone, from
which that class is given away. Bytes do not count here: a handwritten one is a small file."""

Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What metadata say about the class.

    Args:
        skill: Of everything.
        form_skill: Of size, shape and format.
        form_areas: Of size, shape and format, one a class.
    """

    skill: float
    form_skill: float
    form_areas: tuple[float, ...]

    @property
    def alarm(self) -> float:
        """The largest of the three relative to its threshold; from 1 on it is alarming."""
        area = (max(self.form_areas) - 0.5) / (FORM_AREA - 0.5)
        return max(self.skill / SKILL, self.form_skill / FORM_SKILL, area)


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding where size, shape, format and bytes predict the class far beyond chance.

    A linear classifier on the binned metadata is judged on rows it has not seen, one of each
    family, and against shuffled labels.
    """
    if evidence.labels is None:
        return
    rows = _rows(evidence)
    names, classes = np.unique(evidence.labels[rows], return_inverse=True)
    if len(rows) < FEWEST or len(names) < 2:
        return
    form, weight = metadata(evidence.dataset.table[rows])
    if not form and not weight:
        return
    verdict = _verdict(form, weight, classes, seed=evidence.seed)
    if verdict.alarm < 1:
        return
    p = _p_value(form, weight, classes, seed=evidence.seed)
    if p <= ALPHA:
        alone = {
            name: _judge({name: columns}, classes, seed=evidence.seed)[0]
            for name, columns in {**form, **weight}.items()
        }
        yield _finding(names, verdict, p, alone)


def metadata(table: pl.DataFrame) -> tuple[Columns, Columns]:
    """What is known of a file without its pixels, as indicator columns (n, values or bins).

    What is the same for every file is left out.

    Returns:
        Size, shape and format; and what depends on the number of bytes, if it can be chosen.
    """
    size = dimensions(table)
    bytes_ = table["size_bytes"].cast(pl.Float64).to_numpy()
    form = {name: _binned(values) for name, values in size.items()}
    for name in ("mode", "format"):
        words = table[name].fill_null("").to_numpy().astype(np.str_)
        form[name] = _indicators(np.unique(words, return_inverse=True)[1])
    if set(table["format"].drop_nulls()) <= LOSSLESS:
        return _varying(form), {}
    weight = {
        "file size": _binned(bytes_),
        "bytes a pixel": _binned(bytes_ / np.maximum(size["height"] * size["width"], 1.0)),
    }
    return _varying(form), _varying(weight)


def _varying(columns: Columns) -> Columns:
    return {name: values for name, values in columns.items() if values.shape[1] > 1}


def _binned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return _indicators(np.unique(np.searchsorted(edges, values), return_inverse=True)[1])


def _indicators(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.eye(int(numbers.max(initial=0)) + 1)[numbers]


def _rows(evidence: LookEvidence) -> NDArray[np.int64]:
    """At most `MOST` rows, one of each family, of classes that every fold can hold."""
    order = generator(evidence.seed, "metadata-shortcut", "rows").permutation(len(evidence.dataset))
    _, first = np.unique(evidence.families[order], return_index=True)
    rows = order[np.sort(first)][:MOST]
    labels = np.asarray(evidence.labels)[rows]
    names, counts = np.unique(labels, return_counts=True)
    return np.asarray(rows[np.isin(labels, names[counts >= FEWEST_OF_CLASS])])


def _verdict(form: Columns, weight: Columns, classes: NDArray[np.int64], *, seed: int) -> Verdict:
    form_skill, form_areas = _judge(form, classes, seed=seed)
    skill, _ = _judge({**form, **weight}, classes, seed=seed)
    return Verdict(skill, form_skill, form_areas)


def _judge(
    columns: Columns, classes: NDArray[np.int64], *, seed: int
) -> tuple[float, tuple[float, ...]]:
    """Skill (balanced accuracy, 0 is chance) and the area under the curve of each class."""
    truth = _indicators(classes)
    chance = 1 / truth.shape[1]
    if not columns:
        return 0.0, (0.5,) * truth.shape[1]
    rng = generator(seed, "metadata-shortcut", "folds")
    inputs = np.concatenate(list(columns.values()), axis=1)
    scores = out_of_fold(inputs, truth, rng) / truth.mean(axis=0)
    hit = scores.argmax(axis=1) == classes
    balanced = float(np.mean([hit[classes == one].mean() for one in range(truth.shape[1])]))
    return (balanced - chance) / (1 - chance), tuple(areas(scores, truth.astype(bool)).tolist())


def _p_value(form: Columns, weight: Columns, classes: NDArray[np.int64], *, seed: int) -> float:
    """Of the alarm, by shuffling the classes."""
    rng = generator(seed, "metadata-shortcut", "shuffles")
    drawn = shuffles(classes, np.zeros_like(classes), SHUFFLES, rng)
    alarms = [_verdict(form, weight, column, seed=seed).alarm for column in drawn.T]
    return p_value(np.array(alarms))


def _finding(
    names: NDArray[np.str_], verdict: Verdict, p: float, alone: Mapping[str, float]
) -> Finding:
    areas_by_name = dict(zip(names.tolist(), verdict.form_areas, strict=True))
    strongest = max(alone, key=lambda name: alone[name])
    return Finding(
        code="metadata-shortcut",
        severity="warning",
        confidence=0.9,
        message=(
            f"The class can be guessed without looking at the picture: metadata, {strongest} "
            f"most of all, go {max(verdict.skill, verdict.form_skill):.0%} of the way from chance "
            "to perfect."
        ),
        evidence={
            "skill": verdict.skill,
            "alarming_skill": SKILL,
            "form_skill": verdict.form_skill,
            "alarming_form_skill": FORM_SKILL,
            "form_areas": areas_by_name,
            "alarming_form_area": FORM_AREA,
            "p_value": p,
            "skill_alone": dict(sorted(alone.items(), key=lambda item: -item[1])),
        },
        prescriptions=(_PRESCRIPTION,),
    )


_PRESCRIPTION = Prescription(
    change={},
    advice="Bring the pictures of all classes to one size, shape and format from the originals, or "
    "collect them from one source; then see whether the accuracy stays.",
    expected_gain=None,
    cost=1.0,
    why="Classes from different sources differ in much that has nothing to do with them (borders, "
    "compression, cameras), and a network learns what is easiest (Geirhos et al., 'Shortcut "
    "learning in deep neural networks', 2020).",
)
