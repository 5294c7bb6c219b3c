import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from phoropter.cli.main import COMMANDS, main
from phoropter.core import errors
from phoropter.core.events import Note
from phoropter.core.files import plain

NAMES = [function.__name__.replace("_", "-") for function in COMMANDS]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_prints_text_or_one_json_document(phoropter, answer, samples, name):
    function = name.replace("-", "_")
    result, words = samples.BY_COMMAND[function], samples.WORDS[function]
    answer(function, result)
    spoken = phoropter(name, *words)
    assert (spoken.code, spoken.err) == (0, "")
    assert spoken.out.strip()
    written = phoropter(name, *words, "--json", "--quiet", "--debug", "--lang", "ko")
    assert (written.code, written.err) == (0, "")
    assert written.json == json.loads(json.dumps(plain(result), allow_nan=False))


def test_a_replay_that_differs_has_an_exit_code_of_its_own(phoropter, answer, samples):
    answer("replay", replace(samples.BY_COMMAND["replay"], identical=False))
    assert phoropter("replay", "a1", "--quiet").code == 4
    told = phoropter("replay", "a1", "--json", "--quiet")
    assert (told.code, told.json["identical"]) == (4, False)


def test_json_has_no_nan(phoropter, answer, samples):
    answer("train", samples.RUN)
    document = phoropter("train", "digits", "--json")
    assert "NaN" not in document.out
    assert document.json["metrics"][0] == {
        "name": "roc_auc", "value": None, "low": None, "high": None, "n": 360,
    }  # fmt: skip


def test_run_hands_its_options_on(phoropter, answer, samples):
    calls = answer("run", samples.PROJECT)
    phoropter(
        "run", "digits", "--project", "p", "--target", "y", "--task", "regression", "--seed", "3",
        "--recipe", "r.yaml", "--set", "train.lr=1e-3", "--set", "model.name=cnn",
        "--budget", "90s", "--metric", "mae", "--lang", "ko",
    )  # fmt: skip
    [(args, options)] = calls
    assert args == ("digits",)
    assert callable(options.pop("listener"))
    assert options == {
        "project": Path("p"),
        "target": "y",
        "task": "regression",
        "metric": "mae",
        "recipe": Path("r.yaml"),
        "settings": {"train.lr": 0.001, "model.name": "cnn"},
        "budget_s": 90.0,
        "seed": 3,
        "layout": None,
        "track": None,
        "lang": "ko",
    }


def test_defaults_are_quiet_about_themselves(phoropter, answer, samples):
    calls = answer("train", samples.RUN)
    phoropter("train", "digits")
    options = calls[0][1]
    assert options["budget_s"] is None
    assert options["seed"] is None
    assert options["settings"] == {}


def test_train_hands_the_language_of_its_page_on(phoropter, answer, samples):
    calls = answer("train", samples.RUN)
    phoropter("train", "digits", "--lang", "ko")
    assert calls[0][1]["lang"] == "ko"


@pytest.mark.parametrize(("words", "workers"), [([], 2), (["--processes", "5"], 5)])
def test_a_cluster_has_two_workers_unless_it_is_told_how_many(
    phoropter, answer, samples, monkeypatch, words, workers
):
    asked = []

    def spread(function, *, address, processes):
        asked.append((address, processes))
        return function

    answer("train", samples.RUN)
    monkeypatch.setattr("phoropter.project.cluster.spread", spread)
    assert phoropter("train", "digits", "--cluster", "local", *words).code == 0
    assert asked == [("local", workers)]


def test_run_ends_with_the_test_result_and_where_things_are(phoropter, answer, samples):
    answer("run", samples.PROJECT)
    assert phoropter("run", "digits").out.splitlines()[-3:] == [
        "test       accuracy 0.954 [0.93, 0.972] on 360 samples, seal opened once",
        "report     p.phoropter/report.html",
        "model      p.phoropter/model",
    ]


def test_progress_goes_to_stderr_unless_quiet(phoropter, monkeypatch, samples):
    def look(data, *, listener, **_):
        listener(Note("reading"))
        return samples.LOOK

    monkeypatch.setattr("phoropter.project.api.look", look)
    loud, quiet = phoropter("look", "x", "--json"), phoropter("look", "x", "--json", "--quiet")
    assert (loud.err, quiet.err) == ("reading\n", "")
    assert loud.out == quiet.out


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (errors.UsageError("Bad 'x'.", hint="Do y."), "usage", 2),
        (errors.InputError("Bad 'x'.", hint="Do y."), "input", 2),
        (errors.CorruptFileError("Bad 'x'.", hint="Do y."), "corrupt-file", 2),
        (errors.StorageError("Bad 'x'.", hint="Do y."), "storage", 2),
        (errors.ProjectBusyError("Bad 'x'.", hint="Do y."), "project-busy", 2),
        (errors.MissingExtraError("onnx", "export", why="That"), "missing-extra", 2),
        (errors.NothingUsableError("Bad 'x'.", hint="Do y."), "nothing-usable", 3),
        (errors.InterruptedRunError("Bad 'x'.", hint="Do y."), "interrupted", 130),
        (KeyboardInterrupt(), "interrupted", 130),
        (OSError(errno.ENOSPC, "No space", "/x"), "storage", 2),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "storage", 2),
        (ValueError("two\nlines"), "bug", 1),
        (OSError("odd"), "bug", 1),
    ],
)
def test_every_failure_is_one_line_a_hint_and_a_document(phoropter, answer, error, code, exit_code):
    answer("look", error)
    failed = phoropter("look", "digits", "--json")
    assert failed.code == exit_code
    content = failed.json["error"]
    assert set(content) == {"code", "message", "hint"}
    assert content["code"] == code
    assert failed.err.splitlines() == [f"error: {content['message']}", f"hint: {content['hint']}"]
    spoken = phoropter("look", "digits")
    assert (spoken.code, spoken.out, spoken.err) == (exit_code, "", failed.err)


def test_debug_shows_the_traceback(phoropter, answer):
    answer("look", ValueError("odd"))
    failed = phoropter("look", "digits", "--json", "--debug")
    assert "Traceback" in failed.err
    assert failed.json["error"]["message"] == "unexpected ValueError: odd"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["trian", "x"], "Did you mean 'train'?"),
        (["train"], "Missing argument 'DATA'"),
        (["train", "x", "--budgte", "9s"], "--budget"),
        (["train", "x", "--budget", "soon"], "'soon'"),
        (["train", "x", "--seed", "a"], "--seed"),
        (["train", "x", "--seed", "-1"], "--seed"),
        (["train", "x", "--set", "nonsense"], "'nonsense'"),
        (["train", "x", "--lang", "fr"], "--lang"),
        (["diagnose"], "--curves"),
        (["diagnose", "--curves", "x", "--human", "0.1", "--collect"], "--human 0.1 and --collect"),
        (["train", "x", "--processes", "4"], "no --cluster"),
        (["split", "x", "--repeats", "3"], "no --folds"),
        (["compare", "a"], "Missing argument"),
    ],
)
def test_wrong_usage_is_exit_2_in_text_and_in_json(phoropter, words, part):
    failed = phoropter(*words, "--json")
    assert failed.code == 2
    assert failed.json["error"]["code"] == "usage"
    assert part in failed.json["error"]["message"]
    assert failed.err.count("\n") == 2
    assert phoropter(*words).code == 2


def test_a_watched_loop_is_not_asked_what_only_a_run_of_a_project_can_tell(phoropter, tmp_path):
    (tmp_path / "watch.json").write_text("{}")
    failed = phoropter("diagnose", tmp_path, "--collect", "--json")
    assert failed.code == 2
    assert failed.json["error"] == {
        "code": "usage",
        "message": f"The watched loop {str(tmp_path)!r} cannot be diagnosed with --collect.",
        "hint": "--human and --collect are for runs of a project.",
    }


def test_a_path_that_looks_like_an_option_may_follow_two_dashes(phoropter, answer, samples):
    calls = answer("look", samples.LOOK)
    spoken = phoropter("look", "--", "--json")
    assert calls[0][0] == ("--json",)
    assert not spoken.out.startswith("{")


def test_help_version_and_nothing_at_all(phoropter):
    for words in (["--help"], []):
        shown = phoropter(*words)
        assert shown.code == 0
        assert all(f"  {name} " in shown.out for name in NAMES)
    assert phoropter("--version").out == "phoropter 0.1.0\n"
    for name in NAMES:
        assert phoropter(name, "--help").code == 0


CALL = "import sys; from phoropter.cli.main import main; sys.exit(main())"
MANY = """
import sys
from phoropter.cli.main import main
from phoropter.core.records import ModelCard
from phoropter.project import api

api.models = lambda task, **_: tuple(ModelCard(str(i), "network", ("t",)) for i in range(9999))
sys.exit(main(["models"]))
"""


def test_a_reader_that_leaves_is_no_error():
    read_end, write_end = os.pipe()
    os.close(read_end)
    finished = subprocess.run(
        [sys.executable, "-c", MANY], stdout=write_end, stderr=subprocess.PIPE
    )
    os.close(write_end)
    assert (finished.returncode, finished.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_behind_stdout_is_said_once():
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [sys.executable, "-c", CALL, "trian", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: No such command 'trian'. Did you mean 'train'?")
    assert "Traceback" not in finished.stderr


def test_main_reads_the_process_arguments(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["phoropter", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("phoropter ")


@pytest.mark.parametrize(("name", "ours"), [("OMP_WAIT_POLICY", "PASSIVE")])
def test_what_torch_reads_when_it_loads_is_set_unless_the_user_did(name, ours):
    look = (
        f"import os, sys, phoropter.cli.main; print(os.environ[{name!r}], 'torch' in sys.modules)"
    )
    bare = {key: value for key, value in os.environ.items() if key != name}
    for environment, expected in ((bare, ours), ({**bare, name: "own"}, "own")):
        said = subprocess.check_output([sys.executable, "-c", look], env=environment, text=True)
        assert said.split() == [expected, "False"]
