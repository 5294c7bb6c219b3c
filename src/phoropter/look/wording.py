"""What a sample is called in sentences for people."""

from __future__ import annotations

from dataclasses import dataclass

from phoropter.core.records import Dataset


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for the samples of one modality.

    Args:
        sample: One of them, as what it shows or says.
        samples: Several.
        item: One of them, as what lies on the disk.
        items: Several.
        exactly: How two of them are the same.
        mend: What to do with those that cannot be used.
    """

    sample: str
    samples: str
    item: str
    items: str
    exactly: str
    mend: str


_WORDINGS = {
    "image": Wording(
        "picture", "pictures", "file", "files", "byte by byte",
        "Copy the listed files again from their source, or delete them.",
    ),
    "text": Wording(
        "text", "texts", "text", "texts", "word for word",
        "Correct the listed rows, or delete them.",
    ),
    "table": Wording(
        "row", "rows", "row", "rows", "in every input",
        "Correct the listed rows, or delete them.",
    ),
}  # fmt: skip


def wording(dataset: Dataset) -> Wording:
    """The words for the samples of a data set."""
    return _WORDINGS[dataset.modality]
