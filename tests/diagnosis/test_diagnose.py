from pathlib import Path

import numpy as np
import pytest

from phoropter.augment.kinds import kinds
from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.records import Finding
from phoropter.core.registry import names
from phoropter.core.run_records import Gate
from phoropter.diagnosis.codes import CODES
from phoropter.diagnosis.diagnose import EXPLAINS, FIRST, diagnose, rank, without_consequences
from phoropter.diagnosis.gates import MIRROR
from phoropter.diagnosis.limits import error_budget, limits
from phoropter.diagnosis.scores import gap

PAGES = Path(__file__).parents[2] / "docs" / "findings"


def _finding(code, severity="warning"):
    return Finding(code, severity, 0.9, "A sentence.", {})


def test_what_stops_everything_comes_first(evidence, predictions):
    truth = np.arange(100) % 10
    gates = tuple(Gate(name, 9.0, 1.0, False) for name in ("loss-at-init", "cannot-overfit-batch"))
    made = evidence(gates=gates, predictions=predictions(truth, truth, confidence=0.6))
    codes = [item.code for item in diagnose(made)]
    assert codes[:2] == ["cannot-overfit-batch", "loss-at-init"]
    assert diagnose(made)[-1].severity == "info"


def test_a_cause_silences_its_consequences_unless_it_is_only_noted():
    pair = [_finding("diverged", "critical"), _finding("underfit")]
    assert [item.code for item in without_consequences(pair)] == ["diverged"]
    noted = [_finding("overfit", "info"), _finding("underfit")]
    assert len(without_consequences(noted)) == 2


def test_critical_data_come_before_all_that_training_on_them_shows(evidence):
    made = evidence(
        gates=(Gate("no-gradient", 1.0, 0.0, passed=False),),
        data_findings=(_finding("conflicting-duplicates", "critical"), _finding("outliers")),
    )
    codes = [item.code for item in diagnose(made)]
    assert codes == ["conflicting-duplicates", "no-gradient", "outliers"]


def test_unequal_classes_explain_what_is_seen_only_where_they_do_harm():
    counted = _finding("class-imbalance")
    missed = Finding("class-imbalance", "warning", 0.9, "", {"recall_rare": 0.2})
    for consequence in (_finding("overfit"), _finding("plateau", "critical")):
        assert consequence in without_consequences([counted, consequence])
        assert consequence not in without_consequences([missed, consequence])


@pytest.mark.parametrize("cause", ["undertrained", "label-breaking-augmentation"])
def test_that_nothing_was_learnt_is_no_news_where_it_is_known_why(cause):
    """A loss that still falls has not come to rest, and turned digits teach nothing."""
    pair = [_finding(cause), _finding("plateau", "critical")]
    assert [item.code for item in without_consequences(pair)] == [cause]


def test_wrong_labels_come_before_what_was_learnt_from_them(evidence):
    """And before copies that contradict each other, which they make."""
    codes = ("conflicting-duplicates", "label-errors", "lr-too-low")
    seen = tuple(Finding(code, "warning", 0.9 - 0.1 * at, "", {}) for at, code in enumerate(codes))
    told = [item.code for item in diagnose(evidence(data_findings=seen))]
    assert told[0] == "label-errors"


@pytest.mark.parametrize(
    ("kinds", "cause", "told"),
    [
        (("mirror",), "covariate-shift", False),
        (("mirror",), "overfit", True),
        (("mirror", "randaugment"), "covariate-shift", True),
    ],
)
def test_a_mirror_is_not_blamed_while_nobody_can_be_asked(kinds, cause, told):
    lost = [{"kind": kind} for kind in kinds]
    broken = Finding("label-breaking-augmentation", "warning", 0.9, "", {"lost": lost})
    assert (broken in without_consequences([broken, _finding(cause)])) == told
    assert broken in without_consequences([broken, _finding(cause, "info")])


def test_the_mirror_is_called_as_the_audit_calls_it():
    assert MIRROR in {kind.name for kind in kinds(AugmentRecipe(preset="light", flip=True))}


@pytest.mark.parametrize(("low", "first"), [(0.15, "label-errors"), (0.013, "class-imbalance")])
def test_a_few_wrong_labels_spoil_less_than_what_else_is_told(low, first):
    doubted = Finding("label-errors", "warning", 0.95, "", {"low": low})
    assert min([doubted, _finding("class-imbalance")], key=rank).code == first
    assert rank(doubted) < rank(_finding("class-imbalance", "info"))


@pytest.mark.parametrize(("at_usual", "first"), [(True, "label-errors"), (False, "lr-too-high")])
def test_a_loss_that_never_settles_at_a_usual_rate_may_be_one_of_labels(at_usual, first):
    restless = Finding("lr-too-high", "warning", 0.75, "", {"at_usual_rate": at_usual})
    assert min([restless, _finding("label-errors")], key=rank).code == first
    left = without_consequences([restless, _finding("input-ignored", "critical")])
    assert ("input-ignored" in {item.code for item in left}) == at_usual


def test_data_findings_are_part_of_the_diagnosis_and_give_way_to_results(evidence, predictions):
    seen = (_finding("split-leak", "critical"), _finding("class-imbalance", "info"))
    truth = np.array([0] * 200 + [1] * 40)
    made = evidence(
        data_findings=seen,
        predictions=predictions(truth, 0 * truth, classes=2),
        counts=(900, 100),
        metric="macro_f1",
    )
    found = {item.code: item for item in diagnose(made)}
    assert found["split-leak"] is seen[0]
    assert found["class-imbalance"].severity == "warning"


def test_of_data_findings_with_one_code_the_most_severe_stays(evidence):
    seen = [_finding("split-leak", severity) for severity in ("warning", "critical", "info")]
    for order in (seen, seen[::-1]):
        (found,) = diagnose(evidence(data_findings=tuple(order)))
        assert found is seen[1]


def test_empty_evidence_has_no_findings(evidence):
    assert diagnose(evidence()) == ()


@pytest.mark.parametrize("code", names("phoropter.rules"))
def test_rules_are_named_by_codes_of_the_contract_and_documented(code):
    assert code in CODES
    assert (PAGES / f"{code}.md").is_file()


def test_every_code_has_a_page_and_every_page_a_code():
    titles = {page.stem: page.read_text("utf-8").partition("\n")[0] for page in PAGES.glob("*.md")}
    assert titles == {code: f"# {code}" for code in CODES}


def test_prescribed_and_ordered_codes_exist():
    mentioned = {*FIRST, *EXPLAINS, *names("phoropter.prescriptions")}
    mentioned |= {code for group in EXPLAINS.values() for code in group}
    assert mentioned <= set(CODES)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((0, 1, 5, 5), (1, 4, 0)),  # variance
        ((0, 10, 11, 12), (10, 1, 1)),  # bias
        ((0, 10, 11, 20), (10, 1, 9)),  # bias and mismatch
    ],
)
def test_the_error_budget_is_that_of_the_textbook(errors, expected):
    floor, train, train_dev, dev = errors
    found = error_budget(floor=floor, train=train, train_dev=train_dev, dev=dev)
    assert (found["bias"], found["variance"], found["shift"]) == expected


def test_limits_are_measured_or_none(evidence, predictions):
    assert set(limits(evidence()).values()) == {None}
    truth = np.arange(100) % 10
    wrong = np.where(np.arange(100) < 20, (truth + 1) % 10, truth)
    made = evidence(
        predictions=predictions(truth, wrong), train_predictions=predictions(truth, truth)
    )
    assert limits(made) == {
        "noise_floor": None,
        "bias": 0.0,
        "variance": pytest.approx(0.2),
        "shift": None,
    }


def test_the_gap_weighs_classes_alike_where_the_metric_does(evidence, predictions):
    truth = np.array([0] * 90 + [1] * 10)
    common = {
        "predictions": predictions(truth, 0 * truth, classes=2),
        "train_predictions": predictions(truth, truth, classes=2),
        "counts": (90, 10),
    }
    assert gap(evidence(**common)).value == pytest.approx(0.1)
    assert gap(evidence(**common, metric="macro_f1")).value == pytest.approx(0.5)
