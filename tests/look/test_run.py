import json
import time

import numpy as np

from phoropter.core.events import Note, Progress
from phoropter.core.files import plain
from phoropter.core.records import Rejected
from phoropter.core.registry import names
from phoropter.look import run as module
from phoropter.look.evidence import LookEvidence
from phoropter.look.run import Looked, look

CHECKS = len(names("phoropter.checks")) + len(names("phoropter.image_checks"))


def test_healthy_digits_give_only_remarks(evidence_of, digits):
    rng = np.random.default_rng(0)
    order = rng.permutation(len(digits[1]))[:900]  # as they come, they are in the order of writers
    parts = rng.choice(["train", "val", "test"], 900, p=[0.6, 0.2, 0.2])
    events = []
    evidence = evidence_of(digits[0][order], digits[1][order], part=parts)
    findings = look(evidence, listener=events.append).findings
    assert {finding.severity for finding in findings} <= {"info"}
    assert events[-1] == Progress("looking", CHECKS, CHECKS)


def test_findings_come_most_severe_first_and_survive_json(evidence_of):
    labels = ["cat"] * 90 + ["dog"] * 10
    rejected = (Rejected("x.jpg", "empty"),) * 30
    noise = np.random.default_rng(0).integers(0, 256, (100, 32, 32)).astype(np.uint8)
    findings = look(evidence_of(noise, labels, rejected=rejected, height=[30] * 100)).findings
    order = ["critical", "warning", "info"]
    places = [order.index(finding.severity) for finding in findings]
    assert places == sorted(places)
    assert findings[0].code == "unreadable-files"
    json.dumps(plain(findings), allow_nan=False)


def test_an_empty_set_is_looked_at_in_silence(evidence_of):
    empty = evidence_of(np.zeros((2, 32, 32), dtype=np.uint8), ["a", "b"])
    dataset = empty.dataset.__class__(
        "none",
        empty.dataset.root,
        "folders",
        "",
        "classification",
        ("target",),
        empty.dataset.table.head(0),
    )
    evidence = LookEvidence(dataset, None, None, np.zeros((0, 32, 32), dtype=np.uint8), 0)
    assert look(evidence) == Looked(())


def test_looking_twice_gives_the_same(evidence_of, digits):
    thumbnails, labels = digits
    parts = ["train"] * 400 + ["test"] * 200
    first, second = (
        look(evidence_of(thumbnails[:600], labels[:600], part=parts, seed=3)) for _ in range(2)
    )
    assert first == second


def test_after_the_deadline_it_says_what_was_not_looked_for(evidence_of, digits):
    events = []
    evidence = evidence_of(digits[0][:100], digits[1][:100])
    looked = look(evidence, deadline=time.monotonic() - 1, listener=events.append)
    assert looked.findings == ()
    assert len(looked.left_out) == CHECKS
    (note,) = events
    assert isinstance(note, Note)
    assert all(name in note.text for name in looked.left_out)
    assert set(names("phoropter.image_checks")) < set(looked.left_out)


def test_dear_checks_are_left_out_that_would_end_too_late(evidence_of, digits, monkeypatch):
    pictures, labels = digits
    evidence = evidence_of(pictures[:200], labels[:200])
    dear = {name: (1e6, most, described) for name, (_, most, described) in module._DEAR.items()}
    monkeypatch.setattr(module, "_DEAR", dear)
    looked = look(evidence, deadline=time.monotonic() + 600)
    assert looked.left_out == tuple(module._DEAR)
    assert looked.findings == tuple(
        finding for finding in look(evidence).findings if finding.code not in looked.left_out
    )


def test_describing_the_pictures_counts_until_they_are_described(evidence_of, digits):
    asked = []

    def slow(dataset, rows):
        asked.append(len(rows))
        time.sleep(0.05 * len(rows))
        return np.eye(224, dtype=np.float32)[rows % 224]

    slow.name = "slow"
    evidence = evidence_of(digits[0][:2000], digits[1][:2000], features=slow)
    count = len(evidence.dataset)
    needed_s = module._describing_s(evidence)
    assert 0.04 * count < needed_s < 0.5 * count
    assert sum(asked) <= 64
    late = time.monotonic() + 60

    def left_out():
        return [n for n in module._DEAR if module._ends_after(late, n, evidence, lambda: needed_s)]

    assert left_out() == ["label-errors", "covariate-shift", "outliers"]
    assert not module._ends_after(late, "near-duplicates", evidence, lambda: needed_s)
    looked = look(evidence, deadline=late)
    assert set(left_out()) <= set(looked.left_out)
    assert len(asked) == 4, "timed once in a look, in two calls"
    vars(evidence)["feature_table"] = np.eye(count, 224, dtype=np.float32)
    late = time.monotonic() + 60
    assert left_out() == []


def test_after_the_deadline_nothing_is_timed(evidence_of, digits):
    def never(dataset, rows):
        raise AssertionError

    never.name = "never"
    evidence = evidence_of(digits[0][:100], digits[1][:100], features=never)
    assert len(look(evidence, deadline=time.monotonic() - 1).left_out) == CHECKS


def test_a_deadline_that_is_not_reached_changes_nothing(evidence_of, digits):
    evidence = evidence_of(digits[0][:100], digits[1][:100])
    later = time.monotonic() + 3600
    assert look(evidence, deadline=later) == look(evidence)
