import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.checksums import read_record, write_record
from phoropter.core.errors import InputError
from phoropter.project.replaying import compare_numbers

SMALL = {
    "model.name": "cnn",
    "model.width": 4,
    "model.depth": 1,
    "model.pretrained": False,
    "data.size": 8,
    "data.channels": 1,
    "data.augment.preset": "light",
    "train.epochs": 2,
    "train.numerics": "auto",
}


@pytest.fixture
def data(tmp_path, write_digits):
    return write_digits(tmp_path / "digits", each=30)


def trained(data, tmp_path, **change):
    return phoropter.train(data, project=tmp_path / "p", settings={**SMALL, **change})


def replayed(result):
    return phoropter.replay(result.run, project=result.project)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"model.dropout": 0.5, "train.ema": 0.9, "train.batch_size": "auto"},
        {"model.name": "logistic", "model.backbone": "pixels"},
    ],
    ids=["cnn", "dropout and average", "classic"],
)
def test_a_replay_gives_the_same_bits(data, tmp_path, change):
    run = trained(data, tmp_path, **change)
    files = [item for item in (tmp_path / "p" / "runs").rglob("*") if item.is_file()]
    before = {item: item.stat().st_mtime_ns for item in files}
    again = replayed(run)
    assert again.identical, again
    assert again.changed == {}
    assert again.because == ()
    numbers = {item.name: item.numbers for item in again.compared}
    assert numbers["predictions"] > 0
    assert numbers["weights"] > 0
    assert ("history" in numbers) == (run.epochs > 0)
    assert before == {item: item.stat().st_mtime_ns for item in files}
    record = json.loads((tmp_path / "p" / "runs" / run.run / "replay.json").read_text())
    assert record["identical"] is True
    assert not list((tmp_path / "p").glob(".replay-*"))


def test_a_run_that_its_budget_ended_is_ended_at_the_same_step(data, tmp_path):
    run = phoropter.train(
        data,
        project=tmp_path / "p",
        settings={**SMALL, "train.epochs": 50_000, "train.patience": 0},
        budget_s=0.6,
    )
    assert run.stopped_by == "budget"
    again = replayed(run)
    assert again.identical, again


def test_of_an_ensemble_every_member_is_made_again(data, tmp_path):
    classic = {"model.name": "logistic", "model.backbone": "pixels"}
    run = trained(data, tmp_path, **{"predict.ensemble": [{"seed": 1}, classic]})
    again = replayed(run)
    assert again.identical, again
    assert [item.name for item in again.compared] == ["train_predictions", "predictions", "metrics"]


def test_what_has_changed_is_told_with_where_the_numbers_part(data, tmp_path):
    run = trained(data, tmp_path)
    _with_record(run, lambda record: record["made_of"].update(torch="1.0", code="0" * 16))
    again = replayed(run)
    assert again.identical  # they have changed without an effect, and are told all the same
    assert list(again.changed) == ["code", "torch"]
    assert again.because[0] == "The code of phoropter is not what it was."
    assert again.because[1].startswith("Then the run was computed with torch 1.0, now with ")

    for path in sorted(data.rglob("*.png"))[:20]:
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    again = replayed(run)
    assert not again.identical
    assert list(again.changed) == ["data", "code", "torch"]
    assert again.because[0].startswith("The data are not what they were")
    first = again.compared[0]
    assert (first.name, first.first) == ("history", "pass 0")
    assert first.largest > 0

    _with_record(run, lambda record: record.pop("made_of"))
    again = replayed(run)
    assert not again.identical
    assert "older version" in again.because[0]

    next(data.rglob("*.png")).unlink()
    with pytest.raises(InputError, match="1 are gone"):
        replayed(run)


def _with_record(run, change):
    path = Path(run.project) / "runs" / run.run / "run.json"
    record = read_record(path)
    change(record)
    write_record(path, record)


def test_ones_own_changed_network_is_refused_or_told(data, tmp_path):
    source = tmp_path / "net.py"
    layers = "[nn.Flatten(), nn.Linear(64, 3)]"
    text = f"from torch import nn\nnet = nn.Sequential(*{layers})\n"
    source.write_text(text)
    run = trained(data, tmp_path, **{"model.name": f"{source}:net"})
    assert replayed(run).identical
    source.write_text(text.replace("[nn", "[nn.Identity(), nn"))
    again = replayed(run)
    assert list(again.changed) == ["own model.name"]
    assert again.because == ("The source of your own part under model.name is not what it was.",)


def test_numbers_are_compared_to_the_bit():
    then = {"a": np.array([1.0, np.nan, 0.0]), "b": np.array([1, 2])}
    same = compare_numbers("x", then, {name: value.copy() for name, value in then.items()})
    assert (same.numbers, same.different, same.largest, same.first) == (5, 0, 0.0, "")
    now = {"a": np.array([np.nextafter(1.0, 2.0), np.nan, 0.0]), "b": np.array([1, 5])}
    apart = compare_numbers("x", then, now)
    assert (apart.different, apart.largest, apart.first) == (2, 3.0, "a")
    assert compare_numbers("x", then, {"a": then["a"]}).different == 2
    assert compare_numbers("x", {"a": np.zeros(2)}, {"a": np.zeros(3)}).different == 3
    names = compare_numbers("x", {"a": np.array(["u", "v"])}, {"a": np.array(["u", "w"])})
    assert (names.different, names.largest) == (1, 0.0)
