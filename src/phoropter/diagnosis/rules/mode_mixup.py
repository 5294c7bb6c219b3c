"""A network that trains as if it answered, or answers as if it trained."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed, named


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "mode-mixup" did not pass; says which way round it is."""
    for gate in failed(evidence, "mode-mixup"):
        if gate.evidence.get("off_in_training"):
            message = (
                "Some layers stay in eval mode while the network is trained: their dropout or "
                "batch statistics do nothing."
            )
        elif untold := gate.evidence.get("not_told_the_mode"):
            message = (
                "The network answers as if it were still trained: dropout is on in eval mode, for "
                f"it is called as a function that is not told the mode ({named(untold)})."
            )
        else:
            message = (
                "The network answers as if it were still trained: the same batch gets other "
                "answers the second time, or changes what the network remembers."
            )
        yield critical(gate, message)
