"""Results go to stdout: text for people, or exactly one JSON document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from phoropter.cli.options import Speech

Result = TypeVar("Result")


def show(result: Result, speech: Speech, text: Callable[[Result], str]) -> None:
    """Prints a result as JSON with `--json`, else as `text` puts it, in the language asked for.

    JSON is the same in every language: programs compare it.
    """
    if speech.json:
        from phoropter.core.files import plain

        document(plain(result))
    else:
        print(_spoken(text(result), speech.lang), flush=True)


def _spoken(text: str, language: str) -> str:
    """The lines in the language, as far as they are known in it."""
    if language == "en":
        return text
    from phoropter.report.translation import translated

    return "\n".join(translated(line, language) for line in text.split("\n"))


def document(value: Mapping[str, object] | list[object]) -> None:
    """Prints one JSON document; ASCII, so that no terminal or locale can refuse it."""
    json.dump(value, sys.stdout, indent=2, allow_nan=False)
    print(flush=True)


def discard_stdout() -> None:
    """Sends what is left in stdout's buffer nowhere, or Python would complain as it shuts down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
