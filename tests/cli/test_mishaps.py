"""Killed, out of space, damaged: nothing finished is lost, and the same command ends the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs fork")

SCRIPT = Path(__file__).with_name("mishaps.py")
MOUNT = 'mount -t tmpfs -o size=48m none "$0" && exec "$@"'
NETWORKS = ("cnn", "finetuned", "features", "table")
SECONDS = 1500


def outcome_of(kind, case, folder, times, *, before=()):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    words = [*before, sys.executable, SCRIPT, kind, case, folder, times]
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True, text=True, timeout=SECONDS, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["complaints"] == []
    return outcome


def small_disk(folder):
    """Words before a command that give it a file system of its own at `folder`, if that is allowed.

    Where not even a user's own name space may be made, a limit of the process takes its place.
    """
    folder.mkdir(parents=True)
    for flags in ("-m", "-rm"):
        words = ["unshare", flags, "sh", "-c", MOUNT, str(folder)]
        try:
            if subprocess.run([*words, "true"], capture_output=True).returncode == 0:
                return words
        except FileNotFoundError:
            break
    folder.rmdir()
    return ()


@pytest.mark.parametrize(("case", "times"), [("cnn", 2), ("table", 2)])
def test_killed_between_two_operations_on_files(case, times, tmp_path):
    assert len(outcome_of("kill", case, tmp_path, times)["tried"]) == times


def test_a_full_disk(tmp_path):
    before = small_disk(tmp_path / "small")
    outcome = outcome_of("full", "table", tmp_path, 3, before=before)
    assert outcome["real"] == bool(before)
    assert outcome["failed"]


def test_files_that_may_not_grow(tmp_path):
    outcome = outcome_of("full", "table", tmp_path, 2)
    assert not outcome["real"]
    assert outcome["failed"]


def test_damaged_files(tmp_path):
    outcome = outcome_of("damage", "table", tmp_path, 6)
    assert outcome["tried"] == 6


@pytest.mark.nightly
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("case", NETWORKS)
def test_killed_thirty_times_between_two_operations(case, tmp_path):
    assert len(outcome_of("kill", case, tmp_path, 30)["tried"]) == 30


@pytest.mark.nightly
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("case", NETWORKS)
def test_killed_at_thirty_random_moments(case, tmp_path):
    assert outcome_of("moment", case, tmp_path, 30)["hit"] >= 15


@pytest.mark.nightly
@pytest.mark.timeout(SECONDS)
def test_a_whole_project_killed_again_and_again(tmp_path):
    assert outcome_of("kill", "project", tmp_path, 10)["tried"]


@pytest.mark.nightly
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(("case", "times"), [("cnn", 60), ("table", 60), ("project", 20)])
def test_a_disk_that_is_full_from_any_operation_on(case, times, tmp_path):
    before = small_disk(tmp_path / "small")
    assert outcome_of("full", case, tmp_path, times, before=before)["failed"]


@pytest.mark.nightly
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("case", ["cnn", "table", "features"])
def test_every_file_damaged_in_many_ways(case, tmp_path):
    outcome = outcome_of("damage", case, tmp_path, 120)
    assert 0 < outcome["refused"] < outcome["tried"] == 120
