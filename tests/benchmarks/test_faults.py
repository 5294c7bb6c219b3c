"""The planted-fault suite plants, judges, cures, and goes on where it was stopped."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[2] / "benchmarks" / "faults"
MODULES = ("faults", "image_sets", "networks", "pairs", "plan", "report", "run", "trial")


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
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["report.py", str(results)])
    report.main()
    assert "| rate_x0001 | 1 | 1 | lr-too-low 1 |" in capsys.readouterr().out


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
    pairs, images = suite("pairs"), suite("image_sets")
    used = {
        half: {
            (source.folder, name, place)
            for pair in pairs.PAIRS.values()
            if pair.half == half
            for source in [images.SOURCES[pair.images]]
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
