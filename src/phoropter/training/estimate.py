"""How long a recipe will take on this machine: a few steps are timed, the rest is arithmetic."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from torch import nn

from phoropter.core.events import Listener, silent
from phoropter.core.recipe import Recipe
from phoropter.core.records import Rows
from phoropter.core.seed import generator
from phoropter.data.memory import MemoryInputs
from phoropter.data.streaming import square_shape
from phoropter.models.build import build, build_trunk, untrained
from phoropter.models.catalog import frozen_trunk
from phoropter.models.classic_linear import logistic_s
from phoropter.models.network import Network
from phoropter.models.preprocessing import preprocessing
from phoropter.prediction.features import DeepFeatures
from phoropter.prediction.run import outputs
from phoropter.prediction.views import further_views
from phoropter.training.execute import is_classic, train_eval_rows, training_data
from phoropter.training.gates import INITIAL_S, INITIAL_SAMPLES
from phoropter.training.head_start import HEADS, as_frozen, starts_head
from phoropter.training.memorising import GRADIENT_STEPS, MOST_SAMPLES
from phoropter.training.pace import Pace, paced
from phoropter.training.plan import make_plan
from phoropter.training.problem import Problem
from phoropter.training.records import LEAST_TRAIN_EVAL_ROWS, TrainingData
from phoropter.training.sources import Source, frozen, has_views, open_images
from phoropter.training.surviving import audit_s
from phoropter.training.undersampling import learnt_from

_LEAST_EPOCHS = 3
"""A shorter run cannot finish its warm-up and decay, and says nothing about the change."""

LEAST_SHARE = 0.6
"""Share of the wanted epochs below which a comparison would be one of run lengths."""

_MARGIN = 0.85
"""Share of the time that is planned. Of twenty predictions on two sets the lowest, on a quiet
machine, were .84 and .85 of what it took. What the end cuts is judged by its best pass, but there
its rate had not decayed yet."""

_CHEAP_S = 5.0
"""Enough for a model on features that are kept already."""

_CLASSIC_S = 0.5
"""Of the fit of a classic model other than logistic regression: they need no iterations."""

_RECORDS_S = 0.1
"""Of building the network and of writing records."""

_ANSWERS_A_STEP = 5
"""Times what a sample's answer takes, in a step that a batch is memorised by: forwards in training
mode, backwards through all layers, and Adam. It was 4.6 to 5.5 for EfficientNet-Lite0, 128 to 288
px, and 3.6 in the steps of a run, which are larger."""

_PROBED = 8
"""Images in the first of two timed calls."""

_TIMES_MORE = 3
"""As many in the second."""

_MANY_PROBED = 240
"""Images after a third timed call, where there are so many."""

_MOST_PROBED_S = 5.0
"""That the third call may be expected to take. Its features are kept, so it costs nothing where the
run is made; of two short calls the second one may take three times as long as it should."""

_PROBED_NUMBERS = 2**20
"""Pixels of a forward pass that is timed: enough that starting it does not count."""

_NOTHING: Rows = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Predicted seconds of a run, measured on one batch.

    Args:
        epoch_s: Of a pass and of the measurements after it.
        closing_s: Of everything before the first pass and after the last.
    """

    epoch_s: float
    closing_s: float

    def total(self, epochs: int) -> float:
        """Seconds of a run of that many passes."""
        return epochs * self.epoch_s + self.closing_s


def shortened(
    recipe: Recipe,
    problem: Problem,
    *,
    seconds: float,
    least_share: float = LEAST_SHARE,
    listener: Listener,
) -> Recipe | None:
    """The recipe with as many epochs as fit into `seconds`; None if too few do.

    The schedule is part of the recipe, so a shortened run still warms up and decays.

    Args:
        recipe: What is wanted.
        problem: On what.
        seconds: It must end within.
        least_share: Share of the wanted epochs that must fit.
        listener: Told of decoding and the like.
    """
    if seconds < _CHEAP_S:
        return None
    if is_classic(recipe) or frozen_trunk(recipe):
        needed, available = max(_fit_s(recipe, problem), _CHEAP_S), _MARGIN * seconds
        if needed + least_features_s(recipe, problem) > available:
            return None
        needed += features_s(recipe, problem, listener=listener)
        return recipe if needed <= available else None
    least = max(least_share, min(_LEAST_EPOCHS / recipe.train.epochs, 1.0))
    needed = least * least_s(recipe, problem)
    if needed > seconds or needed + _least_head_s(recipe, problem) > seconds:
        return None
    expected = estimate(recipe, problem, listener=listener)
    available = _MARGIN * seconds - expected.closing_s - _head_s(recipe, problem, listener=listener)
    affordable = int(available / expected.epoch_s)
    if affordable >= recipe.train.epochs:
        return recipe
    if affordable < least * recipe.train.epochs:
        return None
    return recipe.changed({"train.epochs": affordable})


def features_s(
    recipe: Recipe, problem: Problem, *, listener: Listener, rows: Rows | None = None
) -> float:
    """Seconds until the features of these samples are there, measured on a few that are kept.

    Args:
        recipe: Whose features.
        problem: Of what.
        listener: Told of decoding and the like.
        rows: Of which samples; None: of all.
    """
    lacking = _lacking(recipe, problem, rows=rows, listener=listener)
    deep, missing = max(lacking, key=lambda pair: len(pair[1]), default=(None, _NOTHING))
    if deep is None or len(missing) <= 2 * _PROBED:
        return 0.0
    loading_s, each_s = _loading_and_each_s(deep, problem, missing)
    waiting = [len(rows) for _, rows in lacking if len(rows)]
    return len(waiting) * loading_s + sum(waiting) * each_s


def least_features_s(recipe: Recipe, problem: Problem, *, rows: Rows | None = None) -> float:
    """The same without loading and decoding, for which nothing is decoded.

    0.0 where the statistics of the pixels are needed, which are known once all are.
    """
    if recipe.data.normalize == "data":
        return 0.0
    lacking = _lacking(recipe, problem, rows=rows, listener=silent)
    deep, missing = max(lacking, key=lambda pair: len(pair[1]), default=(None, _NOTHING))
    if deep is None or len(missing) <= 2 * _PROBED:
        return 0.0
    each_s = deep.waiting_s(problem.dataset, missing) / len(missing)
    return sum(len(rows) for _, rows in lacking) * each_s


def _lacking(
    recipe: Recipe, problem: Problem, *, rows: Rows | None, listener: Listener
) -> list[tuple[DeepFeatures, Rows]]:
    """The features that a recipe is made of, and the rows that have none yet."""
    if frozen_trunk(recipe) in {"", "pixels"}:
        return []
    everything = np.arange(len(problem.dataset), dtype=np.int64)
    wanted = [(frozen(recipe, problem, listener=listener), everything if rows is None else rows)]
    if has_views(recipe):
        wanted += [
            (frozen(recipe, problem, view=seen, listener=listener), problem.rows("train"))
            for seen in further_views(recipe.data)
        ]
    return [(deep, deep.missing(problem.dataset, rows)) for deep, rows in wanted]


def _loading_and_each_s(deep: DeepFeatures, problem: Problem, missing: Rows) -> tuple[float, float]:
    """Seconds until the network is there, and for the features of one image, from a few of them.

    The difference of two calls leaves out what each spends on loading the network; so the last
    one gets ten times as many images where there are. Three times as many take at most three times
    as long: where they took longer, something else was at work, and others are timed.
    """

    def timed(rows: Rows) -> float:
        begun = time.perf_counter()
        deep(problem.dataset, rows)
        return time.perf_counter() - begun

    few_s = timed(missing[:_PROBED])
    more = missing[_PROBED : (1 + _TIMES_MORE) * _PROBED]
    whole_s = timed(more)
    at, size = _PROBED + len(more), len(more)
    while whole_s > _TIMES_MORE * few_s and at + size <= min(_MANY_PROBED // 2, len(missing)):
        whole_s = min(whole_s, timed(missing[at : at + size]))
        at += size
    rest = missing[at:_MANY_PROBED]
    rest_s = (whole_s - few_s) / (size - _PROBED) * len(rest)
    if rest_s < _MOST_PROBED_S and len(missing) > _MANY_PROBED:
        more, whole_s = rest, timed(rest)
    each_s = max(whole_s - few_s, 0.25 * whole_s) / (len(more) - _PROBED)
    return max(whole_s - len(more) * each_s, 0.0), each_s


def least_s(recipe: Recipe, problem: Problem) -> float:
    """Seconds below which the run will hardly end, from a forward pass of a few images.

    A training step is about three forward passes, and little more than one where the lower layers
    stay as they are; one less is counted, for the bound to be one from below. After each pass the
    validation samples and some of the training samples are answered. So a second tells that a large
    network will not fit, where timing its training steps would take longer than is left.
    """
    learnt = learnt_from(recipe, problem)
    answered = len(problem.rows("val")) + len(train_eval_rows(recipe, learnt))
    answered += (1 if recipe.train.frozen else 2) * len(learnt.rows("train"))
    each_s = forward_s(recipe, problem) / len(problem.rows("train"))
    return answered * each_s * recipe.train.epochs


def forward_s(recipe: Recipe, problem: Problem) -> float:
    """Seconds that the recipe's network takes to answer all training images, timed on a few.

    What they show does not matter: to decode those of a large set takes longer than to ask.
    """
    wanted = preprocessing(recipe, pixel_mean=(0.0,), pixel_std=(1.0,))
    shape = square_shape(wanted)
    network = build(recipe, problem.schema)
    train = problem.rows("train")
    count = max(_PROBED, min(_batch(recipe, train), _PROBED_NUMBERS // math.prod(shape)))
    noise = generator(recipe.seed, "probe").integers(0, 256, (count, *shape), dtype=np.uint8)
    source = Source(MemoryInputs(noise), wanted, wanted.normalization, "")
    return _forward_s(network, source, np.arange(count, dtype=np.int64)) * len(train)


def views_s(recipe: Recipe, problem: Problem) -> float:
    """Seconds until a frozen network has seen further views of all that a run is asked about."""
    trunk = frozen_trunk(recipe)
    if recipe.predict.tta == 1 or trunk in {"", "pixels"}:
        return 0.0
    whole = recipe.changed({"model.name": trunk, "model.transfer": "finetune"})
    train = len(problem.rows("train"))
    asked = len(problem.rows("test")) + len(problem.rows("val"))
    asked += min(train, max(len(problem.rows("val")), LEAST_TRAIN_EVAL_ROWS))
    each = forward_s(whole, problem) / train
    return (recipe.predict.tta - 1) * asked * each


def expected_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds that a run will take, what is kept on disk already left out."""
    waiting = features_s(recipe, problem, listener=listener)
    waiting += _fit_s(recipe, problem)
    if is_classic(recipe):
        return waiting + _RECORDS_S
    waiting += _head_s(recipe, problem, listener=listener)
    waiting += views_s(recipe, problem)
    return waiting + estimate(recipe, problem, listener=listener).total(recipe.train.epochs)


def _head_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds until a head is fitted that fine-tuning starts from."""
    kind = problem.schema.kind
    if not starts_head(recipe) or kind not in HEADS:
        return 0.0
    head = as_frozen(recipe)
    waiting = features_s(head, problem, listener=listener, rows=problem.rows("train"))
    fitted = head.changed({"model.name": HEADS[kind], "model.backbone": frozen_trunk(head)})
    return waiting + _fit_s(fitted, problem)


def _least_head_s(recipe: Recipe, problem: Problem) -> float:
    """Seconds that the features of that head take at least."""
    if not starts_head(recipe) or problem.schema.kind not in HEADS:
        return 0.0
    return least_features_s(as_frozen(recipe), problem, rows=problem.rows("train"))


def _fit_s(recipe: Recipe, problem: Problem) -> float:
    """Seconds of a classic model's fit; 0.0 for other models."""
    if not is_classic(recipe):
        return 0.0
    if recipe.model.name != "logistic":
        return _CLASSIC_S
    width = _feature_count(recipe, problem)
    return logistic_s(len(problem.rows("train")), width, problem.schema.counts)


def _feature_count(recipe: Recipe, problem: Problem) -> int:
    """Numbers of a sample that a classic model is fitted on."""
    if problem.dataset.modality == "table":
        return len(problem.dataset.inputs)
    data = recipe.data
    _, count = build_trunk(
        frozen_trunk(recipe),
        pretrained=False,
        channels=data.channels,
        size=data.size,
        like=untrained(recipe).model,
    )
    return count


def estimate(recipe: Recipe, problem: Problem, *, listener: Listener) -> Estimate:
    """Times training steps and an evaluation batch of a network, or of a head on features."""
    network = build(recipe, problem.schema)
    source = _stand_in(recipe, problem, network, listener=listener)
    learner: nn.Module = network.head if source.features else network
    data = training_data(recipe, learnt_from(recipe, problem), source)
    plan = make_plan(recipe.train, samples=len(data.train_rows))
    pace = paced(
        problem.task.objective(learner, recipe, problem.schema), learner, data, recipe, plan
    )
    judging_s = (len(data.val_rows) + len(data.train_eval_rows)) * pace.judged_s
    answers = 1 + (1 if source.features else recipe.predict.tta)  # before the first step, at last
    gates_s = _gates_s(data, pace) + audit_s(recipe, data, problem.schema)
    closing_s = answers * judging_s + pace.choosing_s + gates_s + _RECORDS_S
    return Estimate(plan.samples * pace.sample_s + judging_s, closing_s)


def _gates_s(data: TrainingData, pace: Pace) -> float:
    """Seconds of the checks before training, and of whether the trained network heeds its input.

    How soon a batch is known by heart cannot be told beforehand: the fewest steps are counted, for
    those are made where steps are dear.
    """
    initial_s = min(INITIAL_SAMPLES, len(data.train_eval_rows)) * pace.plain_s
    memorised = GRADIENT_STEPS * MOST_SAMPLES * _ANSWERS_A_STEP
    heeding = 2 * (len(data.val_rows) or len(data.train_eval_rows))
    return min(initial_s, INITIAL_S) + (memorised + heeding) * pace.plain_s


def _stand_in(recipe: Recipe, problem: Problem, network: Network, *, listener: Listener) -> Source:
    """The images, or numbers in the place of features that are not there yet."""
    trunk = frozen_trunk(recipe)
    images = open_images(recipe, problem, listener=listener)
    if not trunk:
        return images
    values = np.zeros((len(problem.dataset), network.feature_count), dtype=np.float32)
    return Source(MemoryInputs(values), images.preprocessing, None, trunk)


def _batch(recipe: Recipe, rows: Rows) -> int:
    return make_plan(recipe.train, samples=len(rows)).batch_size


def _forward_s(network: nn.Module, source: Source, rows: Rows) -> float:
    """Seconds an image takes, the better of two calls: the first one allocates."""
    spent = []
    for _ in range(2):
        begun = time.perf_counter()
        outputs(network, source.inputs, rows, normalization=source.normalization)
        spent.append(time.perf_counter() - begun)
    return min(spent) / len(rows)
