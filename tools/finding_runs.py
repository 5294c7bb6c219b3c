"""Makes a healthy and a sick run, set, loop or project for a finding, and shows both on its page.

python tools/finding_runs.py lr-too-high overfit     the pages of these codes
python tools/finding_runs.py all                     every code that has a pair, some minutes
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import finding_looks
import finding_loops
import finding_stories
import finding_trainings
from finding_pages import INDEX, page
from finding_shown import PAGES, Exhibition, Shown, both

KINDS: Mapping[str, Callable[[str], Exhibition]] = {
    **dict.fromkeys(finding_trainings.PAIRS, finding_trainings.exhibition),
    **dict.fromkeys(finding_looks.SETS, finding_looks.exhibition),
    **dict.fromkeys(finding_loops.CHANGES, finding_loops.exhibition),
    **dict.fromkeys(finding_stories.STORIES, finding_stories.exhibition),
}
"""What makes the pair of a code."""

TITLE = "## A healthy and a sick "


def refresh(code: str, work: Path) -> None:
    """Makes the pair of a code and writes what came of it into its page."""
    exhibition = KINDS[code](code)
    healthy, sick = both(code, exhibition, work)
    place = PAGES / f"{code}.md"
    text = place.read_text("utf-8").partition(f"\n{TITLE}")[0].rstrip()
    place.with_suffix(".svg").unlink(missing_ok=True)
    if exhibition.draw is not None:
        drawn = exhibition.draw(healthy.source, sick.source)
        place.with_suffix(".svg").write_text(drawn, "utf-8")
    section = _section(code, exhibition, healthy, sick).replace(f"{PAGES}/", "")
    place.write_text(f"{text}\n\n{section}", "utf-8")


def _section(code: str, exhibition: Exhibition, healthy: Shown, sick: Shown) -> str:
    finding = sick.finding(code)
    if finding is None:
        raise ValueError(code)
    cures = [cure for cure in finding.prescriptions if cure.change] or finding.prescriptions
    lines = [
        f"{TITLE}{exhibition.of}",
        "",
        exhibition.about,
        "",
        *_made(exhibition, healthy, sick),
        "",
        f"Of the second one, not of the first, this is said ({finding.severity}):",
        "",
        f"> {finding.message}",
        "",
        *([f"Prescribed first: {cures[0].advice}", ""] if cures else []),
        "| | healthy | sick |",
        "|---|---|---|",
        *(
            f"| {name} | {value} | {sick.numbers[name]} |"
            for name, value in healthy.numbers.items()
        ),
        f"| findings | {healthy.codes} | {sick.codes} |",
    ]
    if exhibition.draw is not None:
        lines += ["", f"![The healthy one beside the sick one]({code}.svg)", "", exhibition.caption]
    return "\n".join(lines) + "\n"


def _made(exhibition: Exhibition, healthy: Shown, sick: Shown) -> list[str]:
    """The commands of both, or what differs between two loops."""
    if exhibition.difference:
        return ["```diff", *exhibition.difference.splitlines(), "```"]
    first, second = (side.command.splitlines() for side in (healthy, sick))
    gap = [""] if len(first) > 1 else []
    return ["```bash", *first, *gap, *second, "```"]


def main(arguments: Sequence[str]) -> None:
    """Refreshes the pages of the codes named, and the index; says at the end which pairs fail."""
    codes = list(KINDS) if list(arguments) == ["all"] else list(arguments)
    failures: list[str] = []
    with TemporaryDirectory() as place:
        for code in codes:
            try:
                refresh(code, Path(place))
                print(code, flush=True)
            except RuntimeError as error:
                failures.append(str(error))
    INDEX.write_text(page(), "utf-8")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main(sys.argv[1:])
