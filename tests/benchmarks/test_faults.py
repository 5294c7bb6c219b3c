"""The planted-fault suite plants, judges, cures, and goes on where it was stopped."""

import json
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[2] / "benchmarks" / "faults"
MODULES = (
    "choices",
    "convolutional",
    "crops",
    "drawn",
    "faults",
    "glyphs",
    "heads",
    "idx",
    "image_sets",
    "networks",
    "pair",
    "pairs",
    "perceptrons",
    "plan",
    "report",
    "reported",
    "run",
    "sources",
    "symbols",
    "tiles",
    "trial",
    "windows",
)


@pytest.fixture
def suite(monkeypatch):
    """Imports a module of the suite, as its scripts see each other."""
    monkeypatch.syspath_prepend(str(SUITE))
    yield import_module
    for name in MODULES:
        sys.modules.pop(name, None)


def test_a_planted_fault_is_found_cured_and_not_done_twice(suite, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run, report = suite("run"), suite("report")
    results = tmp_path / "results.jsonl"
    words = ["run.py", "--results", results, "--work", tmp_path / "work", "--healthy", 1]
    words += ["--only", "digits-mlp", "rate_x0001", "healthy"]
    monkeypatch.setattr(sys, "argv", [*map(str, words), "--most", "1"])
    run.main()
    (healthy,) = run.read(results)
    assert (healthy["fault"], report.first(healthy)) == ("healthy", report.NOTHING)
    assert "low-resolution" in {code for code, _, _ in healthy["findings"]}  # it was looked at
    with results.open("a") as file:
        file.write('{"pair": "torn by a kill')
    monkeypatch.setattr(sys, "argv", [*map(str, words)])
    run.main()
    again, sick = run.read(results)
    assert again == healthy
    assert report.is_right(sick)
    assert sick["cured"] > sick["score"]
    for score, answers in (("score", sick["answers"]), ("cured", sick["cured_answers"])):
        recalls = [told.count("1") / len(told) for told in answers.values()]
        assert sum(recalls) / 10 == pytest.approx(sick[score])
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["report.py", str(results)])
    report.main()
    assert "| rate_x0001 | 1 | 1 | lr-too-low 1 |" in capsys.readouterr().out


@pytest.mark.parametrize(("n", "clear"), [(10, False), (200, True)])
def test_what_a_cure_lacks_is_told_from_luck(suite, n, clear):
    """Sound .9, sick .5, cured .8: of the .36 that are 90 % of what was lost, .06 are lacking."""
    report = suite("report")

    def row(fault, share, **more):
        answers = {name: "1" * round(share * n) + "0" * (n - round(share * n)) for name in "ab"}
        return {"pair": "p", "fault": fault, "score": share, "answers": answers, **more}

    cured = row("few_epochs", 0.8)["answers"]
    sick = row("few_epochs", 0.5, cured=0.8, cured_answers=cured)
    rows = [row("healthy", 0.9), row("healthy", 0.9), sick]
    ((lacks, told),) = report.shortfalls(rows)
    assert lacks == pytest.approx(0.06)
    half, ten = (1 + 0.81 * n / 10 + 0.01 * 3 * n / 10) / (n + 2), 0.06 * n / (n + 2)
    error = ((half - ten**2) / (n + 2) / 2) ** 0.5
    assert told == clear == (lacks > 1.96 * error)
    assert report.recoveries(rows) == {"few_epochs": [pytest.approx(0.75)]}


def test_a_case_is_the_mean_of_its_runs(suite):
    """One run gets .3 of the .4 back, and of another, that lost .2, nothing is done."""
    report = suite("report")

    def row(score, fault, **more):
        return {"pair": "p", "fault": fault, "score": score, **more}

    sound = [row(0.85, "healthy"), row(0.95, "healthy")]
    cured, left = row(0.5, "few_epochs", cured=0.8), row(0.7, "few_epochs", cured=None)
    assert report.recoveries([*sound, cured, left]) == {"few_epochs": [pytest.approx(0.5)]}
    assert report.recoveries([*sound, left]) == {"few_epochs": [None]}
    assert report.recoveries([*sound, row(0.86, "few_epochs", cured=0.9)]) == {}


def test_references_are_trained_as_often_as_healthy_runs(suite):
    plan, faults = suite("plan"), suite("faults")
    kinds = ("digits-mlp", "healthy", "few_epochs", "undersampled_9")
    made = Counter(key.fault for key in plan.planned("all", 2, kinds, healthy=4))
    assert made == {"healthy": 4, "undersampled_9": 4, "few_epochs": 2}
    assert not faults.FAULTS["undersampled_9"].right


def test_every_fault_changes_what_it_is_planted_into(suite):
    """Each is planted into every pair it fits; nothing but the images or the recipe differs."""
    faults, pairs, images = suite("faults"), suite("pairs"), suite("image_sets")
    digits = images.load("digits", None)
    for pair in (pair for pair in pairs.PAIRS.values() if pair.images == "digits"):
        case = faults.Case(pair.family, digits, pair.settings)
        for fault in (fault for fault in faults.FAULTS.values() if fault.fits(pair)):
            sick = fault.plant(case)
            told = sick.images.name != case.images.name
            assert told == (sick.images is not case.images), fault.name
            assert told or sick.settings != case.settings, fault.name
            json.dumps(dict(sick.settings))


def test_the_halves_share_no_image(suite):
    pairs, sources = suite("pairs"), suite("sources")
    used = {
        half: {
            (source.folder, getattr(source.windows, "__name__", ""), name, place)
            for pair in pairs.PAIRS.values()
            if pair.part == half
            for source in [sources.SOURCES[pair.images]]
            for name in source.classes
            for place in range(source.skipped, source.skipped + 2 * sum(source.counts))
        }
        for half in ("tune", "report")
    }
    assert not used["tune"] & used["report"]
    assert all(len(found) > 10 for found in used.values())


def test_right_codes_are_codes_of_the_contract(suite):
    from phoropter.core import errors
    from phoropter.diagnosis.codes import CODES

    named = {code for fault in suite("faults").FAULTS.values() for code in fault.right}
    assert named <= {*CODES, errors.BrokenContractError.code}
