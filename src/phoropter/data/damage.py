"""What parsers raise at damaged files, as one clear error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phoropter.core.errors import InputError


@contextmanager
def damage_told(
    path: Path, kinds: tuple[type[Exception], ...], *, what: str, hint: str
) -> Iterator[None]:
    """Turns errors of some kinds into one that names the file.

    Args:
        path: The file that is read.
        kinds: What its parser raises where the file is damaged, and nothing else.
        what: What it should have been ("tar file").
        hint: What to do.

    Raises:
        InputError: Instead of these.
    """
    try:
        yield
    except InputError:
        raise
    except kinds as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{str(path)!r} is no sound {what}: {reason}.", hint=hint) from error
