import io

from phoropter.cli.console import EVERY_S, bars, lines, listening
from phoropter.core.events import Note, Progress, silent


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_lines_hold_every_note_and_the_end_of_every_stage():
    stream = io.StringIO()
    listen = lines(stream, clock=Clock())
    listen(Note("3 files rejected"))
    for done in range(1, 101):
        listen(Progress("indexing", done, 100))
    listen(Progress("training", 1, 2, "loss 0.5"))
    listen(Progress("training", 2, 2, "loss 0.25"))
    assert stream.getvalue().splitlines() == [
        "3 files rejected",
        "indexing 100/100",
        "training 2/2 loss 0.25",
    ]


def test_a_slow_stage_is_heard_of_now_and_then():
    stream, clock = io.StringIO(), Clock()
    listen = lines(stream, clock=clock)
    for done in range(10):
        clock.now = done * EVERY_S / 2
        listen(Progress("training", done, 100, f"loss {done}"))
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == [
        f"{done}/100" for done in (2, 4, 6, 8)
    ]


def test_quiet_is_silent():
    with listening(quiet=True) as listen:
        assert listen is silent


def test_without_a_terminal_there_are_lines(capsys):
    with listening(quiet=False) as listen:
        listen(Note("hello [bold]"))
    assert capsys.readouterr().err == "hello [bold]\n"


def test_bars_show_notes_and_survive_unknown_and_repeated_stages(capsys):
    with bars() as listen:
        listen(Progress("training", 0, 0))
        listen(Note("a [b] note"))
        for epoch in (1, 2):
            listen(Progress("training", epoch, 2, f"loss {1 / epoch:.3f}"))
        listen(Progress("training", 1, 3, "loss 0.2"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a [b] note" in captured.err
