"""Which samples are shown, and how their pixels get into the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.records import Dataset, Split
from phoropter.metrics.tallies import confusion
from phoropter.report.content import ReportContent

THUMBNAIL_PX = 112
_QUALITY = 80
_EACH = 6
_MOST_CLASSES = 24
_WORST = 18
_VALUES = 12
_PAIRS = 4


def thumbnail(pixels: NDArray[np.uint8], *, side_px: int = THUMBNAIL_PX) -> bytes:
    r"""A small JPEG file of an image, its longer side `side_px`.

    Small originals are enlarged without smoothing, so that single pixels can be seen.

    Args:
        pixels: Shape (c, h, w) or (h, w), uint8, c 1 or 3.
        side_px: Longer side of the result, pixels.

    >>> thumbnail(np.zeros((1, 8, 8), np.uint8))[:2]
    b'\xff\xd8'
    """
    plane = (
        pixels if pixels.ndim == 2 else pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    )
    picture = Image.fromarray(np.ascontiguousarray(plane))
    scale = side_px / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    kernel = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC
    file = io.BytesIO()
    picture.resize(size, kernel).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def data_uri(picture: bytes) -> str:
    """A JPEG or WebP file as an address that needs no network.

    >>> data_uri(b"RIFF")
    'data:image/webp;base64,UklGRg=='
    """
    kind = "webp" if picture.startswith(b"RIFF") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def wanted_pictures(content: ReportContent) -> tuple[str, ...]:
    """Identifiers of the samples whose pictures the page shows, each once.

    None of them is of the test part: what is sealed stays unseen.
    """
    shown = [name for ids in sample_grid(content.dataset, content.split).values() for name in ids]
    predictions = content.validation
    bad = [worst_rows(predictions)]
    if isinstance(predictions, ClassPredictions):
        bad += [rows for _, _, rows in pair_rows(predictions)]
    worst = predictions.ids[np.concatenate(bad)]
    return tuple(dict.fromkeys([*shown, *map(str, worst)]))


def sample_grid(dataset: Dataset, split: Split) -> Mapping[str, tuple[str, ...]]:
    """A few training samples a class, or along the range of the first value, by heading.

    They are spread evenly over the order of the identifiers, so that one folder's first files,
    often of one sitting, do not stand for all.
    """
    parts = dict(zip(split.table["id"], split.table["part"], strict=True))
    ids = [str(name) for name in dataset.table["id"]]
    train = [row for row, name in enumerate(ids) if parts.get(name) == "train"]
    target = dataset.table[dataset.targets[0]]
    if dataset.task == "classification":
        rows: dict[str, list[int]] = {}
        for row in train:
            rows.setdefault(str(target[row]), []).append(row)
        names = sorted(rows)[:_MOST_CLASSES]
        return {name: tuple(ids[row] for row in _spread(rows[name], _EACH)) for name in names}
    values = target.to_numpy()
    ordered = sorted(
        (row for row in train if np.isfinite(values[row])), key=lambda row: values[row]
    )
    return {dataset.targets[0]: tuple(ids[row] for row in _spread(ordered, _VALUES))}


def worst_rows(predictions: Predictions, count: int = _WORST) -> NDArray[np.int64]:
    """Positions of the worst mistakes, worst first; classes: only where the answer is wrong.

    The measure is the probability given to the truth, or the squared error in units of the truth's
    spread.
    """
    if isinstance(predictions, ClassPredictions):
        wrong = np.flatnonzero(
            (predictions.truth >= 0) & (predictions.predicted != predictions.truth)
        )
        belief = predictions.probabilities[wrong, predictions.truth[wrong]]
        return np.asarray(wrong[np.argsort(belief, kind="stable")][:count], dtype=np.int64)
    badness = _squared_errors(predictions)
    order = np.argsort(-badness, kind="stable")
    return np.asarray(order[badness[order] > 0][:count], dtype=np.int64)


def pair_rows(predictions: ClassPredictions) -> list[tuple[int, int, NDArray[np.int64]]]:
    """The pairs of classes confused most often (true, named), each with a few positions.

    Of a pair, those come first whose true class was thought least likely. A pair that occurred only
    once is among the worst cases, if it matters, and not shown again.
    """
    counts = confusion(predictions)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:_PAIRS]
    pairs = []
    for truth, said in zip(*np.unravel_index(order, counts.shape), strict=True):
        if counts[truth, said] < 2:
            break
        rows = np.flatnonzero((predictions.truth == truth) & (predictions.predicted == said))
        belief = predictions.probabilities[rows, truth]
        kept = rows[np.argsort(belief, kind="stable")][:_EACH]
        pairs.append((int(truth), int(said), kept))
    return pairs


def _squared_errors(predictions: ValuePredictions) -> NDArray[np.float64]:
    known = np.isfinite(predictions.truth).all(axis=1)
    if not known.any():
        return np.zeros(len(predictions))
    spread = predictions.truth[known].std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    errors = ((predictions.values - predictions.truth) / scale) ** 2
    return np.where(known, np.nan_to_num(errors).sum(axis=1), 0.0)


def _spread(items: Sequence[int], count: int) -> list[int]:
    """At most `count` of the items, evenly spaced, first and last included."""
    if len(items) <= count:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, count)]
