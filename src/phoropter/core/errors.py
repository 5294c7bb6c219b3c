"""Everything that can go wrong for a user, as one tree.

PhoropterError                 exit code 2, one line and a hint, no traceback
├── UsageError                 the command, a recipe key or an option is wrong
│   ├── MissingExtraError      an optional dependency is not installed
│   └── BrokenContractError    a part of the user's own does not do what it must
├── InputError                 a file or folder is not what it should be
│   └── CorruptFileError       one of our own files is damaged
├── StorageError               the disk is full, or a folder cannot be written
├── ProjectBusyError           another process holds the project
├── TeamError                  one of several processes that train together is gone
├── NothingUsableError         exit code 3: no sample survives
└── InterruptedRunError        exit code 130: stopped by the user, state kept
"""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class PhoropterError(Exception):
    """A failure a user can understand and act on.

    Args:
        message: What is wrong and where, with the offending value quoted.
        hint: What to do about it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @override
    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(PhoropterError):
    """The command line, a recipe or a function argument is wrong."""

    code = "usage"


class MissingExtraError(UsageError):
    """A feature needs an optional dependency that is not installed."""

    code = "missing-extra"

    def __init__(self, package: str, extra: str, *, why: str) -> None:
        super().__init__(
            f"{why} needs the package {package!r}, which is not installed.",
            hint=f"Install it with: pip install 'phoropter[{extra}]'",
        )


class BrokenContractError(UsageError):
    """A network, loss, metric or augmentation of the user's own does not do what it must."""

    code = "broken-contract"


class InputError(PhoropterError):
    """A file or folder given by the user is not what it should be."""

    code = "input"


class CorruptFileError(InputError):
    """One of the project's own files is damaged and has no sound copy."""

    code = "corrupt-file"


class StorageError(PhoropterError):
    """The disk is full or a folder cannot be written."""

    code = "storage"


class ProjectBusyError(PhoropterError):
    """Another process is writing to the same project."""

    code = "project-busy"


class TeamError(PhoropterError):
    """One of several processes that train together is gone."""

    code = "team"


class NothingUsableError(PhoropterError):
    """The data hold nothing that can be learnt from."""

    code = "nothing-usable"
    exit_code = 3


class InterruptedRunError(PhoropterError):
    """The user stopped the work; everything finished so far is kept."""

    code = "interrupted"
    exit_code = 130


@contextmanager
def users_code(what: str, *, hint: str) -> Iterator[None]:
    """Inside the block code of the user's own runs; whatever it raises breaks the contract.

    Args:
        what: Begins the message ("The loss 'l.py:f' failed on outputs (6, 3)").
        hint: What to do.

    Raises:
        BrokenContractError: Instead of any error that is none of ours.
    """
    try:
        yield
    except PhoropterError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise BrokenContractError(
            f"{what}: {type(error).__name__}: {reason}.", hint=hint
        ) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence that leads from an unknown name to the right one.

    >>> nearest("resnet81", ["resnet18", "vgg16"])
    "Did you mean 'resnet18'?"
    >>> nearest("zzz", ["b", "a"])
    'Known: a, b.'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(names)}."
