"""Ensembles of runs on an opened project: made, compared, tested, exported, rebuilt."""

from dataclasses import replace

import numpy as np
import pytest

import phoropter
from phoropter.bundle.load import load
from phoropter.core.errors import UsageError
from phoropter.core.predictions import read_predictions
from phoropter.core.recipe import Recipe
from phoropter.data.corrections import Correction, corrected, relabelled
from phoropter.metrics import named
from phoropter.models.build import build_trunk
from phoropter.project.bench import ProjectBench
from phoropter.project.combination import combination, redecoded
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.results import Step
from phoropter.project.run_record import read_run
from phoropter.project.steering import Steering, steered
from phoropter.training.execute import predicted

MLP = Recipe().changed(
    {
        "data.size": 8,
        "data.channels": 1,
        "data.resize": "stretch",
        "data.normalize": "data",
        "model.name": "mlp",
        "model.pretrained": False,
        "train.epochs": 12,
        "train.patience": 0,
        "train.numerics": "float32",
    }
)
FOREST = {"model.name": "random_forest", "data.normalize": "none"}


def make_project(folder, write_digits):
    """Three members, which normalise differently, and their ensemble."""
    options = Options(write_digits(folder / "d", each=40), folder / "p.phoropter")
    with started(options, listener=lambda event: None) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        reference = bench.run(MLP, role="baseline")
        bench.run(MLP.changed({"seed": 1}))
        bench.run(MLP.changed(FOREST), role="ladder")
        both = MLP.changed({"predict.ensemble": [{"seed": 1}, FOREST, FOREST]})
        trial = bench.run(both)
        return reference.run, trial.run


@pytest.fixture(scope="module")
def made(shared, write_digits):
    """The project, the reference and the ensemble; not to be changed."""
    folder, names = shared("ensemble", lambda folder: make_project(folder, write_digits))
    return folder / "p.phoropter", *names


def test_its_predictions_are_the_mean_of_its_members(made):
    project, _, run = made
    record = read_run(project / "runs" / run)
    parts = [
        read_predictions(project / "runs" / name / "predictions.parquet")
        for name in record.summary.members
    ]
    assert len(parts) == 4
    assert len(set(record.summary.members)) == 3
    expected = sum(part.probabilities for part in parts) / 4
    np.testing.assert_allclose(record.predictions.probabilities, expected, atol=1e-12)
    assert record.recipe.members[2] == MLP.changed(FOREST)


def test_a_bundle_answers_as_the_members_do_together(made, tmp_path):
    project, _, run = made
    exported = phoropter.export(run, project=project, to=tmp_path / "bundle")
    assert exported.verified > 0
    with started(Options(project.parent / "d", project), listener=lambda event: None) as opened:
        problem = opened.problem()
        said = predicted(project / "runs" / run, problem, problem.rows("val"))
    files = [project.parent / "d" / name for name in said.ids]
    for runtime in ("onnx", "torch"):
        bundle = load(tmp_path / "bundle", runtime=runtime)
        assert bundle.verify() < 1e-4
        rows = bundle.predict(files)
        spoken = [[row["probabilities"][name] for name in said.classes] for row in rows]
        np.testing.assert_allclose(spoken, said.probabilities, atol=1e-4)
    assert "4 members" in (tmp_path / "bundle" / "README.md").read_text("utf-8")


def test_heads_on_one_frozen_trunk_share_it(write_digits, tmp_path):
    """Two classic models and a head on the same features: one trunk in the file, not three."""
    frozen = Recipe().changed(
        {
            "data.size": 32,
            "train.epochs": 3,
            "train.lr": 0.01,
            "predict.ensemble": [
                {"model.name": "logistic", "model.backbone": "efficientnet_lite0"},
                {"model.name": "knn", "model.backbone": "efficientnet_lite0"},
            ],
        }
    )
    options = Options(write_digits(tmp_path / "d", each=12), tmp_path / "p.phoropter")
    with started(options, listener=lambda event: None) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        run = bench.run(frozen).run
        problem = project.problem()
        said = predicted(project.folder.runs / run, problem, problem.rows("val"))
    together = phoropter.export(run, project=tmp_path / "p.phoropter", to=tmp_path / "together")
    assert together.verified > 0
    trunk, _ = build_trunk("efficientnet_lite0", pretrained=False, channels=3, size=32)
    trunk_bytes = sum(tensor.nbytes for tensor in trunk.state_dict().values())
    assert (tmp_path / "together" / "model.safetensors").stat().st_size < 1.2 * trunk_bytes
    files = [tmp_path / "d" / name for name in said.ids]
    for runtime in ("onnx", "torch"):
        rows = load(tmp_path / "together", runtime=runtime).predict(files)
        spoken = [[row["probabilities"][name] for name in said.classes] for row in rows]
        np.testing.assert_allclose(spoken, said.probabilities, atol=2e-4)


def test_it_is_evaluated_diagnosed_and_compared_like_any_run(made):
    project, reference, run = made
    result = phoropter.evaluate(run, project=project)
    assert result.epochs == 0
    assert phoropter.diagnose(run, project=project).run == run
    verdict = phoropter.compare(reference, run, project=project)
    assert (
        verdict.delta
        == pytest.approx(
            result.metrics[0].value
            - phoropter.evaluate(reference, project=project).metrics[0].value
        )
        or verdict.metric != result.metrics[0].name
    )
    with pytest.raises(UsageError, match="is an ensemble"):
        phoropter.evaluate(run, project=project, epoch=3)


def test_what_was_trained_anyway_is_put_together(made):
    project, _, _ = made
    with started(Options(project.parent / "d", project), listener=lambda event: None) as opened:
        bench = ProjectBench(opened, opened.problem(), lambda: 60.0, None)
        trial = bench.run(MLP, role="baseline")
        for name in ("logistic", "knn"):
            bench.run(MLP.changed({**FOREST, "model.name": name}), role="ladder")
        found = bench.combined(trial)
        assert found is not None
        candidate, recipe = found
        assert MLP.changed(candidate.change) == recipe
        names = {member.model.name for member in recipe.members}
        assert len(recipe.members) > 1
        assert names <= {"mlp", "random_forest", "logistic", "knn"}
        judged = bench.judge(trial, bench.run(recipe))
        assert judged.threshold == pytest.approx(0.005)
        assert judged.score_delta < 0
        rivals = [read_run(path) for path in (project / "runs").iterdir()]
        record = bench.of(trial)
        assert combination(rivals, record, record.summary.schema).recipe == recipe
        assert combination(rivals, sure(record), record.summary.schema) is None


def test_the_loop_and_the_user_compare_what_the_members_were_not_chosen_by(write_digits, tmp_path):
    project = tmp_path / "p.phoropter"
    with started(
        Options(write_digits(tmp_path / "d", each=40), project), listener=lambda event: None
    ) as opened:
        bench = ProjectBench(opened, opened.problem(), lambda: 60.0, None)
        first = bench.run(MLP, role="baseline")
        for name in ("random_forest", "logistic", "knn"):
            bench.run(MLP.changed({**FOREST, "model.name": name}), role="ladder")
        candidate, recipe = bench.combined(first)
        trial = bench.run(recipe)
        judged = bench.judge(first, trial)
        step = noted_step(candidate, judged.comparison)
        opened.notebook.record_step(step)
        # Another process knows the files alone.
        again = ProjectBench(opened, opened.problem(), lambda: 60.0, None)
        record = again.of(trial)
        said = [named("log_loss")(one) for one in (record.honest, record.predictions)]
        assert said[0] > said[1]  # the latter chose the members
        assert judged.score_delta == pytest.approx(said[0] - first.loss)
        assert again.judge(first, trial) == replace(judged, threshold=0.025 / 2)
        taken = steered(again, first, Steering(accept=1))
        assert taken.run == trial.run
        assert opened.notebook.steps()[-1].delta == step.delta
        warm = again.run(recipe.changed({"predict.calibration": "temperature"}), against=trial)
        flattered = [named("log_loss")(again.of(one).predictions) for one in (trial, warm)]
        found = again.judge(trial, warm)  # the same networks
        assert found.score_delta == pytest.approx(flattered[1] - flattered[0])
        honest, said = again.of(warm).honest, again.of(warm).predictions
        assert named("log_loss")(honest) > named("log_loss")(said)  # with members of their own
        assert again.judge(first, warm).score_delta == pytest.approx(
            named("log_loss")(honest) - first.loss
        )
        twice = warm.recipe.changed({"predict.threshold": "cost(nine>three=2)"})
        schema = record.summary.schema
        assert redecoded(again.of(warm), twice, schema) is None  # it is decoded already
        assert redecoded(record, recipe.changed({"predict.tta": 2}), schema) is None
    by_hand = phoropter.compare(first.run, trial.run, project=project)
    assert (by_hand.delta, by_hand.looks) == (step.delta, 1)


def noted_step(candidate, comparison):
    """The turn of the loop that refused an ensemble."""
    told = {key: getattr(comparison, key) for key in ("a", "b", "metric", "delta", "low", "high")}
    return Step(
        number=1,
        finding=candidate.finding,
        change=candidate.change,
        advice=candidate.advice,
        verdict=comparison.verdict,
        accepted=False,
        reason="",
        seconds=0.0,
        **told,
    )


def test_what_was_trained_on_labels_since_corrected_is_left_out(write_digits, tmp_path):
    """The truth of such runs is another one, so they cannot even be compared."""
    names = ("logistic", "knn", "random_forest")
    others = [MLP.changed({**FOREST, "model.name": name}) for name in names]
    options = Options(write_digits(tmp_path / "d", each=40), tmp_path / "p.phoropter")
    with started(options, listener=lambda event: None) as project:
        problem = project.problem()
        bench = ProjectBench(project, problem, lambda: 60.0, None)
        trials = [bench.run(recipe) for recipe in (MLP, *others)]
        assert bench.combined(trials[0]) is not None
        name = problem.split.table.filter(part="val")["id"][0]
        label = relabelled("eight" if name.startswith("three") else "three")
        mended = corrected(project.found, [Correction(name, "Wrong.", label, accepted=True)])
        today = replace(project, dataset=mended)
        bench = ProjectBench(today, today.problem(), lambda: 60.0, None)
        reference = bench.run(MLP.changed({"train.epochs": 1}))
        assert bench.combined(reference) is None
        for recipe in others:
            bench.run(recipe)
        found = bench.combined(reference)
        assert found is not None
        assert bench.judge(reference, bench.run(found[1])).score_delta < 0


def sure(record):
    """As if it were right everywhere, beyond doubt."""
    truth = record.predictions.truth
    probabilities = np.full(record.predictions.probabilities.shape, 1e-6)
    probabilities[np.arange(len(truth)), truth] = 1.0
    return replace(record, predictions=replace(record.predictions, probabilities=probabilities))


def test_members_must_see_the_same_pixels(made):
    project, _, _ = made
    with started(Options(project.parent / "d", project), listener=lambda event: None) as opened:
        bench = ProjectBench(opened, opened.problem(), lambda: 60.0, None)
        with pytest.raises(UsageError, match="must see the same pixels"):
            bench.run(MLP.changed({"predict.ensemble": [{**FOREST, "data.size": 4}]}))


@pytest.mark.parametrize(
    "members", [[{"predict.ensemble": []}], [{"task": "regression"}], [{"train.lrr": 1}]]
)
def test_what_no_member_can_be(members):
    with pytest.raises(UsageError, match=r"ensemble|train\.lrr"):
        MLP.changed({"predict.ensemble": members})
