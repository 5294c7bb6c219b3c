import json
import os
import subprocess
import sys

import pytest

RECIPE = {
    "model.name": "cnn",
    "model.pretrained": "false",
    "model.transfer": "finetune",
    "model.norm": "layer",
    "model.dropout": "0",
    "model.width": "8",
    "data.size": "8",
    "data.channels": "1",
    "data.normalize": "data",
    "data.augment.preset": "none",
    "train.epochs": "2",
    "train.optimizer": "momentum",  # Adam divides by tiny gradients, and makes much of rounding
    "train.lr": "0.02",
    "train.numerics": "float32",
}
SETTINGS = [word for item in RECIPE.items() for word in ("--set", "=".join(item))]


def call(folder, *words, processes=1, **environment):
    """Runs a command of the installed package, in as many processes as asked for."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else ()), "-m", "phoropter", *words]
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        timeout=240,
        capture_output=True,
        text=True,
        check=False,
    )


def history(folder):
    (path,) = folder.glob("*.phoropter/runs/*/history.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def both(tmp_path_factory, write_digits):
    """The same training in one process and in two: folder, exit code and stdout of each."""
    made = []
    for processes in (1, 2):
        folder = tmp_path_factory.mktemp(f"of{processes}")
        write_digits(folder / "few", each=50)
        done = call(folder, "train", "few", *SETTINGS, "--json", processes=processes)
        assert done.returncode == 0, done.stderr
        made.append((folder, json.loads(done.stdout)))
    return made


def test_two_processes_give_the_curve_of_one(both):
    one, two = (history(folder) for folder, _ in both)

    for name in ("val_loss", "train_loss"):
        assert [row[name] for row in two] == pytest.approx([row[name] for row in one], rel=1e-5)


def test_one_result_is_printed_and_it_is_the_same_run(both):
    (_, one), (_, two) = both

    assert one["run"] == two["run"]
    assert one["steps"] == two["steps"]


def test_a_command_that_does_not_train_refuses_to_share(tmp_path):
    done = call(tmp_path, "look", "digits", WORLD_SIZE="2", RANK="0")

    assert done.returncode == 2
    assert "run, train, improve" in done.stderr
    assert not list(tmp_path.iterdir())
