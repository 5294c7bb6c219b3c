"""All rules on the evidence of one run, in the order in which a person should read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from phoropter.core.records import Finding
from phoropter.core.registry import load_all
from phoropter.diagnosis.codes import CODES
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import MIRROR

_SEVERITY = {"critical": 0, "warning": 1, "info": 2}
_CATEGORY = {"before": 0, "training": 1, "data": 2, "result": 3, "generative": 4, "deployed": 5}
FIRST = (
    "stale-gradient",
    "mode-mixup",
    "cannot-overfit-batch",
    "no-gradient",
    "input-ignored",
    "diverged",
    "lr-too-high",
    "label-errors",
)
"""Within a severity these come first: while they last, nothing else can be trusted.

Before them only data whose fault is critical: what is trained on them shows many faults more.
"""
FEW_WRONG = 0.05  # labels, at least
LAST = "slow-input"
"""Within a severity this comes last: it costs time, and no answer is wrong for it."""

_SYMPTOMS = frozenset(
    {"underfit", "plateau", "majority-collapse", "miscalibrated", "overfit", "capacity-limited"}
)
_NOTHING_LEARNT = frozenset({"underfit", "plateau", "majority-collapse", "capacity-limited"})
_NOT_REACHED = _NOTHING_LEARNT | {"cannot-overfit-batch", "lr-too-low", "undertrained"}
_OF_LABELS = frozenset({"overfit", "underfit", "miscalibrated", "capacity-limited", "plateau"})
EXPLAINS: Mapping[str, frozenset[str]] = {
    "stale-gradient": _SYMPTOMS
    | {"diverged", "lr-too-high", "lr-too-low", "undertrained", "exploding-gradient"},
    "unshuffled": _SYMPTOMS - {"overfit"} | {"lr-too-high", "lr-too-low", "undertrained"},
    "dead-activations": _NOT_REACHED
    | {"vanishing-gradient", "miscalibrated", "class-imbalance", "input-ignored"},
    "vanishing-gradient": _NOT_REACHED | {"miscalibrated", "class-imbalance", "input-ignored"},
    "batch-too-small": _SYMPTOMS | {"lr-too-high", "undertrained"},
    "batch-too-large": _SYMPTOMS - {"overfit"} | {"undertrained", "lr-too-low"},
    "augmentation-too-strong": _NOTHING_LEARNT
    | {"label-noise", "lr-too-low", "undertrained", "miscalibrated"},
    "label-noise": _OF_LABELS,
    "label-errors": _OF_LABELS,
    "covariate-shift": _SYMPTOMS
    | {"input-ignored", "class-imbalance", "augmentation-too-weak", "undertrained"},
    "label-breaking-augmentation": _NOTHING_LEARNT,
    "class-imbalance": frozenset(
        {"overfit", "underfit", "rare-class", "input-ignored", "undertrained", "plateau"}
    ),
    "majority-collapse": frozenset({"overfit"}),
    "cannot-overfit-batch": _NOTHING_LEARNT,
    "loss-at-init": frozenset({"lr-too-high", "diverged", "dead-activations", "label-noise"}),
    "preprocessing-mismatch": frozenset(
        {"dead-activations", "diverged", "input-ignored", "lr-too-high", "majority-collapse"}
    ),
    "no-gradient": _NOTHING_LEARNT | {"cannot-overfit-batch", "input-ignored"},
    "input-ignored": _NOTHING_LEARNT,
    "wrong-step": _NOTHING_LEARNT,
    "mode-mixup": frozenset({"batch-mixing"}),
    "diverged": _SYMPTOMS
    | {"lr-too-low", "undertrained", "class-imbalance", "classic-wins", "input-ignored"},
    "lr-too-high": _SYMPTOMS - {"overfit"}
    | {"lr-too-low", "undertrained", "class-imbalance", "input-ignored"},
    "lr-too-low": _SYMPTOMS | {"undertrained", "class-imbalance", "input-ignored"},
    "undertrained": frozenset({"miscalibrated", "capacity-limited", "underfit", "plateau"}),
    "underfit": frozenset({"capacity-limited"}),
    "overfit": frozenset({"underfit"}),
    "plateau": frozenset({"underfit", "miscalibrated", "capacity-limited"}),
}
"""A cause that is more than an "info" silences these consequences of itself.

The order is that in which things come about: data, set-up, steps, outcome. Found on planted faults
(docs/faults.md): a shift of the held-out part looks like overfitting, and so do wrong labels and
rare classes that are missed; without steps that teach anything the input is ignored.
"""
NO_WITNESS = frozenset(
    {
        "augmentation-too-strong",
        "covariate-shift",
        "dead-activations",
        "diverged",
        "exploding-gradient",
        "lr-too-high",
        "lr-too-low",
        "no-gradient",
        "vanishing-gradient",
    }
)
"""While these last the network cannot be asked whether it tells mirrored images apart."""


def diagnose(evidence: RunEvidence) -> tuple[Finding, ...]:
    """What is wrong with a run: findings of all rules and of the data, most severe first.

    A code occurs once: what the result shows replaces what the data alone suggested.
    """
    milder_first = sorted(evidence.data_findings, key=rank, reverse=True)
    found = {finding.code: finding for finding in milder_first}
    for _, rule in load_all("phoropter.rules"):
        found |= {finding.code: finding for finding in rule(evidence)}
    return tuple(sorted(without_consequences(found.values()), key=rank))


def without_consequences(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that no other one explains (see `EXPLAINS`)."""
    kept = list(findings)
    loud = [item for item in kept if item.severity != "info" and not _only_counted(item)]
    explained = {code for item in loud for code in _explained_by(item)}
    if any(item.code in NO_WITNESS for item in loud):
        kept = [item for item in kept if not _only_mirrored(item)]
    return [item for item in kept if item.code not in explained]


def _explained_by(finding: Finding) -> frozenset[str]:
    unless = {"input-ignored"} if _only_restless(finding) else set()
    return EXPLAINS.get(finding.code, frozenset()) - unless


def _only_counted(finding: Finding) -> bool:
    """Whether classes were counted unequal, and nothing says yet that it does any harm."""
    return finding.code == "class-imbalance" and "recall_rare" not in finding.evidence


def _only_mirrored(finding: Finding) -> bool:
    """Whether only the mirror is said to break labels: a guess until it was learnt from."""
    lost = finding.evidence.get("lost", ()) if finding.code == "label-breaking-augmentation" else ()
    return bool(lost) and all(item["kind"] == MIRROR for item in lost)


def _only_restless(finding: Finding) -> bool:
    """Whether a loss never settles at a usual rate: labels that make no sense do that as well."""
    return finding.code == "lr-too-high" and bool(finding.evidence.get("at_usual_rate"))


def _few_labels(finding: Finding) -> bool:
    """Whether so few labels are wrong that all else can be trusted, and spoils more."""
    return finding.code == "label-errors" and finding.evidence.get("low", 1.0) < FEW_WRONG


def rank(finding: Finding) -> tuple[int, int, int, float, str]:
    """What findings are sorted by: severity, what stops everything, where it lies, confidence."""
    early = finding.code in FIRST and not (_only_restless(finding) or _few_labels(finding))
    first = FIRST.index(finding.code) if early else len(FIRST)
    first += finding.code == LAST or _few_labels(finding)
    category = _CATEGORY[CODES[finding.code]] if finding.code in CODES else len(_CATEGORY)
    if finding.severity == "critical" and category == _CATEGORY["data"]:
        first = -2 if finding.code == "conflicting-duplicates" else -1  # before where they stand
    return _SEVERITY[finding.severity], first, category, -finding.confidence, finding.code
