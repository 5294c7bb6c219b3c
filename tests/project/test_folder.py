import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from phoropter.core.errors import (
    CorruptFileError,
    InputError,
    ProjectBusyError,
    StorageError,
    UsageError,
)
from phoropter.project.folder import (
    Folder,
    Settings,
    folder_for,
    locked,
    project_of,
    read_settings,
    run_folder,
    start,
)

HOLD = """
import sys
from pathlib import Path
from phoropter.project.folder import Folder, locked
with locked(Folder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "p.phoropter")


@pytest.fixture
def holder(folder):
    """Another process that holds the project until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("flowers", "flowers.phoropter"),
        ("flowers/", "flowers.phoropter"),
        ("flowers.v2", "flowers.v2.phoropter"),
        ("deep/down", "down.phoropter"),
        ("deep/down/..", "deep.phoropter"),
        ("table.csv", "table.phoropter"),
        ("꽃 사진", "꽃 사진.phoropter"),
        ("digits", "digits.phoropter"),
    ],
)
def test_a_project_is_named_after_its_data(here, data, name):
    for there in ("flowers", "flowers.v2", "deep/down", "꽃 사진"):
        (here / there).mkdir(parents=True, exist_ok=True)
    (here / "table.csv").write_text("path,label\n")
    assert folder_for(data, None).path == here / name


def test_data_where_we_stand_give_their_name(here, monkeypatch):
    (here / "birds").mkdir()
    monkeypatch.chdir(here / "birds")
    assert folder_for(".", None).path == here / "birds" / "birds.phoropter"


def test_a_named_project_wins(here):
    assert folder_for("flowers", "mine").path == here / "mine"
    assert folder_for("flowers", "~/mine").path == Path.home() / "mine"


def test_everything_lies_inside(folder):
    places = (getattr(folder, name) for name in dir(Folder) if not name.startswith("_"))
    assert {place.is_relative_to(folder.path) for place in places} == {True}


def test_a_project_is_started_once(folder):
    first = Settings("/data", target="angle", seed=3)
    assert start(folder, first) == first
    assert read_settings(folder) == first
    assert start(folder, Settings("/data")) == first
    assert start(folder, Settings("/data", seed=8)) == first
    assert read_settings(folder) == first


@pytest.mark.parametrize(
    ("field", "value"),
    [("data", "/other"), ("task", "regression"), ("target", "age"), ("metric", "mae")],
)
def test_a_project_keeps_to_what_it_was_started_with(folder, field, value):
    start(folder, Settings("/data", task="classification", target="label"))
    with pytest.raises(UsageError) as caught:
        start(folder, Settings(**{"data": "/data", field: value}))
    assert f"{field} " in caught.value.message
    assert repr(value) in caught.value.message
    assert "--project" in caught.value.hint


def test_odd_names_survive_the_settings_file(folder):
    settings = Settings("/da ta/꽃: 'x' #1", target="2020", metric="null", task="no")
    start(folder, settings)
    assert read_settings(folder) == settings


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"data: [",
        b"- data",
        b"data: 3\n",
        b"seed: 3\n",
        b"data: /x\nseed: many\n",
        b"data: /x\nseed: null\n",
        b"data: /x\ntarget: [a]\n",
        b"data: /x\nbudget: 3\n",
        b"\xff\xfe\x00",
    ],
)
def test_damaged_settings_are_told(folder, content):
    folder.path.mkdir()
    folder.settings.write_bytes(content)
    with pytest.raises(CorruptFileError) as caught:
        read_settings(folder)
    assert str(folder.settings) in caught.value.message
    assert "\n" not in caught.value.message
    with pytest.raises(CorruptFileError):
        start(folder, Settings("/x"))
    assert folder.settings.read_bytes() == content


def test_a_folder_that_is_no_project(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="is no project"):
            read_settings(Folder(path))


def test_settings_are_readable_by_people(folder):
    start(folder, Settings("/data", metric="macro_f1"))
    content = yaml.safe_load(folder.settings.read_text("utf-8"))
    assert content["metric"] == "macro_f1"
    assert content["seed"] == 0


def test_a_second_process_is_kept_out_until_the_first_is_killed(folder, holder):
    with pytest.raises(ProjectBusyError) as caught, locked(folder):
        pass
    assert str(folder.path) in caught.value.message
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    with locked(folder):
        assert folder.path.is_dir()


def test_the_lock_is_released_at_the_end_and_after_a_failure(folder):
    def fail():
        with locked(folder):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own
        fail()
    words = [sys.executable, "-c", HOLD, folder.path]
    other = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert other.stdout == "held\n", other.stderr
    with locked(folder):
        pass


def test_one_process_does_not_enter_twice(folder):
    with locked(folder), pytest.raises(ProjectBusyError), locked(folder):
        pass


def test_a_project_where_a_file_lies(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(StorageError), locked(Folder(path)):
            pass
    assert (tmp_path / "file").read_text() == "mine"


def test_the_only_project_where_we_stand(here):
    with pytest.raises(UsageError, match="there is none"):
        project_of(None)
    (here / "a.phoropter").mkdir()
    (here / "b.phoropter").write_text("a file is no project")
    assert project_of(None).path == here / "a.phoropter"
    (here / "c.phoropter").mkdir()
    with pytest.raises(UsageError, match=r"2: a\.phoropter, c\.phoropter") as caught:
        project_of(None)
    assert "--project" in caught.value.hint
    assert project_of("c.phoropter").path == here / "c.phoropter"


@pytest.fixture
def runs(folder):
    for name in ("abc111", "abc222", "def333"):
        (folder.runs / name).mkdir(parents=True)
        (folder.runs / name / "run.json").write_text("{}")
    (folder.runs / "fff444").mkdir()
    return folder


def test_a_run_by_the_beginning_of_its_name(runs):
    for word in ("d", "def", "def333"):
        assert run_folder(word, runs.path) == (runs, runs.runs / "def333")


def test_a_run_by_its_path(runs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = runs.runs / "abc111"
    for word in (path, str(path), path.relative_to(tmp_path), f"{path}/"):
        assert run_folder(word, None) == (runs, path)
    monkeypatch.chdir(path)
    assert run_folder(".", None) == (runs, path)


def test_a_beginning_of_two_runs(runs):
    with pytest.raises(UsageError, match=r"2 runs of .* called 'abc'") as caught:
        run_folder("abc", runs.path)
    assert caught.value.hint == "Runs: abc111, abc222."


@pytest.mark.parametrize("word", ["xyz", "abc1111", "fff444", "runs/def333"])
def test_a_run_that_is_not_there_or_not_finished(runs, word):
    with pytest.raises(UsageError, match=f"No run of .* called '{word}'") as caught:
        run_folder(word, runs.path)
    assert caught.value.hint == "Runs: abc111, abc222, def333."


def test_a_project_without_runs(folder):
    with pytest.raises(UsageError) as caught:
        run_folder("a", folder.path)
    assert caught.value.hint == "Runs: none."
