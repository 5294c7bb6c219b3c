"""Groups that nobody declared, told by names, as `00003140_012` (patient, visit), or by time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import generator
from phoropter.data.exif import Shot, shots
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import first_of_each
from phoropter.look.neighbours import picture_vectors, unit_vectors
from phoropter.look.permutation import p_value, shuffles

ALPHA = 0.001
SHUFFLES = 1_999
MOST = 20_000
"""Pictures that are compared; of more, those of groups drawn at random."""
COMPONENTS = 32

FEWEST_GROUPS = 10
LARGEST_SHARE = 0.1
"""Prefixes count as groups where at least ten occur more than once and none names more than a
tenth of the files: `image_0001`, `cat_0001` and the like name all of a set or of a class."""

PAUSE = timedelta(minutes=15)
"""Photographs of one camera that follow each other faster belong to one session."""

FEWEST_FRAMES = 20
RECORDED = 0.9
"""Prefixes name recordings where at least two have twenty files each, and such prefixes name nine
tenths of all: `0001TP_006690`, `Seq05VD_f00930`."""

_FRAME = re.compile(r"(?P<recording>.*\d.*?)[_\-. ]+[A-Za-z]{0,5}\d{1,9}")
_GROUPED = re.compile(r"(?P<group>.*\d.*?)[_\-. ]+\(?\d{1,6}\)?")


@dataclass(frozen=True, slots=True, eq=False)
class NameGroups:
    """Files that share part of their name, folder or time, and look alike.

    Args:
        numbers: A number for each row, shape (n,); -1 where a row says nothing.
        p_value: Of pictures of one group being no more alike than others of their class.
        kind: "file name", "folder", "camera time" or "recording".
    """

    numbers: NDArray[np.int64]
    p_value: float
    kind: str = "file name"


def group_of(path: str) -> str | None:
    """The part of a file name before its last number, if it holds a number itself.

    >>> group_of("test/sick/00003140_012.png"), group_of("cat_012.jpg"), group_of("a/7f3e.jpg")
    ('00003140', None, None)
    """
    match = _GROUPED.fullmatch(PurePosixPath(path).stem)
    return match["group"] if match else None


def find_name_groups(evidence: LookEvidence) -> NameGroups | None:
    """The groups in the file names, or None where names do not say anything about pictures.

    That they do is tested: within each class the mean distance of pictures with one prefix is
    compared with that after shuffling the pictures of the class. Prefixes that are running
    numbers, or that name a whole class, give no contrast and so no groups.

    Repeats of one file are left out, so that they cannot make the point alone.
    """
    names = [group_of(path) or "" for path in evidence.dataset.table["path"].to_list()]
    return _tested(evidence, names, "file name")


def recording_of(path: str) -> str | None:
    """The part of a file name before the number of its frame, if it holds a number itself.

    >>> recording_of("val/Seq05VD_f00930.jpg"), recording_of("cat_00930.jpg")
    ('Seq05VD', None)
    """
    match = _FRAME.fullmatch(PurePosixPath(path).stem)
    return match["recording"] if match else None


def find_recordings(evidence: LookEvidence) -> NameGroups | None:
    """A few large groups in the file names, as of films; tested like the others.

    Too few to cut parts by, but parts that were cut already may divide them.
    """
    names = [recording_of(path) or "" for path in evidence.dataset.table["path"].to_list()]
    distinct, counts = np.unique(names, return_counts=True)
    large = (counts >= FEWEST_FRAMES) & (distinct != "")
    if large.sum() < 2 or counts[large].sum() < RECORDED * len(names):
        return None
    return _alike(evidence, names, "recording")


def find_folder_groups(evidence: LookEvidence) -> NameGroups | None:
    """The same for folders that are neither a class nor a part: `cat/monday/7.jpg`."""
    table = evidence.dataset.table
    labels = evidence.labels
    names = []
    for row, path in enumerate(table["path"].to_list()):
        folder = PurePosixPath(path).parent
        own = {"" if labels is None else str(labels[row]).casefold(), *_parts(evidence, row)}
        names.append("" if folder.name.casefold() in own else str(folder))
    return _tested(evidence, names, "folder")


def find_sessions(evidence: LookEvidence) -> NameGroups | None:
    """The same for photographs that one camera took shortly after each other, by their EXIF."""
    dataset = evidence.dataset
    if dataset.modality != "image" or not dataset.root.is_dir():
        return None
    said = shots(dataset.root, dataset.table["path"].to_list())
    return _tested(evidence, sessions(said), "camera time")


def sessions(said: list[Shot]) -> list[str]:
    """A name for the session of each photograph, "" where the time is not said.

    >>> from datetime import datetime
    >>> clock = [datetime(2024, 5, 1, 9, minute) for minute in (0, 40, 50)]
    >>> sessions([Shot("A", clock[0]), Shot("A", clock[2]), Shot("A", clock[1]), Shot("B", None)])
    ['A 2024-05-01 09:00:00', 'A 2024-05-01 09:40:00', 'A 2024-05-01 09:40:00', '']
    """
    names = [""] * len(said)
    timed = [(one.camera, one.taken, row) for row, one in enumerate(said) if one.taken]
    begun, last = "", None
    for camera, taken, row in sorted(timed):
        if last is None or last[0] != camera or taken - last[1] > PAUSE:
            begun = f"{camera} {taken}"
        names[row], last = begun, (camera, taken)
    return names


def _parts(evidence: LookEvidence, row: int) -> tuple[str, ...]:
    """Words of a folder that say the part, and the top folder's."""
    name = evidence.dataset.table["part_name"][row]
    return ("", ".", str(name).casefold())


def _tested(evidence: LookEvidence, names: list[str], kind: str) -> NameGroups | None:
    distinct, counts = np.unique(names, return_counts=True)
    named = counts[distinct != ""]
    if (named > 1).sum() < FEWEST_GROUPS or named.max() > LARGEST_SHARE * len(names):
        return None
    return _alike(evidence, names, kind)


def _alike(evidence: LookEvidence, names: list[str], kind: str) -> NameGroups | None:
    """The groups, if pictures of one are more alike than others of their class."""
    distinct, numbers = np.unique(names, return_inverse=True)
    numbers = np.where(distinct[numbers] == "", -1, numbers).astype(np.int64)
    rows = np.flatnonzero(
        (numbers >= 0)
        & evidence.shows_something
        & first_of_each(len(names), [*evidence.twins, *evidence.copies.pairs])
    )
    if len(rows) > MOST:
        drawn = generator(evidence.seed, "named").permutation(numbers.max() + 1)[numbers[rows]]
        rows = np.sort(rows[np.argsort(drawn, kind="stable")[:MOST]])  # whole groups
    if len(rows) < 2:  # pictures of one flat colour show nothing that could be alike
        return None
    p = _likeness_p_value(evidence, rows, numbers[rows])
    return NameGroups(numbers, p, kind) if p <= ALPHA else None


def _likeness_p_value(
    evidence: LookEvidence, rows: NDArray[np.int64], numbers: NDArray[np.int64]
) -> float:
    """Permutation p-value of the mean similarity within groups, shuffled within classes.

    For unit vectors the sum of all inner products within a group is the squared length of the
    group's sum, so that no pair is ever formed.
    """
    classes = np.zeros(len(evidence.dataset), dtype=np.int64)
    if evidence.labels is not None:
        classes = np.unique(evidence.labels, return_inverse=True)[1].astype(np.int64)
    # Thumbnails even where features are at hand: the split, which has none, must find the same.
    described = picture_vectors(evidence.thumbnails[rows])[0]
    vectors = unit_vectors(described, seed=evidence.seed, most=COMPONENTS)
    vectors = vectors - vectors.mean(axis=0)
    rng = generator(evidence.seed, "name-groups")
    drawn = shuffles(np.arange(len(rows)), classes[rows], SHUFFLES, rng)
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(numbers[order]) > 0))
    statistics = np.empty(drawn.shape[1])
    for shuffle in range(drawn.shape[1]):
        sums = np.add.reduceat(vectors[drawn[order, shuffle]], starts, axis=0)
        statistics[shuffle] = np.einsum("gd,gd->", sums, sums)
    return p_value(statistics)
