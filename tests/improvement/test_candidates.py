"""The order in which changes are tried."""

from __future__ import annotations

from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription
from phoropter.improvement.candidates import ranked


def finding(severity: str, *cures: Prescription) -> Finding:
    return Finding("overfit", severity, 1.0, "", {}, cures)


def cure(gain: float | None, cost: float, **train: object) -> Prescription:
    return Prescription({f"train.{k}": v for k, v in train.items()}, "do", gain, cost, "why")


def order(*findings: Finding, tried: set[str] = frozenset(), left_s: float = 100.0) -> list[object]:
    candidates = ranked(findings, Recipe(), tried=tried, run_s=10.0, left_s=left_s)
    return [next(iter(candidate.change.values())) for candidate in candidates]


def test_more_gain_first_at_equal_cost() -> None:
    assert order(finding("info", cure(0.01, 1, epochs=30), cure(0.03, 1, epochs=40))) == [40, 30]


def test_cheap_first_at_equal_gain() -> None:
    assert order(finding("info", cure(0.01, 5, epochs=30), cure(0.01, 1, epochs=40))) == [40, 30]


def test_nearly_free_does_not_beat_ten_times_the_gain() -> None:
    assert order(finding("info", cure(0.004, 0.0, epochs=30), cure(0.04, 2, epochs=40))) == [40, 30]


def test_critical_before_info() -> None:
    findings = finding("info", cure(0.01, 1, epochs=30)), finding("critical", cure(0.01, 1, lr=0.5))
    assert order(*findings) == [0.5, 30]


def test_what_was_tried_what_changes_nothing_and_advice_alone_are_left_out() -> None:
    tried = {Recipe().changed({"train.epochs": 30}).digest}
    advice = Prescription({}, "Label more images.", 0.5, 1.0, "why")
    same = cure(0.5, 1, epochs=Recipe().train.epochs)
    assert order(finding("info", cure(0.01, 1, epochs=30), same, advice), tried=tried) == []


def test_two_findings_with_the_same_cure_name_it_once() -> None:
    assert order(
        finding("info", cure(0.01, 1, lr=0.5)), finding("warning", cure(0.01, 1, lr=0.5))
    ) == [0.5]
