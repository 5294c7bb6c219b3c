"""Loops of others, from the loop to what the command line says."""

import json

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import phoropter
from phoropter.cli.main import main
from phoropter.diagnosis.falling import LONGEST


def trained(folder, *, clear=True, predictions=True, passes=8, rate=3e-3):
    """A plain loop on digits, watched."""
    bunch = load_digits()
    x, y = torch.tensor(bunch.data / 16, dtype=torch.float32), torch.tensor(bunch.target)
    torch.default_generator.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    watch = phoropter.watch(network, optimizer, folder=folder, classes=10)
    for _ in range(passes):
        for batch in torch.randperm(1200).split(32):
            if clear:
                optimizer.zero_grad()
            loss = functional.cross_entropy(network(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            watch.step(loss)
        with torch.no_grad():
            outputs = network(x[1200:])
        told = {"predictions": outputs, "targets": y[1200:]} if predictions else {}
        watch.epoch(val_loss=functional.cross_entropy(outputs, y[1200:]), **told)
    watch.close()


def test_a_healthy_loop_has_no_fault_and_what_is_missing_is_said(tmp_path):
    trained(tmp_path / "run", predictions=False)
    result = phoropter.diagnose(tmp_path / "run")
    assert [f.code for f in result.findings if f.severity != "info"] == []
    assert "predictions" in result.unjudged["majority-collapse"]
    assert "no-gradient" not in result.unjudged
    assert (tmp_path / "run" / "curves.html").exists()
    assert (tmp_path / "run" / "findings.json").exists()


def test_the_command_line_names_the_fault_first_and_then_what_it_cannot_judge(tmp_path, capsys):
    trained(tmp_path / "run", clear=False)
    assert main(["diagnose", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("critical: stale-gradient:")
    assert "optimizer.zero_grad()" in out
    assert "not judged: cannot-overfit-batch" in out

    assert '<html lang="en">' in (tmp_path / "run" / "curves.html").read_text("utf-8")

    assert main(["diagnose", str(tmp_path / "run"), "--json", "--lang", "ko"]) == 0
    assert '<html lang="ko">' in (tmp_path / "run" / "curves.html").read_text("utf-8")
    said = json.loads(capsys.readouterr().out)
    assert said["findings"][0]["code"] == "stale-gradient"
    assert said["findings"][0]["prescriptions"][0]["change"] == {}
    assert "seed-noise" in said["unjudged"]


def test_a_dictionary_of_curves_is_diagnosed():
    falling = [1.0, 0.7, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.12, 0.1]
    rising = [1.0, 0.8, 0.7, 0.75, 0.85, 0.95, 1.1, 1.2, 1.3, 1.4]
    result = phoropter.diagnose(curves={"loss": falling, "val_loss": rising})
    assert [finding.code for finding in result.findings] == ["overfit"]
    assert result.unjudged["no-gradient"]


def test_unfinished_curves_are_told_how_much_longer_than_they_were():
    """Six passes of an unknown number of steps, which are not taken for few."""
    curves = {"loss": [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]}
    curves["val_loss"] = [loss + 0.05 for loss in curves["loss"]]
    found = {item.code: item for item in phoropter.diagnose(curves=curves).findings}
    times = found["undertrained"].evidence["times_longer"]
    assert 2 <= times <= LONGEST
    advice = found["undertrained"].prescriptions[0].advice
    assert advice == f"Train for {6 * times} epochs instead of 6."


def test_no_advice_names_a_rate_beside_one_that_nobody_recorded():
    losses = [1.0, 0.9, 5.0, float("nan")]
    told = {"loss": losses, "val_loss": losses}
    [found] = phoropter.diagnose(curves=told).findings[:1]
    advice = [item.advice for item in found.prescriptions]
    assert found.code == "diverged"
    assert "Lower the learning rate to a third." in advice
    assert not any("instead of" in words for words in advice)
    [found] = phoropter.diagnose(curves={**told, "lr": [0.01] * 4}).findings[:1]
    advice = [item.advice for item in found.prescriptions]
    assert "Set the learning rate to 0.0033 instead of 0.01." in advice


def test_a_rate_of_fine_tuning_is_too_low_for_a_network_that_goes_on_guessing(tmp_path):
    trained(tmp_path / "run", rate=2e-5)
    found = phoropter.diagnose(tmp_path / "run").findings[0]
    assert found.code == "lr-too-low"
    assert found.prescriptions[0].advice == "Set the learning rate to 0.001 instead of 2e-05."


def test_weights_of_a_watched_loop_may_have_been_trained_before(tmp_path):
    network = nn.Linear(64, 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-5)
    watch = phoropter.watch(network, optimizer, folder=tmp_path, classes=10)
    for train, val in ((0.45, 0.30), (0.25, 0.26), (0.15, 0.25)):
        for _ in range(20):
            optimizer.step()
            watch.step(train)
        watch.epoch(val_loss=val)
    watch.close()
    codes = {finding.code for finding in phoropter.diagnose(tmp_path).findings}
    assert "lr-too-low" not in codes


@pytest.mark.parametrize("damage", ["{", "{}", '{"schema": 3}'])
def test_a_damaged_record_is_one_line(tmp_path, damage, capsys):
    trained(tmp_path / "run", passes=1)
    (tmp_path / "run" / "watch.json").write_text(damage, encoding="utf-8")
    assert main(["diagnose", str(tmp_path / "run")]) == 2
    assert "is damaged" in capsys.readouterr().err
