"""Every rule on real runs: it speaks on its fault and is silent on healthy ones."""

import pytest

from phoropter.core.registry import load
from phoropter.diagnosis.diagnose import diagnose

HEALTHY = (
    "healthy mlp",
    "healthy mlp, constant rate",
    "healthy cnn",
    "healthy cnn, momentum",
    "healthy linear",
    "healthy, early stop",
    "healthy, smoothed",
    "healthy, few images",
    "healthy values",
    "healthy values, noisy",
)

SICK = {
    "rate x100": "lr-too-high",
    "rate x100, constant": "lr-too-high",
    "rate x100, momentum": "lr-too-high",
    "nan": "diverged",
    "rate /1000": "lr-too-low",
    "rate /100": "lr-too-low",
    "rate /1000, momentum": "lr-too-low",
    "rate /1000, values": "lr-too-low",
    "two epochs": "undertrained",
    "one epoch": "undertrained",
    "five epochs, constant": "undertrained",
    "narrow deep net": "underfit",
    "100 images": "overfit",
    "values, 60 images": "overfit",
    "shuffled labels": "overfit",
    "constant input": "plateau",
    "rare classes": "class-imbalance",
    "nearly one class": "majority-collapse",
}

EXCLUDED = {
    "nan": {"underfit", "plateau", "majority-collapse", "undertrained"},
    "rate x100": {"underfit", "undertrained", "overfit"},
    "rate /1000": {"underfit", "undertrained", "plateau", "overfit"},
    "100 images": {"underfit", "undertrained", "lr-too-low", "lr-too-high"},
    "two epochs": {"underfit", "overfit", "lr-too-low", "lr-too-high"},
    "narrow deep net": {"overfit", "lr-too-low", "lr-too-high", "plateau"},
    "shuffled labels": {"underfit", "undertrained"},
}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_runs_have_nothing_but_infos(run_of, name):
    loud = [item for item in diagnose(run_of(name)) if item.severity != "info"]
    assert not loud, [item.message for item in loud]


@pytest.mark.parametrize("name", SICK)
def test_a_fault_is_found(run_of, name):
    loud = {item.code for item in diagnose(run_of(name)) if item.severity != "info"}
    assert SICK[name] in loud
    assert not loud & EXCLUDED.get(name, set())


def test_a_rise_after_the_kept_weights_is_only_noted_where_these_generalise(run_of):
    run = run_of("noisy labels")
    (found,) = load("phoropter.rules", "overfit")(run)
    assert found.severity == "info"
    assert found.evidence["val_loss_rise"] > 0.25
    assert {item.code for item in diagnose(run)} == {"label-noise"}


@pytest.mark.parametrize("name", ["rate x100", "100 images", "two epochs", "nan"])
def test_findings_carry_json_numbers_and_an_epoch_to_mark(run_of, name):
    import json

    from phoropter.core.files import plain

    for item in diagnose(run_of(name)):
        assert 0 <= item.confidence <= 1
        assert item.message.endswith(".")
        json.dumps(plain(item), allow_nan=False)
        if item.code in {"lr-too-high", "overfit", "undertrained", "diverged"}:
            epochs = {row.epoch for row in run_of(name).history}
            assert item.evidence["mark_epoch"] in epochs


def test_every_finding_that_matters_has_a_prescription_for_real_runs(run_of):
    from phoropter.improvement.prescriptions.prescribe import prescribe

    for name in ("rate x100", "rate /1000", "two epochs", "100 images", "rare classes"):
        run = run_of(name)
        for item in diagnose(run):
            if item.severity != "info":
                assert any(cure.change for cure in prescribe(item, run).prescriptions), item.code


@pytest.mark.parametrize("name", ["rate x100", "rate /1000", "rate /1000, momentum", "two epochs"])
def test_the_first_prescription_cures_the_run(name, run_of, trainer):
    """The verdict is by the oracle loop: the changed recipe is trained and scores better."""
    from dataclasses import replace

    from phoropter.improvement.prescriptions.prescribe import prescribe

    sick = run_of(name)
    first = prescribe(diagnose(sick)[0], sick).prescriptions[0]
    setup = trainer.setups()[name]
    cured = trainer.Plain(replace(setup, change={**setup.change, **first.change})).fit()
    best = [max(row.val_metric for row in run.history) for run in (sick, cured)]
    assert best[1] > best[0] + 0.05, first.advice
