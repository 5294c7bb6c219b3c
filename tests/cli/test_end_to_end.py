"""The real thing on small real images: digits of scikit-learn, written as a user's folders."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

PHOROPTER = Path(sys.executable).with_name("phoropter")
TINY = [
    "--set", "model.name=mlp", "--set", "model.pretrained=false", "--set", "data.size=8",
    "--set", "data.channels=1", "--set", "data.normalize=data", "--set", "train.epochs=3",
    "--set", "train.numerics=float32",
]  # fmt: skip


def write_digits(folder, *, classes=3, each=24):
    """A folder a class, `each` PNG files in each."""
    digits = load_digits()
    for label in range(classes):
        (folder / f"digit {label}").mkdir(parents=True)
        for number, at in enumerate(np.flatnonzero(digits.target == label)[:each]):
            pixels = np.rint(digits.images[at] * 15.9375).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"digit {label}" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("data") / "digits three")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_stage_at_a_time(phoropter, images, here):
    looked = phoropter("look", images, "--json").json
    assert looked["samples"] == 72
    assert looked["classes"] == {"digit 0": 24, "digit 1": 24, "digit 2": 24}
    assert looked["rejected"] == []
    parts = phoropter("split", images, "--json").json["parts"]
    assert sum(parts.values()) == 72
    assert phoropter("split", images, "--json").json["parts"] == parts

    first = phoropter("train", images, "--json", *TINY)
    assert first.code == 0, first.err
    second = phoropter("train", images, "--json", *TINY, "--set", "train.lr=0.01").json
    a, b = first.json["run"], second["run"]
    assert a != b
    assert (first.json["epochs"], first.json["stopped_by"]) == (3, "finished")
    assert phoropter("train", images, "--json", *TINY).json["metrics"] == first.json["metrics"]
    metrics = {metric["name"]: metric for metric in second["metrics"]}
    assert metrics["accuracy"]["n"] == parts["val"]
    assert metrics["accuracy"]["low"] <= metrics["accuracy"]["value"] <= metrics["accuracy"]["high"]

    assert phoropter("evaluate", a, "--json").json["metrics"] == first.json["metrics"]
    diagnosed = phoropter("diagnose", a, "--json").json
    assert diagnosed["run"] == a
    assert set(diagnosed["limits"]) == {"noise_floor", "bias", "variance", "shift"}
    verdict = phoropter("compare", a, b, "--json").json
    assert (verdict["a"], verdict["b"], verdict["looks"]) == (a, b, 1)
    assert verdict["low"] <= verdict["delta"] <= verdict["high"]
    tested = phoropter("test", "digits three.phoropter", "--run", b, "--json").json
    assert (tested["run"], tested["openings"]) == (b, 1)
    assert {metric["n"] for metric in tested["metrics"]} == {parts["test"]}

    exported = phoropter("export", b, "--to", here / "handed over", "--json")
    assert exported.code == 0, exported.err
    assert exported.json["largest_difference"] < 1e-3
    broken = here / "broken.png"
    broken.write_bytes(b"not a picture")
    picture = images / "digit 1" / "0.png"
    rows = phoropter("predict", here / "handed over", picture, broken, "--json").json
    assert [row["path"] for row in rows] == [str(picture), str(broken)]
    assert rows[0]["prediction"] in looked["classes"]
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1)
    assert rows[1]["error"]

    page = phoropter("report", "digits three.phoropter", "--json").json["report"]
    assert Path(page).read_text("utf-8").startswith("<!")


def test_a_kept_pass_is_sliced_by_its_own_answers(phoropter, here):
    data = write_digits(here / "digits", each=120)
    trained = phoropter("train", data, "--keep", "2", "--json", *TINY).json
    other = trained["kept"][1]["epoch"]
    words = ["--epoch", other, "--by", "class", "--json"]
    measured = phoropter("evaluate", trained["run"], *words).json
    assert measured["epoch"] == other != trained["epoch"]
    [accuracy] = [item for item in measured["metrics"] if item["name"] == "accuracy"]
    classes = [item["metric"] for item in measured["slices"]]
    assert sum(item["n"] for item in classes) == accuracy["n"]
    right = sum(item["value"] * item["n"] for item in classes)
    assert right / accuracy["n"] == pytest.approx(accuracy["value"])


def test_the_curves_of_a_run_are_in_the_language_that_was_asked_for(phoropter, images, here):
    trained = phoropter("train", images, "--lang", "ko", "--json", *TINY).json
    assert '<html lang="ko">' in Path(trained["curves"]).read_text("utf-8")


def test_the_installed_command_runs_a_whole_project(images, here):
    words = ["run", str(images), "--budget", "40s", "--seed", "1"]
    finished = subprocess.run([PHOROPTER, *words], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    test, report, model = finished.stdout.splitlines()[-3:]
    assert test.startswith("test       accuracy ")
    assert test.endswith("seal opened once")
    assert Path(report.removeprefix("report ").strip()).is_file()
    assert (Path(model.removeprefix("model ").strip()) / "model.safetensors").is_file()
    assert "Traceback" not in finished.stderr
    assert "Warning" not in finished.stderr


def test_data_that_hold_nothing(phoropter, images, here):
    (here / "empty").mkdir()
    one = here / "one"
    shutil.copytree(images / "digit 0", one / "zero")
    texts = here / "texts"
    (texts / "a").mkdir(parents=True)
    (texts / "a" / "x.jpg").write_text("hello")
    for place, code, kind in (
        (here / "nowhere", 2, "input"),
        (here / "empty", 3, "nothing-usable"),
        (one, 3, "nothing-usable"),
        (texts, 3, "nothing-usable"),
    ):
        for command in (["look"], ["train", *TINY]):
            failed = phoropter(*command, place, "--json", "--project", here / "p")
            assert (failed.code, failed.json["error"]["code"]) == (code, kind), failed.err
            assert place.name in failed.json["error"]["message"]
            assert failed.json["error"]["hint"]
            assert "Traceback" not in failed.err
            shutil.rmtree(here / "p", ignore_errors=True)


def huge_png(path):
    """A PNG of 40,000 x 40,000 pixels that is a few bytes long."""
    import struct
    import zlib

    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    size = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def test_bad_files_are_listed_and_the_rest_is_used(phoropter, images, here):
    data = here / "mixed"
    shutil.copytree(images, data)
    first = data / "digit 0"
    (first / "0.png").write_bytes((first / "0.png").read_bytes()[:60])
    (first / "1.png").write_bytes(b"")
    (first / "text.jpg").write_text("this is no picture")
    huge_png(first / "huge.png")
    (data / "alone").mkdir()
    shutil.copy(first / "2.png", data / "alone" / "only.png")
    looked = phoropter("look", data, "--json")
    assert looked.code == 0, looked.err
    reasons = {item["path"]: item["reason"] for item in looked.json["rejected"]}
    names = {"0.png", "1.png", "text.jpg", "huge.png"}
    assert {Path(path).name for path in reasons} == names
    assert all(reasons.values())
    assert looked.json["samples"] == 72 - 2 + 1
    assert looked.json["classes"]["alone"] == 1
    trained = phoropter("train", data, "--json", *TINY)
    assert trained.code == 0, trained.err


@pytest.mark.parametrize(
    ("words", "part", "hint"),
    [
        (["--set", "model.name=mlpp"], "'mlpp'", "'mlp'"),
        (["--set", "train.lrr=0.1"], "'train.lrr'", "'train.lr'"),
        (["--set", "train.lr=fast"], "'fast'", ""),
        (["--set", "train.epochs=0"], "train.epochs", ""),
        (["--set", "data.size=eight"], "'eight'", ""),
        (["--recipe", "nowhere.yaml"], "nowhere.yaml", ""),
        (["--recipe", "list.yaml"], "list.yaml", ""),
        (["--task", "detecting"], "'detecting'", "classification"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(phoropter, images, here, words, part, hint):
    (here / "list.yaml").write_text("- a\n- b\n")
    failed = phoropter("train", images, "--json", *words)
    error = failed.json["error"]
    assert (failed.code, error["code"]) == (2, "usage"), failed.err
    assert part in error["message"]
    assert hint in error["hint"]


def test_a_column_that_is_not_there(phoropter, images, here):
    rows = [f"{path},{path.parent.name}" for path in sorted(images.rglob("*.png"))]
    table = images.parent / "table.csv"
    table.write_text(
        "\n".join(["path,label", *(row.replace(f"{images.parent}/", "") for row in rows)])
    )
    failed = phoropter("look", table, "--target", "lable", "--json")
    assert failed.code == 2
    assert "'lable'" in failed.json["error"]["message"]
    assert "label" in failed.json["error"]["hint"]
    assert phoropter("look", table, "--target", "label", "--json").json["samples"] == 72


def test_a_full_disk_is_said_and_nothing_is_lost(phoropter, images, here, monkeypatch):
    import errno
    import os

    real = os.replace

    def full(source, target, **options):
        if "history" in str(target) or "checkpoint" in str(target) or "run.json" in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(source, target, **options)

    before = phoropter("look", images, "--json").json
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        failed = phoropter("train", images, "--json", *TINY)
    assert (failed.code, failed.json["error"]["code"]) == (2, "storage"), failed.err
    assert "No space left" in failed.json["error"]["message"]
    assert list(here.rglob("*.part")) == []
    assert phoropter("train", images, "--json", *TINY).code == 0
    assert phoropter("look", images, "--json").json == before


HOLD = """
import sys
from phoropter.project.folder import Folder, locked
from pathlib import Path
with locked(Folder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_kept_out(phoropter, images, here):
    project = here / "digits three.phoropter"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, project], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        failed = phoropter("train", images, "--json", *TINY)
        other.kill()
    assert (failed.code, failed.json["error"]["code"]) == (2, "project-busy")
    assert phoropter("split", images, "--json").code == 0


def test_interrupted_then_damaged_then_done(images, here):
    """Ctrl-C keeps what is there; half a checkpoint does not stop the next try."""
    import signal
    import time

    words = [PHOROPTER, "train", str(images), "--json", *TINY, "--set", "train.patience=0"]
    words += ["--set", "train.epochs=4000"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    runs = here / "digits three.phoropter" / "runs"
    until = time.monotonic() + 60
    while not list(runs.glob("*/checkpoint/*")) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    error = json.loads(out)["error"]
    assert error["code"] == "interrupted"
    assert "same command" in error["hint"]

    for path in runs.glob("*/checkpoint/*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = subprocess.run([*words, "--budget", "3s"], capture_output=True, text=True)
    assert again.returncode in {0, 2}, again.stderr
    assert "Traceback" not in again.stderr
    if again.returncode == 2:
        assert json.loads(again.stdout)["error"]["code"] == "corrupt-file"
