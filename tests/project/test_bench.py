"""Runs made on an opened project, without the line around them."""

import shutil
import time
from dataclasses import replace

import pytest

from phoropter.core.events import Note
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription
from phoropter.data.corrections import Correction, corrected, relabelled
from phoropter.improvement.loop import Loop
from phoropter.project.bench import ProjectBench
from phoropter.project.judging import evidence_of, judge_ensemble
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.reference import led_to
from phoropter.project.results import Step
from phoropter.training.execute import execute

MLP = Recipe().changed(
    {
        "data.size": 8,
        "data.channels": 1,
        "data.normalize": "data",
        "model.name": "mlp",
        "model.pretrained": False,
        "train.epochs": 20,
        "train.patience": 0,
        "train.numerics": "float32",
    }
)


@pytest.fixture
def bench(write_digits, tmp_path):
    """On 60 images, with a minute to go."""
    options = Options(write_digits(tmp_path / "d", each=20), tmp_path / "p.phoropter")
    with started(options, listener=lambda event: None) as project:
        yield ProjectBench(project, project.problem(), lambda: 60.0, None)


def turn_with(run):
    """A turn of the loop whose challenger was that run."""
    return Step(
        number=1,
        finding="idea",
        change={"model.name": "majority"},
        advice="",
        a="",
        b=run,
        metric="accuracy",
        delta=0.0,
        low=0.0,
        high=0.0,
        verdict="undecided",
        accepted=False,
        reason="",
        seconds=0.0,
    )


def test_a_run_that_was_cut_goes_on_and_is_read_anew(bench):
    bench.deadline = time.monotonic()
    cut = bench.run(MLP)
    assert bench.of(cut).summary.stopped_by == "budget"
    bench.deadline = None
    whole = bench.run(MLP)
    assert whole.run == cut.run
    assert bench.of(whole).summary.stopped_by == "finished"
    assert whole.score.value > cut.score.value
    assert whole.seconds > cut.seconds


def test_only_what_has_ended_is_planned_without_a_thought(bench):
    assert bench.planned(MLP, seconds=0.0, like=MLP) is None
    bench.deadline = time.monotonic()
    bench.run(MLP)
    assert bench.planned(MLP, seconds=0.0, like=MLP) is None
    bench.deadline = None
    bench.run(MLP)
    assert bench.planned(MLP, seconds=0.0, like=MLP) == MLP


def test_a_baseline_there_must_be(bench):
    assert bench.planned_baseline(MLP, seconds=-1.0) == MLP
    assert bench.planned_baseline(MLP, seconds=600.0) == MLP


def test_what_was_tried_is_known_by_its_recipe(bench):
    assert bench.tried_digests() == set()
    bench.run(MLP.changed({"model.name": "knn"}), role="ladder")
    assert bench.tried_digests() == set()
    candidate = bench.run(MLP.changed({"model.name": "majority"}), role="candidate")
    assert bench.tried_digests() == set()  # stopped here, it would have to be judged yet
    bench.project.notebook.record_step(turn_with(candidate.run))
    assert bench.tried_digests() == {MLP.changed({"model.name": "majority"}).digest}


def test_a_trial_is_judged_once_and_diagnosed(bench):
    worst = bench.run(MLP.changed({"model.name": "majority"}), role="ladder")
    better = bench.run(MLP.changed({"model.name": "logistic"}), role="baseline")
    assert worst.score.value == pytest.approx(1 / 3)
    first = bench.judge(worst, better)
    assert bench.judge(worst, better) == first
    assert bench.project.notebook.looks == 1
    assert all(finding.code for finding in bench.findings(better))


def test_members_trained_for_the_purpose_spend_no_look_at_ensembles(bench):
    runs = [bench.run(MLP.changed({"model.name": name})) for name in ("majority", "logistic")]
    sides, notebook = [bench.of(trial) for trial in runs], bench.project.notebook
    limits = []
    for finding in ("imbalance", "ensemble"):
        change = {"predict.ensemble": [{"seed": 1}]}
        notebook.record_step(replace(turn_with(runs[1].run), finding=finding, change=change))
        limits.append(judge_ensemble(*sides, notebook).threshold)
    assert limits == pytest.approx([0.01 / 2, 0.01 / 6])


def test_without_an_accepted_step_a_run_leads_to_itself(bench):
    trial = bench.run(MLP.changed({"model.name": "majority"}), role="baseline")
    assert led_to(bench.project, trial.run) == trial.run


def test_a_challenger_that_clearly_loses_is_stopped_and_continued_when_asked(bench, tmp_path):
    reference = bench.run(MLP.changed({"train.lr": 0.02}), role="baseline")
    hopeless = MLP.changed({"train.lr": 1e-7})
    stopped = bench.run(hopeless, against=reference)
    assert bench.of(stopped).summary.stopped_by == "losing"
    assert bench.of(stopped).summary.epochs < 20
    assert not stopped.cut
    assert bench.judge(reference, stopped).comparison.delta < 0
    bench.project.notebook.record_step(turn_with(stopped.run))
    assert hopeless.digest in bench.tried_digests()
    whole = bench.run(hopeless)
    assert (whole.run, bench.of(whole).summary.epochs) == (stopped.run, 20)
    fresh = execute(hopeless, bench.problem, runs=tmp_path / "fresh")
    names = ("predictions.parquet", "history.jsonl")
    assert all((bench.of(whole).path / n).read_bytes() == (fresh / n).read_bytes() for n in names)


def test_a_run_that_was_cut_may_be_tried_again_and_is_judged_anew(bench):
    reference = bench.run(MLP.changed({"model.name": "majority"}), role="baseline")
    bench.deadline = time.monotonic()
    cut = bench.run(MLP, against=reference)
    assert cut.cut
    before = bench.judge(reference, cut)
    bench.project.notebook.record_step(turn_with(cut.run))
    assert MLP.digest not in bench.tried_digests()
    bench.deadline = None
    whole = bench.run(MLP, against=reference)
    assert (whole.run, whole.cut) == (cut.run, False)
    assert MLP.digest in bench.tried_digests()
    again = bench.judge(reference, whole)
    assert again.comparison.delta == pytest.approx(whole.score.value - reference.score.value)
    assert again.comparison.looks == before.comparison.looks + 1


def test_what_was_tried_corrects_what_is_expected(bench):
    trial = bench.run(MLP, role="baseline")

    def offered():
        return {
            (finding.code, str(cure.change)): cure
            for finding in bench.findings(trial)
            for cure in finding.prescriptions
            if cure.change and cure.expected_gain
        }

    before = offered()
    (code, change), cure = next(iter(before.items()))
    step = replace(
        turn_with("other"), finding=code, change=cure.change, a=trial.run, delta=-0.05, low=-0.06,
        high=-0.04,
    )  # fmt: skip
    bench.project.notebook.record_step(step)
    after = offered()[code, change]
    assert after.expected_gain < before[code, change].expected_gain
    assert after.measured == "Tried once here: -0.0500 on average."
    kinds = [one.measured for one in offered().values()]
    assert kinds.count("") == len(before) - 1


def test_the_evidence_has_what_was_recorded_inside_the_network(bench):
    record = bench.of(bench.run(MLP.changed({"train.epochs": 3})))
    evidence = evidence_of(record, {})
    assert [row.epoch for row in evidence.signals] == [1, 2, 3]
    assert evidence.dynamics is not None
    assert evidence.train_predictions is not None
    assert evidence.dynamics.losses.shape == (4, len(evidence.train_predictions))
    assert evidence.images
    classic = bench.of(bench.run(MLP.changed({"model.name": "majority"})))
    assert evidence_of(classic, {}).signals == ()
    assert evidence_of(classic, {}).dynamics is None


def test_a_change_that_a_loss_of_ones_own_cannot_take_does_not_end_the_loop(bench, monkeypatch):
    reference = bench.run(
        MLP.changed({"train.loss": "torch.nn:MultiMarginLoss", "train.epochs": 1}), role="baseline"
    )
    changes = [{"train.class_weights": "balanced"}, {"model.name": "majority"}]
    cures = [Prescription(change, "Change it.", 0.1, 1.0, "") for change in changes]
    finding = Finding("imbalance", "warning", 1.0, "", {}, tuple(cures))
    monkeypatch.setattr(ProjectBench, "findings", lambda self, trial: (finding,))
    notes = []
    loop = Loop(bench, reference, True, lambda: 60.0, listener=notes.append)
    (turn,) = loop.turns()
    assert turn.challenger.recipe.model.name == "majority"
    (note,) = [event for event in notes if isinstance(event, Note)]
    assert note.text.startswith("Left out: --set train.class_weights=balanced. The loss ")


def test_the_loop_goes_on_from_a_mean_of_several_by_changing_its_first_network(bench):
    others = [{"seed": 1}, {"seed": 2}]
    mean = bench.run(MLP.changed({"predict.ensemble": others}), role="baseline")
    turn = next(Loop(bench, mean, True, lambda: 60.0).turns())
    assert turn.reference == mean
    assert not turn.challenger.recipe.predict.ensemble
    assert turn.challenger.recipe != MLP


def test_what_was_tried_on_labels_since_corrected_is_tried_again(bench):
    opened = bench.project
    tried = bench.run(MLP.changed({"model.name": "majority"}))
    opened.notebook.record_step(turn_with(tried.run))
    assert bench.tried_digests() == {tried.recipe.digest}
    mended = corrected(opened.found, [relabelled_sample(bench.problem)])
    opened = replace(opened, dataset=mended)
    assert ProjectBench(opened, opened.problem(), lambda: 60.0, None).tried_digests() == set()


def relabelled_sample(problem):
    """A correction of the first sample of the validation part."""
    name = problem.split.table.filter(part="val")["id"][0]
    label = "eight" if name.startswith("three") else "three"
    return Correction(name, "Wrong.", relabelled(label), accepted=True)


@pytest.mark.parametrize("file", ["history.jsonl", "run.json", None])
def test_a_judged_run_that_goes_on_or_is_gone_does_not_stand_in_the_way(bench, file):
    """Stopped while it goes on, its history is longer than its summary says."""
    bench.deadline = time.monotonic()
    cut = bench.run(MLP)
    bench.project.notebook.record_step(turn_with(cut.run))
    folder = bench.of(cut).path
    if file == "history.jsonl":
        (folder / file).write_text((folder / file).read_text("utf-8") * 2, "utf-8")
    elif file is None:
        shutil.rmtree(folder)
    else:
        (folder / file).unlink()
    anew = ProjectBench(bench.project, bench.problem, lambda: 60.0, None)
    assert anew.tried_digests() == set()
    assert not anew.run(MLP).cut
    assert anew.tried_digests() == {MLP.digest}
