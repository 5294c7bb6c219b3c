"""Lets commands meet with accidents, and says what came of it.

Usage: mishaps.py KIND CASE FOLDER TIMES, KIND being one of

- kill: the process is killed at TIMES moments, each between two operations on files;
- moment: it is killed at TIMES random moments of one life;
- full: the disk is full from one of TIMES operations on; FOLDER is on a small disk, or the limit
  of the process's files stands in for it;
- damage: TIMES of the files that it left are damaged in turn.

Each time the same command is given again. Prints JSON: what was tried, and every complaint. The
commands run in forked children, so that everything is imported once. CASE names the words.
"""

import fcntl
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from phoropter.cli.main import main
from phoropter.training import execute, run, summary  # noqa: F401 - imported once for all children

COMMON = {"data.size": 16, "train.batch_size": 8, "train.epochs": 3, "train.patience": 0}
NETWORK = {**COMMON, "model.pretrained": "false", "train.numerics": "float32"}
CASES = {
    "cnn": {
        **NETWORK, "model.name": "cnn", "data.augment.preset": "medium", "train.ema": 0.9,
        "model.dropout": 0.3, "model.width": 4,
    },
    "finetuned": {
        **COMMON, "model.name": "efficientnet_lite0", "model.transfer": "finetune",
        "data.size": 32, "train.accumulate": 2, "train.epochs": 2, "train.numerics": "float32",
    },
    "features": {
        **COMMON, "model.name": "efficientnet_lite0", "model.transfer": "features",
        "data.size": 32, "train.numerics": "float32",
    },
    "table": {
        **NETWORK, "model.name": "mlp", "train.schedule": "plateau", "train.decay_patience": 1,
        "train.min_delta": 0.5, "train.lr": 0.01,
    },
}  # fmt: skip
CASES["project"] = {**CASES["cnn"], "train.epochs": 2}
SOURCES = {"table": "data.csv"}
TOLD = ("history.jsonl", "signals.json", "dynamics.npz", "predictions.parquet",
        "train_predictions.parquet", "recipe.yaml")  # fmt: skip
SPEED = ("seconds", "samples_per_second", "curves", "project", "bundle", "report")
WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "sqlite3.connect"}
PIPE_SIZE = 1031  # F_SETPIPE_SZ


def make_data(folder):
    """Images of three kinds, and a table of the same."""
    rng = np.random.default_rng(0)
    rows = ["a,b,c,label"]
    for name, level in (("dark", 60), ("grey", 120), ("light", 180)):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.normal(level, 70, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{number:02d}.png")
            rows.append(",".join(f"{v:.4f}" for v in rng.normal(level / 60, 2, 3)) + f",{name}")
    (folder / "data.csv").write_text("\n".join(rows))


class Scene:
    """A folder with the data, and the project that the command makes there."""

    def __init__(self, case, place):
        self.place, self.case = place, case
        place.mkdir(parents=True, exist_ok=True)
        make_data(place)
        self.project = place / "p.phoropter"
        settings = [f"--set={key}={value}" for key, value in CASES[case].items()]
        data = SOURCES.get(case, "images")
        verb = ["run", "--budget=20m"] if case == "project" else ["train", "--keep=2"]
        self.words = [*verb, data, "--project", self.project.name, "--json", "--quiet", *settings]

    def start(self, words=None, *, accident=None):
        """The process of a command, and the ends of the pipes that it speaks into."""
        pipes = [os.pipe() for _ in ("out", "err")]
        for reader, _ in pipes:
            fcntl.fcntl(reader, PIPE_SIZE, 1 << 20)  # so that nobody waits for a reader
        child = os.fork()
        if child:
            for _, writer in pipes:
                os.close(writer)
            return child, [reader for reader, _ in pipes]
        code = 99
        try:
            os.chdir(self.place)
            for number, (_, writer) in enumerate(pipes, start=1):
                os.dup2(writer, number)
            if accident is not None:
                watch(self.project, accident)
            code = main(words or self.words)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def ended(self, child, readers):
        """Exit code (minus the signal that killed it), answer and complaints of a command."""
        _, status = os.waitpid(child, 0)
        said = []
        for reader in readers:
            with os.fdopen(reader, encoding="utf-8", errors="replace") as file:
                said.append(file.read())
        return os.waitstatus_to_exitcode(status), *said

    def do(self, words=None, *, accident=None):
        return self.ended(*self.start(words, accident=accident))

    def result(self):
        """A hash of every file that tells what was learnt, and what remains of killed writers."""
        found = {}
        for folder in sorted(self.project.glob("runs/*")):
            for name in (
                *TOLD,
                *(f"checkpoint/{p.name}" for p in (folder / "checkpoint").glob("*")),
            ):
                if (folder / name).exists():
                    content = (folder / name).read_bytes()
                    found[f"{folder.name}/{name}"] = hashlib.sha256(content).hexdigest()
        split = self.project / "data" / "split.parquet"
        found["split"] = hashlib.sha256(split.read_bytes()).hexdigest()
        # That of the findings, which are written without the lock, is swept when it is old.
        found["halves"] = [
            str(path)
            for path in self.project.rglob("*.part")
            if not path.name.startswith(".findings.json.")
        ]
        return found


def watch(project, accident):
    """Calls `accident` with the number of each operation on the project's files, before it."""
    count = 0

    def hook(event, values):
        nonlocal count
        if event in WATCHED and any(str(project.name) in str(value) for value in values[:2]):
            count += 1
            accident(count)

    sys.addaudithook(hook)


def answer(out):
    """What a command said on stdout, without times and places."""
    return timeless(json.loads(out))


def timeless(values):
    if isinstance(values, dict):
        return {key: timeless(value) for key, value in values.items() if key not in SPEED}
    return [timeless(value) for value in values] if isinstance(values, list) else values


def one_clear_line(code, out, err, *, codes):
    """What is wrong with how a command failed, or None."""
    try:
        error = json.loads(out)["error"]
    except (ValueError, KeyError):
        return f"exit code {code} without a document: {out[-300:]!r} {err[-600:]!r}"
    if error["code"] not in codes or code != 2 or not error["hint"] or "Traceback" in err:
        return f"exit code {code}, {error}, {err[-600:]!r}"
    return None


def counted(case, folder):
    """The result of a command left alone, its answer, and how many operations it made."""
    scene = Scene(case, folder / "whole")
    reader, writer = os.pipe()

    def note(_count):
        os.write(writer, b".")

    os.set_blocking(reader, False)
    code, out, err = scene.do(accident=note)
    if code:
        raise RuntimeError(out + err)
    return scene.result(), answer(out), len(os.read(reader, 1 << 16))


def spread(total, times):
    """`times` of the numbers 1 to `total`, evenly spread."""
    if times >= total:
        return list(range(1, total + 1))
    offset = random.Random().uniform(0, 1)
    return sorted({1 + int((total - 1) * (n + offset) / times) for n in range(times)})


def kill(case, folder, times):
    result, said, operations = counted(case, folder)
    complaints, tried = [], spread(operations, times)
    for number in tried:
        scene = Scene(case, folder / f"at{number}")

        def die(count, number=number):
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

        code, out, err = scene.do(accident=die)
        if code != -signal.SIGKILL:
            complaints.append(f"{number}: was not killed: {code} {out} {err[-300:]}")
        code, out, err = scene.do()
        if code != 0 or answer(out) != said:
            complaints.append(f"{number}: {code} {out} {err[-1000:]}")
        elif scene.result() != result:
            complaints.append(f"{number}: {different(scene.result(), result)}")
        shutil.rmtree(scene.place)
    return {"operations": operations, "tried": tried, "complaints": complaints}


def moment(case, folder, times):
    result, said, _ = counted(case, folder)
    scene = Scene(case, folder / "killed")
    started = time.monotonic()
    Scene(case, folder / "timed").do()
    whole_s = time.monotonic() - started
    moments, hit = random.Random(), 0
    for _ in range(3 * times):
        if hit == times:
            break
        child, readers = scene.start()
        time.sleep(moments.uniform(0.0, whole_s))
        os.kill(child, signal.SIGKILL)
        killed = scene.ended(child, readers)[0] == -signal.SIGKILL
        hit += killed
        if not killed:  # it came to its end: another life
            if scene.result() != result:
                return {"hit": hit, "complaints": [different(scene.result(), result)]}
            shutil.rmtree(scene.project)
    code, out, err = scene.do()
    complaints = []
    if code != 0 or answer(out) != said or scene.result() != result:
        complaints = [f"{code} {out} {err[-1000:]} {different(scene.result(), result)}"]
    return {"hit": hit, "complaints": complaints}


def full(case, folder, times):
    result, said, operations = counted(case, folder / "aside")
    complaints, tried, failed = [], spread(operations, times), 0
    small = folder / "small"
    really = small.is_dir()
    for number in tried:
        scene = Scene(case, small / f"at{number}")

        def fill(count, number=number, ballast=small / "ballast"):
            if count == number:
                fill_disk(ballast) if really else limit_files()

        code, out, err = scene.do(accident=fill)
        (small / "ballast").unlink(missing_ok=True)
        failed += code != 0
        wrong = one_clear_line(code, out, err, codes={"storage"}) if code else None
        if wrong:
            complaints.append(f"{number}: {wrong}")
        code, out, err = scene.do()
        if code != 0 or answer(out) != said:
            complaints.append(f"{number}, again: {code} {out} {err[-1000:]}")
        elif scene.result() != result:
            complaints.append(f"{number}: {different(scene.result(), result)}")
        shutil.rmtree(scene.place)
    return {"real": really, "operations": operations, "tried": tried, "failed": failed,
            "complaints": complaints}  # fmt: skip


def fill_disk(ballast):
    """Takes every free byte."""
    handle = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    size = 1 << 20
    while size:
        try:
            os.write(handle, bytes(size))
        except OSError:
            size //= 2
    os.close(handle)


def limit_files():
    """No file may grow from now on: writing fails with EFBIG."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


WAYS = {
    "emptied": lambda content, at: b"",
    "halved": lambda content, at: content[: len(content) // 2],
    "cut": lambda content, at: content[:-1],
    "flipped": lambda content, at: content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :],
    "overwritten": lambda content, at: content[:at] + b"\xff" * 64 + content[at + 64 :],
    "replaced": lambda content, at: b"[1, 2]\n",
    "removed": None,
}
FREE = {".lock", "curves.html", "findings.json", "timing.jsonl", "issues.csv", "project.yaml"}
"""Nothing is read from these, or the user may write them."""


def damage(case, folder, times):
    """Damages a finished and an interrupted project."""
    result, said, _ = counted(case, folder)
    # A project remembers where its data are: it is damaged in the place that it was made in.
    place, kept = folder / "victim", []
    for name, live in (("finished", Scene.do), ("stopped", interrupted)):
        victim = Scene(case, place)
        live(victim)
        kept.append(place.rename(folder / name))
    chosen = random.Random()
    cases = [
        (copy, path.relative_to(copy), way)
        for copy in kept
        for path in sorted((copy / victim.project.name).rglob("*"))
        if path.is_file()
        for way in WAYS
    ]
    chosen.shuffle(cases)
    complaints, refused = [], 0
    shutil.copytree(kept[0], place)
    if after_damage(victim, result, said, Path()) != (0, []):
        complaints.append("a copy without any damage is refused, so that nothing else is shown")
    for copy, path, way in cases[:times]:
        label = f"{copy.name} {path} {way}"
        shutil.rmtree(place)
        shutil.copytree(copy, place)
        content = (file := place / path).read_bytes()
        if WAYS[way] is None:
            file.unlink()
        else:
            at = chosen.randrange(max(1, len(content)))
            label += f" at {at} of {len(content)}"
            file.write_bytes(WAYS[way](content, at) if content else b"[1, 2]\n")
        code, wrong = after_damage(victim, result, said, path)
        complaints += [f"{label}: {what}" for what in wrong]
        refused += code != 0
    count = {"cases": len(cases), "tried": len(cases[:times]), "refused": refused}
    return {**count, "complaints": complaints}


def after_damage(scene, result, said, path):
    """The exit code of the same command, given again; what is wrong with it and with others."""
    before = scene.result() if path.suffix == ".safetensors" else result
    first, out, err = scene.do()
    if first != 0:
        wrong = one_clear_line(first, out, err, codes={"corrupt-file", "input", "usage"})
        return first, [wrong] if wrong else []
    wrong = [] if answer(out) == said else [f"another answer: {out} {err[-300:]}"]
    now, then, before = (without_halves(found) for found in (scene.result(), result, before))
    # Of a finished run neither command reads the weights: they may stay as they are.
    if path.name not in FREE and now not in (then, before):
        wrong.append(different(now, then))
    run = json.loads(out)["run"]
    code, out, err = scene.do(["evaluate", run, "--project", scene.project.name, "--json"])
    if code != 0:
        wrong.append(f"evaluate: {code} {out} {err[-300:]}")
    elif answer(out) != said:
        wrong.append(f"evaluate: another answer: {out}")
    if path.name == "best.safetensors" and now != then:
        code, out, err = scene.do(["test", scene.project.name, "--run", run, "--json"])
        refused = one_clear_line(code, out, err, codes={"corrupt-file"})
        wrong += [f"test with damaged weights: {refused}"] if refused else []
    return first, wrong


def without_halves(found):
    return {key: value for key, value in found.items() if key != "halves"}


def interrupted(scene):
    """Kills the command of a scene when its run has two checkpoints."""

    def die(_count):
        if list(scene.project.glob("runs/*/checkpoint/previous.pt")):
            os.kill(os.getpid(), signal.SIGKILL)

    scene.do(accident=die)


def different(a, b):
    return f"differs: {sorted(k for k in {**a, **b} if a.get(k) != b.get(k))}"


if __name__ == "__main__":
    # At every step, not by the clock: each accident is to find another checkpoint, within a pass
    # too, and every life makes the same operations, however quick it is.
    run.SAVE_EVERY_S, run.SAVING_SHARE, run.WRITE_EVERY_S = 0.0, float("inf"), 0.0
    kinds = {"kill": kill, "moment": moment, "full": full, "damage": damage}
    kind, case, folder, times = sys.argv[1:]
    Scene(case, Path(folder) / "warm").do()  # so that weights are where they are looked for
    outcome = kinds[kind](case, Path(folder), int(times))
    sys.stdout.write(json.dumps(outcome, indent=1))
