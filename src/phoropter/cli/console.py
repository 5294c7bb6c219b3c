"""Words and progress for the person who waits, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from phoropter.core.events import Event, Listener, Note, Progress, silent

if TYPE_CHECKING:
    from rich.progress import TaskID

EVERY_S = 5.0  # a log file wants a line now and then, not one a batch


@contextmanager
def listening(*, quiet: bool) -> Iterator[Listener]:
    """The listener that fits stderr: bars on a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with bars() as listener:
            yield listener
    else:
        yield lines(sys.stderr)


def lines(stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> Listener:
    """A listener that writes plain lines: every note, and each stage every 5 s and at its end."""
    last: dict[str, float] = {}

    def listen(event: Event) -> None:
        if isinstance(event, Note):
            print(event.text, file=stream, flush=True)
        if not isinstance(event, Progress):
            return
        now = clock()
        finished = event.done >= event.total
        if finished or now - last.setdefault(event.stage, now) >= EVERY_S:
            last[event.stage] = now
            print(_line(event), file=stream, flush=True)
        if finished:
            last.pop(event.stage, None)

    return listen


def _line(event: Progress) -> str:
    return f"{event.stage} {event.done}/{event.total} {event.detail}".rstrip()


@contextmanager
def bars() -> Iterator[Listener]:
    """A listener that draws one bar a stage and prints notes above the bars."""
    from rich import progress as rich_progress
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[detail]}", markup=False),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=console, transient=True) as shown:
        stages: dict[str, TaskID] = {}

        def listen(event: Event) -> None:
            if isinstance(event, Note):
                console.print(event.text, markup=False, highlight=False)
            if not isinstance(event, Progress):
                return
            if event.stage not in stages:
                stages[event.stage] = shown.add_task(event.stage, total=event.total, detail="")
            bar = stages[event.stage]
            shown.update(bar, completed=event.done, total=event.total, detail=event.detail)
            if event.done >= event.total:
                shown.remove_task(stages.pop(event.stage))

        yield listen
