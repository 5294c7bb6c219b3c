"""What is on record, as short text for people: a replay of a run, a project's checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phoropter.cli.duration import spoken
from phoropter.cli.layout import joined, number, table

if TYPE_CHECKING:
    from phoropter.core.checklist import Checklist
    from phoropter.project.replay_result import Compared, ReplayResult


def replay(result: ReplayResult) -> str:
    """The answer of `phoropter replay`."""
    same = "every number is the same to the bit" if result.identical else "the numbers differ"
    rows = [
        (item.name, f"{item.numbers:,}", f"{item.different:,} differ", _where(item))
        for item in result.compared
    ]
    return joined(
        f"run {result.run} made again in {spoken(result.seconds)}: {same}",
        table(rows),
        result.because,
    )


def _where(item: Compared) -> str:
    return f"first in {item.first}, at most by {number(item.largest)}" if item.different else ""


def checklist(result: Checklist) -> str:
    """The answer of `phoropter checklist`."""
    lines = [f"{result.ticked} of {len(result.items)} are done"]
    for stage in dict.fromkeys(item.stage for item in result.items):
        lines.append(stage)
        for item in (item for item in result.items if item.stage == stage):
            lines.append(f"  [{'x' if item.done else ' '}] {item.what}")
            if item.evidence:
                lines.append(f"      {item.evidence} ({item.rests_on or '-'})")
            if item.todo:
                lines.append(f"      to do: {item.todo}")
    return "\n".join(lines)
