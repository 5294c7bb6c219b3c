"""A layer without a gradient never learns."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.core.run_records import Gate
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed, named


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "no-gradient" did not pass; names what does not learn, by its cause."""
    for gate in failed(evidence, "no-gradient"):
        yield critical(gate, _message(gate))


def _message(gate: Gate) -> str:
    count = int(gate.measured)
    if gate.evidence.get("cleared"):
        return "Nothing can learn: the gradients are cleared before the step, each time."
    if not count:
        return "Nothing can learn: requires_grad is False for every parameter of the network."
    what = f"Training does not reach {count} parameter{'s' * (count > 1)}"
    causes = "; ".join(_causes(gate, count))
    return f"{what}: {causes}." if causes else f"{what}."


def _causes(gate: Gate, count: int) -> Iterator[str]:
    """What is known of why, each with its parameters."""
    facts = gate.evidence
    left_out, frozen = facts.get("not_in_optimizer", ()), facts.get("frozen_by_mistake", ())
    known = {*left_out, *frozen}
    unreached = [name for name in facts.get("parameters", ()) if name not in known]
    counts = (facts.get("left_out", len(left_out)), facts.get("frozen", 0) if frozen else 0)
    if unreached:
        yield f"no gradient comes to {named(unreached, count - sum(counts))}"
    if left_out:
        yield f"the optimiser does not hold {named(left_out, counts[0])}"
    if frozen:
        yield f"requires_grad is False for {named(frozen, counts[1])}"
