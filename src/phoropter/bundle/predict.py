"""Files in, one row each out; a file that cannot be read is a row as well."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.bundle.answer import Answer
from phoropter.core.decoding import Decision, decide
from phoropter.core.errors import InputError
from phoropter.core.events import Listener, Note, Progress, silent
from phoropter.core.records import Preprocessing, TargetSchema
from phoropter.data.decode import UnreadableImageError
from phoropter.data.images import files_below, is_image
from phoropter.data.parallel import ordered
from phoropter.data.preprocess import read_square

BATCH = 32  # bounds the memory; larger batches are not faster on a CPU
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # one slash: Path has merged the two

Row = dict[str, Any]


def predict_files(
    files: Iterable[str | Path],
    answer: Answer,
    *,
    schema: TargetSchema,
    preprocessing: Preprocessing,
    decision: Decision | None = None,
    listener: Listener = silent,
) -> list[Row]:
    """One row a file, in the order given; see `Bundle.predict`.

    Which class is named follows `decision`; without one it is the most probable.

    Raises:
        InputError: If a path does not exist, is a URL, or no file is left.
    """
    paths = expand(files, listener=listener)
    squares = ordered(lambda path: _square(path, preprocessing), paths)

    def speak(pixels: NDArray[np.uint8]) -> Iterator[Row]:
        return _rows(answer(pixels), schema, decision)

    rows: list[Row] = []
    for start in range(0, len(paths), BATCH):
        chunk = paths[start : start + BATCH]
        rows += _answer_chunk(chunk, list(islice(squares, len(chunk))), speak)
        listener(Progress("predicting", len(rows), len(paths)))
    return rows


def expand(files: Iterable[str | Path], *, listener: Listener = silent) -> list[Path]:
    """The files behind paths, folders and glob patterns, each once, in a stable order.

    A folder stands for the image files in it, to the bottom, by their names' endings; what is left
    out is told to the listener. A file named outright is taken whatever it is called.

    Raises:
        InputError: If a path does not exist, is a URL, or no file is left.
    """
    given = [str(item) for item in files]
    found = dict.fromkeys(path for item in given for path in _expand_one(item, listener))
    if not found:
        raise InputError(
            f"There is no image file in {', '.join(map(repr, given)) or 'an empty list'}.",
            hint="Give image files, folders of images, or patterns such as 'photos/*.jpg'.",
        )
    return list(found)


def _expand_one(item: str, listener: Listener) -> Iterator[Path]:
    path = Path(item)
    if path.is_dir():
        yield from _images(path, listener)
    elif path.exists():
        yield path
    elif matches := sorted(glob.glob(item, recursive=True)):  # noqa: PTH207 - Path.glob refuses absolute patterns
        for match in map(Path, matches):
            yield from _images(match, listener) if match.is_dir() else (match,)
    elif _URL.match(item):
        raise InputError(
            f"{item!r} is a URL; only local files are opened.", hint="Download it first."
        )
    else:
        raise InputError(
            f"There is no file, folder or match for {item!r}.", hint="Check the spelling."
        )


def _images(folder: Path, listener: Listener) -> list[Path]:
    inside = [path for path in files_below(folder) if not path.name.startswith(".")]
    images = [path for path in inside if is_image(path)]
    if other := sorted(set(inside) - set(images)):
        listener(
            Note(
                f"{len(other)} files in {str(folder)!r} are left out because they are no images "
                f"(for example {other[0].name!r})."
            )
        )
    return images


def _square(path: Path, preprocessing: Preprocessing) -> NDArray[np.uint8] | str:
    """What the network saw of such a file in training, or why there is nothing to see."""
    try:
        return read_square(path, preprocessing)
    except UnreadableImageError as error:
        return error.reason


def _answer_chunk(
    paths: Sequence[Path],
    squares: Sequence[NDArray[np.uint8] | str],
    speak: Callable[[NDArray[np.uint8]], Iterator[Row]],
) -> list[Row]:
    readable = [square for square in squares if not isinstance(square, str)]
    answers = speak(np.stack(readable)) if readable else iter(())
    return [
        {"path": str(path), "prediction": None, "error": square}
        if isinstance(square, str)
        else {"path": str(path), **next(answers)}
        for path, square in zip(paths, squares, strict=True)
    ]


def _rows(
    answers: NDArray[np.float64], schema: TargetSchema, decision: Decision | None
) -> Iterator[Row]:
    if schema.kind == "values":
        named = np.zeros(len(answers), dtype=np.int64)
    elif decision is None:
        named = answers.argmax(axis=1)
    else:
        named = decide(answers, schema.names, decision)
    for row, best in zip(answers, named, strict=True):
        yield _row(row, int(best), schema)


def _row(answers: NDArray[np.float64], best: int, schema: TargetSchema) -> Row:
    by_name = {name: float(value) for name, value in zip(schema.names, answers, strict=True)}
    if schema.kind == "values":
        values = list(by_name.values())
        return {"prediction": values[0] if len(values) == 1 else values, "values": by_name}
    return {
        "prediction": schema.names[best],
        "probability": float(answers[best]),
        "probabilities": by_name,
    }
