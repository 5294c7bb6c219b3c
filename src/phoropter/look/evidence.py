"""What the checks look at: the table, the split, small grey pictures and, where given, features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.protocols import FeatureFunction, Features
from phoropter.core.records import Dataset, Rows, Split
from phoropter.look.copies import NO_COPIES, Copies
from phoropter.look.families import first_of_each, joined, links
from phoropter.look.kept_copies import kept_copies
from phoropter.look.masks import MeasuredMask, measured_masks
from phoropter.look.neighbours import picture_vectors, shows_something
from phoropter.look.objects import placed_objects
from phoropter.look.text_copies import text_copies
from phoropter.prediction.row_features import joined_texts

Classifier = Callable[[Dataset, Rows], tuple[NDArray[np.float32], NDArray[np.float32]]]

Colours = Callable[[Rows], NDArray[np.uint8]]

MOST_TEXTS = 5_000
"""Texts that are described all together: seconds. Of more, only those that are shown."""


@dataclass(frozen=True, eq=False)
class LookEvidence:
    """The samples before any training; what several checks need is computed once, when asked for.

    Args:
        dataset: Indexed: its table has `digest`, `height`, `width`, `mode`, `format`, ...
        split: The parts in force, or None where only those given by the data are to be looked at.
        features: Features of rows, or None where there are none; all rows are asked for, once, and
            a few before where it is to be known how long that takes.
        thumbnails: Grey, stretched, shape (n, 32, 32), uint8, in the order of the table's rows;
            flat where samples are no images.
        seed: Decides every random draw of the checks.
        classifier: Logits of an ImageNet network for rows, shape (m, 1000), of the images as they
            are and with red and blue exchanged; None where there is none.
        folder: Where copies of pictures are kept once they are found; None: nowhere.
        colours: The pictures of rows in colour, shape (m, 32, 32, 3), uint8; None where there are
            none to be had.
    """

    dataset: Dataset
    split: Split | None
    features: FeatureFunction | None
    thumbnails: NDArray[np.uint8]
    seed: int = 0
    classifier: Classifier | None = None
    folder: Path | None = None
    colours: Colours | None = None

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """Sample identifiers, shape (n,)."""
        return self.dataset.table["id"].to_numpy().astype(np.str_)

    @cached_property
    def labels(self) -> NDArray[np.str_] | None:
        """Class names, shape (n,), or None where a sample has no class or several."""
        if self.dataset.task != "classification":
            return None
        return (
            self.dataset.table[self.dataset.targets[0]]
            .cast(pl.String)
            .fill_null("")
            .to_numpy()
            .astype(np.str_)
        )

    @cached_property
    def parts(self) -> NDArray[np.str_]:
        """The part of each row, shape (n,), "" where neither split nor data say it."""
        table = self.dataset.table
        if self.split is None:
            parts = table["part"]
        else:
            known = self.split.table.select("id", assigned="part")
            parts = table.select("id").join(known, on="id", how="left", maintain_order="left")[
                "assigned"
            ]
        return parts.fill_null("").to_numpy().astype(np.str_)

    @cached_property
    def part_names(self) -> NDArray[np.str_]:
        """The data's own word for the part of each row ("test_shifted"), else as `parts`.

        Rows whose part the split decided against the data's word keep the split's.
        """
        table = self.dataset.table
        same = table["part"].fill_null("").to_numpy().astype(np.str_) == self.parts
        named = table["part_name"].fill_null("").to_numpy().astype(np.str_)
        return np.where(same & (named != ""), named, self.parts)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """A number for each declared group, shape (n,); -1 where none is declared."""
        declared = self.dataset.table["group"].cast(pl.String)
        _, numbers = np.unique(
            declared.fill_null("").to_numpy().astype(np.str_), return_inverse=True
        )
        return np.where(declared.is_null().to_numpy(), -1, numbers).astype(np.int64)

    @cached_property
    def twins(self) -> tuple[NDArray[np.int64], ...]:
        """Rows whose files are the same byte by byte, one array (of two or more) a content."""
        rows = self.dataset.table.select("digest").with_row_index("row")
        groups = rows.group_by("digest", maintain_order=True).agg("row")
        repeated = groups.filter(pl.col("row").list.len() > 1)
        return tuple(np.asarray(group, dtype=np.int64) for group in repeated["row"].to_list())

    @cached_property
    def shows_something(self) -> NDArray[np.bool_]:
        """Whether a row is more than a picture of one flat colour, shape (n,)."""
        if self.dataset.modality != "image":
            return np.ones(len(self.dataset), dtype=bool)
        return shows_something(self.thumbnails)

    @cached_property
    def feature_table(self) -> Features | None:
        """Features of all rows, shape (n, d), or None."""
        if self.features is None or not len(self.dataset):
            return None
        return self.features(self.dataset, np.arange(len(self.dataset), dtype=np.int64))

    @property
    def feature_source(self) -> str:
        """Where descriptions of pictures come from: the features' name, or "pixels"."""
        return self.features.name if self.features is not None else "pixels"

    @cached_property
    def objects(self) -> pl.DataFrame | None:
        """Annotated objects beside their images (`placed_objects`), None where there are none."""
        return None if self.dataset.objects is None else placed_objects(self.dataset)

    @cached_property
    def masks(self) -> tuple[MeasuredMask, ...]:
        """The mask of each row; empty where the data have none."""
        return measured_masks(self.dataset)

    @cached_property
    def copies(self) -> Copies:
        """Pairs of rows whose files differ and whose pictures are the same.

        Flat pictures are left out (all of them look the same), and of twins only the first takes
        part. What was re-encoded, resized, mirrored, cropped, shifted, turned a little or changed
        in brightness or colour is found, see `copies`. Copies of texts are told by their wording;
        rows of a table have none but repeats.
        """
        if self.dataset.modality == "text":
            return _copies_of_texts(self)
        if self.dataset.modality == "table":
            return NO_COPIES
        rows = np.flatnonzero(self.shows_something & first_of_each(len(self.dataset), self.twins))
        found = kept_copies(self.thumbnails[rows], seed=self.seed, folder=self.folder)
        return replace(found, pairs=rows[found.pairs])

    @cached_property
    def texts(self) -> list[str]:
        """The text of each row, several columns joined by line breaks."""
        return joined_texts(self.dataset, np.arange(len(self.dataset), dtype=np.int64))

    @cached_property
    def families(self) -> NDArray[np.int64]:
        """A number for each row, shape (n,); rows tied by a group, a twin or a copy share it."""
        ties = [self.copies.pairs, links(self.groups)]
        ties += [np.stack([rows[:-1], rows[1:]], axis=1) for rows in self.twins]
        return joined(len(self.dataset), np.concatenate(ties))


def is_described(evidence: LookEvidence) -> bool:
    """Whether there are features of all rows already, or none to come."""
    return evidence.features is None or "feature_table" in vars(evidence)


def described(evidence: LookEvidence, rows: Rows) -> Features:
    """Features of some rows, float32 (m, d), comparable with each other; pixels without them.

    Of more than `MOST_TEXTS` texts only the rows asked for are described, for the time grows with
    their number.
    """
    many = evidence.dataset.modality == "text" and len(evidence.dataset) > MOST_TEXTS
    if evidence.features is not None and many:
        return evidence.features(evidence.dataset, rows)
    table = evidence.feature_table
    return picture_vectors(evidence.thumbnails[rows])[0] if table is None else table[rows]


def _copies_of_texts(evidence: LookEvidence) -> Copies:
    rows = np.flatnonzero(first_of_each(len(evidence.dataset), evidence.twins))
    found = text_copies([evidence.texts[row] for row in rows], seed=evidence.seed)
    return Copies(rows[found.pairs], found.distances, found.rule)
