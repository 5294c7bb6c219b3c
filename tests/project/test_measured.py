import json
import subprocess
import sys
from dataclasses import replace

import pytest

import phoropter
from phoropter.cli.main import main
from phoropter.core.errors import CorruptFileError, InputError, UsageError
from phoropter.core.events import Note
from phoropter.core.records import Measurement
from phoropter.project import measured as module
from phoropter.project.machine import fingerprint

FACTS = Measurement(32, 8, "cpu", 1, 0.001, 0.003, 0.001, 0.003, 10_000_000, "2026-01-01")


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOROPTER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "measured"


def test_a_network_is_measured_in_a_process_of_its_own_and_the_result_kept(kept):
    [card] = phoropter.models(names=["mlp"], measure=True)
    found = card.measured
    assert 0 < found.forward_s < found.step_s < 10
    assert 0 < found.forward_cpu_s < found.step_cpu_s < 10
    assert found.memory_bytes > 4 * card.parameters
    assert found.size == 32
    assert json.loads((kept / f"{fingerprint()}.json").read_text())["mlp"]["size"] == 32
    listed = {item.name: item for item in phoropter.models()}
    assert listed["mlp"].measured == found
    assert listed["cnn"].measured is None


def alone(name, size):
    words = [
        sys.executable,
        "-m",
        "phoropter.models.measuring",
        json.dumps({"name": name, "size": size}),
    ]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def test_more_work_takes_more_time_and_memory():
    """A hundred times the multiplications; each in a process of its own, as the command does it."""
    small, large = (alone(name, size) for name, size in (("mlp", 8), ("cnn", 64)))
    assert large["forward_s"] > small["forward_s"]
    assert large["step_s"] > large["forward_s"]
    assert large["memory_bytes"] > small["memory_bytes"]


def test_another_machine_or_number_of_threads_is_measured_apart(monkeypatch):
    here = fingerprint()
    assert fingerprint() == here
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert fingerprint() != here


def test_what_cannot_be_measured_is_told(monkeypatch):
    with pytest.raises(UsageError, match="Did you mean 'resnet18'"):
        phoropter.models(names=["resnet81x"], measure=True)
    with pytest.raises(UsageError, match="'knn' is fitted"):
        phoropter.models(names=["knn"], measure=True)
    with pytest.raises(UsageError, match="'mean' is not for classification"):
        phoropter.models("classification", names=["mean"])
    with pytest.raises(InputError, match=r"'nowhere.py:Net' cannot be measured: .*no file"):
        phoropter.models(names=["nowhere.py:Net"], measure=True)


def test_one_that_fails_leaves_the_others(monkeypatch):
    def alone(item):
        if item.name == "cnn":
            message = "'cnn' cannot be measured: killed"
            raise InputError(message)
        return FACTS

    monkeypatch.setattr(module, "_alone", alone)
    heard = []
    cards = phoropter.models("regression", measure=True, listener=heard.append)
    assert [event.text for event in heard if isinstance(event, Note)] == [
        "'cnn' cannot be measured: killed"
    ]
    known = {item.name for item in cards if item.measured == FACTS}
    assert known == {item.name for item in cards if item.family == "network"} - {"cnn"}


def test_a_killed_process_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError, match="as if killed"):
        phoropter.models(names=["mlp"], measure=True)


def test_a_damaged_record_is_named(kept):
    kept.mkdir(parents=True)
    (kept / f"{fingerprint()}.json").write_text('{"mlp": {"size": 3}}')
    with pytest.raises(CorruptFileError, match=fingerprint()):
        phoropter.models()


def test_the_command_shows_what_was_measured(monkeypatch, capsys):
    def said(*words):
        assert main(["models", *words]) == 0
        return capsys.readouterr().out

    monkeypatch.setattr(module, "_alone", lambda _item: FACTS)
    assert "training step" not in said("mlp")
    assert "1 ms    3 ms" in said("mlp", "--measure", "--quiet")
    assert "busy" not in said("mlp")
    busy = replace(FACTS, step_s=3 * FACTS.step_cpu_s)
    monkeypatch.setattr(module, "_alone", lambda _item: busy)
    assert "the machine was busy: mlp" in said("mlp", "--measure", "--quiet")
    assert "training step" in said("mlp")
    [card] = json.loads(said("mlp", "--json"))
    assert card["measured"]["step_s"] == pytest.approx(0.009)
    assert card["macs"] == 132_352
