"""How a command that failed says so: one line and a hint, JSON where asked for, an exit code."""

from __future__ import annotations

import errno
import sys
import traceback
from dataclasses import dataclass

import typer

from phoropter.cli.output import discard_stdout, document
from phoropter.core.errors import InterruptedRunError, PhoropterError, StorageError

BUG = 1
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@dataclass(frozen=True, slots=True)
class Failure:
    """What is said of an error, and the exit code."""

    code: str
    message: str
    hint: str
    exit_code: int


def describe(error: BaseException) -> Failure:
    """The words and the exit code for whatever ended a command."""
    known = _known(error)
    if known is not None:
        return Failure(known.code, known.message, known.hint, known.exit_code)
    if isinstance(error, typer.TyperException):
        return Failure("usage", error.format_message(), _usage_hint(error), 2)
    return Failure(
        "bug",
        f"unexpected {type(error).__name__}: {' '.join(str(error).split())}",
        "This is a defect of phoropter. Run the command again with --debug and report what it "
        "prints.",
        BUG,
    )


def report(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Says what went wrong, on stderr and with `as_json` also on stdout; returns the exit code."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    failure = describe(error)
    print(f"error: {failure.message}", file=sys.stderr)
    if failure.hint:
        print(f"hint: {failure.hint}", file=sys.stderr)
    if as_json:
        content = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        try:
            document({"error": content})
        except OSError:
            discard_stdout()  # stdout itself is what fails; stderr has the words
    return failure.exit_code


def _known(error: BaseException) -> PhoropterError | None:
    if isinstance(error, PhoropterError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return InterruptedRunError(
            "Interrupted.",
            hint="Everything finished is kept; give the same command again to go on.",
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        return StorageError(
            f"No space left on the disk{_where(error)}.",
            hint="Free some space and give the same command again; nothing finished is lost.",
        )
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        return StorageError(
            f"{error.strerror}{_where(error)}.", hint="Check the permissions, or use --project DIR."
        )
    return None


def _where(error: OSError) -> str:
    return f": {str(error.filename)!r}" if error.filename else ""


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "phoropter"
    return f"See: {command} --help"
