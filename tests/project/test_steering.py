"""The user's word on the loop's steps, on a project with one refused step."""

import pytest

from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription
from phoropter.project.bench import ProjectBench
from phoropter.project.conclusion import concluded
from phoropter.project.folder import Folder
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.pins import keep_pins, left_alone, read_pins, restored
from phoropter.project.reference import reference_so_far, standing
from phoropter.project.results import Step
from phoropter.project.steering import Steering, steered

LOGISTIC = Recipe().changed(
    {
        "data.size": 8,
        "data.channels": 1,
        "data.normalize": "none",
        "model.name": "logistic",
        "model.pretrained": False,
    }
)


@pytest.fixture
def bench(write_digits, tmp_path):
    """Logistic regression, against which k nearest neighbours were refused."""
    options = Options(write_digits(tmp_path / "d", each=20), tmp_path / "p.phoropter")
    with started(options, listener=lambda event: None) as project:
        bench = ProjectBench(project, project.problem(), lambda: 60.0, None)
        first = bench.run(LOGISTIC, role="baseline")
        other = bench.run(LOGISTIC.changed({"model.name": "knn"}))
        comparison = bench.judge(first, other).comparison
        project.notebook.record_step(
            Step(
                number=1,
                finding="idea",
                change={"model.name": "knn"},
                advice="Take neighbours.",
                a=first.run,
                b=other.run,
                metric=comparison.metric,
                delta=comparison.delta,
                low=comparison.low,
                high=comparison.high,
                verdict=comparison.verdict,
                accepted=False,
                reason="Not shown to help.",
                seconds=1.0,
            )
        )
        yield bench


def so_far(bench):
    return standing(bench, reference_so_far(bench.project))


def test_a_refused_step_is_taken_and_taken_back(bench):
    first = so_far(bench)
    taken = steered(bench, first, Steering(accept=1))
    assert taken.recipe.model.name == "knn"
    assert so_far(bench) == taken
    steps = bench.project.notebook.steps()
    assert (steps[-1].finding, steps[-1].accepted) == ("steering", True)
    assert steps[-1].reason == "Accepted by you: step 1."
    assert (steps[-1].a, steps[-1].b, steps[-1].delta) == (first.run, taken.run, steps[0].delta)
    back = steered(bench, taken, Steering(refuse=2))
    assert back == first
    assert so_far(bench) == first
    sentence, *_ = concluded(bench.of(first), {}, bench.project.notebook.steps())
    assert "none of the 1 changes" in sentence
    assert sentence.endswith("You decided 2 of the steps yourself.")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Steering(accept=7), "There is no step 7; the steps are 1 to 1"),
        (Steering(refuse=1), "Step 1 was refused already"),
    ],
)
def test_words_that_make_no_sense(bench, asked, message):
    with pytest.raises(UsageError, match=message):
        steered(bench, so_far(bench), asked)
    assert len(bench.project.notebook.steps()) == 1


def test_what_is_accepted_is_not_accepted_again(bench):
    taken = steered(bench, so_far(bench), Steering(accept=1))
    with pytest.raises(UsageError, match="Step 2 was accepted already"):
        steered(bench, taken, Steering(accept=2))
    assert steered(bench, taken, Steering(accept=1)) == taken  # it is there already
    assert len(bench.project.notebook.steps()) == 2


def test_pinned_keys_are_kept_and_released(tmp_path):
    folder = Folder(tmp_path)
    assert keep_pins(folder, pin=["train", "data.size"], unpin=[]) == ("data.size", "train")
    assert keep_pins(folder, pin=[], unpin=["train"]) == ("data.size",)
    assert read_pins(folder) == ("data.size",)
    for pin, unpin in ((["data.width"], []), ([], ["train"])):
        with pytest.raises(UsageError):
            keep_pins(folder, pin=pin, unpin=unpin)
    assert read_pins(folder) == ("data.size",)
    (tmp_path / "steering.yaml").write_text("pinned: {")
    with pytest.raises(CorruptFileError, match=r"steering\.yaml"):
        read_pins(folder)


def test_nothing_is_prescribed_for_pinned_keys(bench):
    cures = tuple(
        Prescription(change, "", 0.1, 1.0, "")
        for change in ({"train.lr": 0.1}, {"data.size": 32, "train.epochs": 3}, {"model.width": 8})
    )
    finding = Finding("overfit", "info", 0.5, "", {}, cures)
    (left,) = left_alone([finding], ("train", "model.name"))
    assert [cure.change for cure in left.prescriptions] == [{"model.width": 8}]
    assert left_alone([finding], ()) == (finding,)
    bench.pins = ("model",)
    trial = so_far(bench)
    changed = {
        key
        for found in bench.findings(trial)
        for cure in found.prescriptions
        for key in cure.change
    }
    assert not any(key.startswith("model") for key in changed)
    bench.pins = ("predict.ensemble",)
    assert bench.combined(trial) is None


def test_a_search_brings_back_what_is_pinned():
    base, found = Recipe(), Recipe().changed({"train.lr": 0.5, "data.size": 64})
    assert restored(found, base, ("train",)) == Recipe().changed({"data.size": 64})
    assert restored(found, base, ()) == found
    ensemble = base.changed({"predict.tta": 2, "predict.ensemble": [{"seed": 1}]})
    assert restored(found, ensemble, ("predict",)) == found.changed({"predict.tta": 2})
