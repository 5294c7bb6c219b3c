"""Parts of the user's own from the first look to the model that is handed over."""

import sys
from pathlib import Path

import pytest

import phoropter
from phoropter.bundle.load import load
from phoropter.core.errors import BrokenContractError, InputError, PhoropterError
from phoropter.core.recipe import Recipe
from phoropter.metrics.function import metric

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, outputs, channels, size):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * size * size, 16), nn.ReLU(), nn.Linear(16, outputs)
        )

    def forward(self, images):
        return self.layers(images)
"""
SETTINGS = {
    "model.name": "nets.py:Net",
    "data.size": 8,
    "data.channels": 1,
    "train.epochs": 2,
    "train.patience": 0,
}


@pytest.fixture
def data(tmp_path, monkeypatch, write_digits):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "nets.py").write_text(NET)
    return write_digits(tmp_path / "data", each=25)


def test_a_network_of_ones_own_is_trained_exported_and_asked(data, tmp_path):
    run = phoropter.train(data, settings=SETTINGS)
    assert run.epochs == 2
    exported = phoropter.export(run.run, project=run.project)
    assert exported.verified
    asked = sorted(data.rglob("*.png"))[:3]
    rows = phoropter.predict(exported.bundle, asked)
    assert {row["prediction"] for row in rows} <= {"three", "eight", "nine"}


def test_a_bundle_runs_no_code_unless_it_is_told_to(data, tmp_path):
    run = phoropter.train(data, settings=SETTINGS)
    bundle = phoropter.export(run.run, project=run.project).bundle
    (tmp_path / "nets.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(InputError, match=r"made by 'nets.py:Net'; a bundle runs no code"):
        load(bundle, runtime="torch")
    assert load(bundle).verify() < 1e-3
    (tmp_path / "nets.py").write_text(NET)
    assert load(bundle, runtime="torch", own_code=True).verify() < 1e-6


def test_other_source_is_another_run_and_does_not_fit_old_weights(data, tmp_path):
    first = phoropter.train(data, settings=SETTINGS)
    assert phoropter.train(data, settings=SETTINGS).run == first.run
    (tmp_path / "nets.py").write_text(NET.replace("ReLU", "Tanh"))
    with pytest.raises(InputError, match="has changed since the run"):
        phoropter.export(first.run, project=first.project)
    assert phoropter.train(data, settings=SETTINGS).run != first.run


def test_a_weights_file_that_changed_is_another_run(data, tmp_path):
    settings = {**SETTINGS, "model.name": "mlp", "model.transfer": "finetune", "model.width": 8}
    first = phoropter.train(data, settings=settings)
    files = []
    for seed in (0, 1):
        run = phoropter.train(data, settings=settings, seed=seed)
        best = tmp_path / first.project / "runs" / run.run / "checkpoint" / "best.safetensors"
        files.append(best.read_bytes())
    mine = tmp_path / "mine.safetensors"
    runs = []
    for content in files:
        mine.write_bytes(content)
        run = phoropter.train(data, settings={**settings, "model.weights": str(mine)})
        runs.append(run.run)
    assert len(set(runs)) == 2


def test_frozen_features_come_from_the_weights_in_the_file(data, tmp_path):
    settings = {**SETTINGS, "model.name": "mlp", "model.width": 8}
    run = phoropter.train(data, settings={**settings, "model.transfer": "finetune"})
    best = tmp_path / run.project / "runs" / run.run / "checkpoint" / "best.safetensors"
    settings |= {"model.weights": str(best), "model.transfer": "features"}
    frozen = phoropter.train(data, settings=settings)
    exported = phoropter.export(frozen.run, project=frozen.project)
    assert exported.verified
    card = (Path(exported.bundle) / "README.md").read_text("utf-8")
    assert "pretrained weights `best.safetensors` (licence unknown)" in card
    best.unlink()
    assert load(exported.bundle, runtime="torch").verify() < 1e-6


def test_a_broken_network_ends_before_the_first_step(data, tmp_path):
    (tmp_path / "nets.py").write_text(NET.replace("16, outputs", "16, outputs + 1"))
    with pytest.raises(BrokenContractError, match="is needed"):
        phoropter.train(data, settings=SETTINGS)
    assert not list((tmp_path / "data.phoropter").rglob("run.json"))


@metric("classes", greater_is_better=True, range=(0.0, 1.0))
def worst_class(predictions):
    right = predictions.probabilities.argmax(1) == predictions.truth
    return min(right[predictions.truth == label].mean() for label in set(predictions.truth))


@metric("classes", greater_is_better=True)
def broken(predictions):
    message = "no such thing"
    raise ValueError(message)


def test_the_whole_project_goes_with_a_network_of_ones_own(data):
    recipe = Recipe().changed({key: SETTINGS[key] for key in SETTINGS if key != "train.patience"})
    result = phoropter.run(data, recipe=recipe, budget_s=12)
    assert result.baseline.primary.name == "accuracy"
    card = (Path(result.bundle) / "README.md").read_text("utf-8")
    assert "trained from scratch" in card


def test_a_metric_of_ones_own_decides(data):
    quick = {**SETTINGS, "model.name": "mlp", "model.pretrained": False}
    result = phoropter.run(data, metric=worst_class, settings=quick, budget_s=12)
    assert result.validation.primary.name == "worst_class"
    assert 0 <= result.test.primary.value <= 1
    assert result.why_primary == "Chosen by you."
    said = f"{result.test.primary.value:.2f}"
    page = Path(result.report).read_text("utf-8")
    headline = page[page.index('<header class="headline">') : page.index("</header>")]
    assert "<strong>worst_class</strong>" in headline
    assert said[:3] in headline
    assert "worst_class" in (Path(result.bundle) / "README.md").read_text("utf-8")


def test_a_metric_that_fails_is_told_before_training(data):
    with pytest.raises(PhoropterError, match="no such thing"):
        phoropter.run(data, metric=broken, budget_s=12)
