"""Checks of a set-up: most before training, on copies, in seconds (Karpathy 2019)."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from phoropter.core.errors import CorruptFileError
from phoropter.core.files import read_json, write_json
from phoropter.core.protocols import Objective, Task
from phoropter.core.recipe import Recipe
from phoropter.core.records import Preprocessing, Rows, TargetSchema
from phoropter.core.run_records import Gate
from phoropter.core.seed import generator
from phoropter.models.catalog import frozen_trunk
from phoropter.training.company import SAMPLES, answering
from phoropter.training.entering import preprocessing_gate
from phoropter.training.feed import Feed
from phoropter.training.memorising import Memorised, distinct_rows, memorise, quietened
from phoropter.training.numerics import fixed
from phoropter.training.plan import USUAL_BATCH, make_plan
from phoropter.training.records import TrainingData, Watch
from phoropter.training.rehearsal import own_randomness
from phoropter.training.surviving import label_gate

FILE = "gates.json"
MOST_S = 8.0  # of a busy machine; others take half of it at most
MOST_SHARE = 0.1  # of the time until the deadline
LEAST_AUDIT_S = 0.5  # of the time that is left; small images take a tenth of it
INITIAL_SAMPLES = 256
INITIAL_CHUNK = 32
INITIAL_S = 1.0
INITIAL_SLACK = 0.1  # nats or squared deviations: heads start small, not at zero
INITIAL_TOLERANCE = 0.2
NAMED = 20  # parameters in the evidence
PLAIN = {
    "train.loss": "auto",
    "train.label_smoothing": 0.0,
    "train.class_weights": "none",
    "train.weight_decay": 0.0,
    "train.clip": None,
    "train.optimizer": "adamw",
    "train.head_lr_factor": 1.0,
    "train.layer_decay": 1.0,
}


def run_gates(
    network: nn.Module,
    data: TrainingData,
    recipe: Recipe,
    *,
    task: Task,
    schema: TargetSchema,
    watch: Watch,
    how: Preprocessing | None = None,
) -> tuple[Gate, ...]:
    """Loss at init, a memorised batch, gradients, steps, modes, input; the network is not touched.

    Where the time is up before a check can tell, it passes and says so in its evidence.

    Args:
        network: Not trained yet.
        data: What it is going to be trained on.
        recipe: Of the run.
        task: Makes the objective, here without smoothing, weights or mixing.
        schema: Of the target.
        watch: Its deadline limits the time taken.
        how: What leads to the network's input, where that is to be checked too.
    """
    now = watch.clock()
    seconds = MOST_S if watch.deadline is None else MOST_SHARE * (watch.deadline - now)
    end = now + min(MOST_S, max(seconds, 0.0))
    plain = recipe.changed(PLAIN)
    twin = copy.deepcopy(network).to(Accelerator().device)
    objective = task.objective(twin, plain, schema)
    if len(objective.parameters()) > 1:
        return ()  # several networks against each other have no single loss to bring to zero
    unvaried = replace(data, augment=None, drawn=None)
    feed = _feed(unvaried, plan_rows=INITIAL_CHUNK, recipe=plain, device=Accelerator().device)
    rows = distinct_rows(unvaried, network, seed=recipe.seed)
    with own_randomness(recipe.seed, "gate", "modes"):
        apart = answering(twin, _inputs(feed, rows[:SAMPLES]))
    survived = _surviving(recipe, data, schema, seconds=end - watch.clock())
    entering = _entering(recipe, how, twin, feed, unvaried)
    quietened(twin)
    initial = _loss_at_init(objective, twin, unvaried, feed, schema=schema, watch=watch)
    memorised = memorise(objective, twin, feed, rows, recipe=plain, end=end, clock=watch.clock)
    return (
        *entering,
        *initial,
        _overfitted(memorised),
        _reached(memorised, network, recipe),
        *_one_step(memorised),
        *apart,
        *survived,
    )


def input_ignored(
    objective: Objective, network: nn.Module, data: TrainingData, recipe: Recipe
) -> Gate:
    """Whether a trained network does worse when each sample gets the inputs of another one.

    Measured on the validation part, paired by sample. It fails if the loss rises by less than 2 %
    and by less than two standard errors: then the inputs say nothing of the targets, or the
    network does not listen. Call it only if training brought anything (`best_epoch > 0`).
    """
    device = next(network.parameters()).device
    rows = data.val_rows if len(data.val_rows) else data.train_eval_rows
    others = generator(recipe.seed, "gate", "others").permutation(rows)
    feed = _feed(data, plan_rows=USUAL_BATCH, recipe=recipe, device=device)
    network.eval()
    own, exchanged = [], []
    with torch.inference_mode():
        for (inputs, targets), (foreign, _) in zip(
            feed.evaluation(rows), feed.evaluation(others), strict=True
        ):
            own.append(objective.evaluate(inputs, targets)[1].double().cpu())
            exchanged.append(objective.evaluate(foreign, targets)[1].double().cpu())
    rise = torch.cat(exchanged) - torch.cat(own)
    measured, loss = float(rise.mean()), float(torch.cat(own).mean())
    error = float(rise.std()) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
    passed = measured > 0 and measured > min(0.02 * loss, 2 * error)
    evidence = {"loss": loss, "standard_error": error, "samples": len(rows)}
    return Gate("input-ignored", measured, 0.02 * loss, passed, evidence)


def write_gates(folder: Path, gates: tuple[Gate, ...]) -> None:
    """Writes the outcomes into a run's folder."""
    write_json(folder / FILE, gates)


def read_gates(folder: Path) -> tuple[Gate, ...]:
    """The outcomes in a run's folder; empty if none were written.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    if not (folder / FILE).exists():
        return ()
    try:
        return tuple(_gate(**values) for values in read_json(folder / FILE))
    except TypeError as error:
        raise CorruptFileError(
            f"{str(folder / FILE)!r} is damaged: {error}.",
            hint="Delete the run's folder and train it again.",
        ) from error


def _gate(*, measured: float | None, expected: float | None, **others: Any) -> Gate:
    nan = float("nan")
    return Gate(
        measured=nan if measured is None else measured,
        expected=nan if expected is None else expected,
        **others,
    )


def _feed(data: TrainingData, *, plan_rows: int, recipe: Recipe, device: torch.device) -> Feed:
    plan = make_plan(
        recipe.train.model_copy(update={"batch_size": plan_rows, "accumulate": 1}),
        samples=len(data.train_rows),
    )
    numerics = fixed("float32", threads=torch.get_num_threads())
    return Feed(data, plan, seed=recipe.seed, device=device, numerics=numerics)


def _inputs(feed: Feed, rows: Rows) -> Tensor:
    return torch.cat([inputs for inputs, _ in feed.evaluation(rows)])


def _entering(
    recipe: Recipe,
    how: Preprocessing | None,
    twin: nn.Module,
    feed: Feed,
    data: TrainingData,
) -> tuple[Gate, ...]:
    """Whether the input is what the weights, or a network without any, are made for."""
    if how is None:
        return ()
    features = frozen_trunk(recipe) != ""
    chosen = generator(0, "gate", "entering").permutation(data.train_eval_rows)[:INITIAL_CHUNK]
    found = preprocessing_gate(recipe, how, twin, None if features else _inputs(feed, chosen))
    return () if found is None else (found,)


def _loss_at_init(
    objective: Objective,
    twin: nn.Module,
    data: TrainingData,
    feed: Feed,
    *,
    schema: TargetSchema,
    watch: Watch,
) -> tuple[Gate, ...]:
    """The mean loss before the first step, against that of the answer that ignores the input."""
    if schema.kind not in {"classes", "values"}:
        return ()
    started = watch.clock()
    chosen = generator(0, "gate", "initial").permutation(data.train_eval_rows)[:INITIAL_SAMPLES]
    losses: list[Tensor] = []
    rows: list[Rows] = []
    with torch.no_grad():
        for first in range(0, len(chosen), INITIAL_CHUNK):
            part = chosen[first : first + INITIAL_CHUNK]
            if losses and (len(part) < 2 or watch.clock() - started > INITIAL_S):
                break
            losses += [objective.evaluate(x, y)[1].double().cpu() for x, y in feed.evaluation(part)]
            rows.append(part)
    targets = data.targets[torch.from_numpy(np.concatenate(rows))]
    measured, expected = float(torch.cat(losses).mean()), _expected(twin, targets, schema)
    allowed = INITIAL_TOLERANCE * expected + INITIAL_SLACK
    passed = abs(measured - expected) <= allowed
    evidence = {"allowed": allowed, "samples": len(targets)}
    return (Gate("loss-at-init", measured, expected, passed, evidence),)


def _expected(network: nn.Module, targets: Tensor, schema: TargetSchema) -> float:
    """Loss of the base rates if the head starts there, else of equal odds; of the mean."""
    if schema.kind == "values":
        offset, scale = torch.tensor(schema.offset), torch.tensor(schema.scale)
        return float(((targets.double() - offset) / scale).square().mean())
    rates = torch.tensor(schema.counts, dtype=torch.float64).clamp(min=0.5)
    logs = (rates / sum(schema.counts)).log()
    bias = _last_bias(network)
    if (
        bias is None
        or bias.shape != logs.shape
        or not torch.allclose(bias.double().log_softmax(0), logs.log_softmax(0), atol=1e-2)
    ):
        return float(np.log(len(schema.names)))
    return float(-logs.log_softmax(0)[targets].mean())


def _last_bias(network: nn.Module) -> Tensor | None:
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linear or linear[-1].bias is None:
        return None
    return linear[-1].bias.detach().cpu()


def _overfitted(memorised: Memorised) -> Gate:
    return Gate(
        "cannot-overfit-batch",
        measured=memorised.lowest,
        expected=memorised.aim,
        passed=memorised.succeeded,
        evidence={
            "samples": memorised.samples,
            "steps": memorised.steps,
            "initial_loss": memorised.initial,
            "timed_out": memorised.timed_out,
            "at_rest": memorised.at_rest,
        },
    )


def _surviving(
    recipe: Recipe, data: TrainingData, schema: TargetSchema, *, seconds: float
) -> tuple[Gate, ...]:
    """Whether labels survive the augmentation, unless the time is up."""
    found = label_gate(recipe, data, schema) if seconds > LEAST_AUDIT_S else None
    return () if found is None else (found,)


def _one_step(memorised: Memorised) -> tuple[Gate, ...]:
    """Whether each step moved what is trainable, once, and nothing else."""
    stepped = memorised.stepped
    if stepped is None:
        return ()
    sound = not stepped.unmoved and not stepped.moved and stepped.updates == 1.0
    evidence = {"unmoved": stepped.unmoved[:NAMED], "moved": stepped.moved[:NAMED]}
    return (Gate("wrong-step", stepped.updates, 1.0, sound, evidence),)


def _reached(memorised: Memorised, network: nn.Module, recipe: Recipe) -> Gate:
    """Parameters without a gradient, and, where all should learn, those that are frozen."""
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    wrongly = frozen if recipe.model.transfer == "finetune" else []
    missing = [*memorised.without_gradient, *wrongly]
    trainable = sum(p.requires_grad for p in network.parameters())
    return Gate(
        "no-gradient",
        measured=float(len(missing)),
        expected=0.0,
        passed=not missing and trainable > 0,
        evidence={
            "parameters": missing[:NAMED],
            "frozen_by_mistake": wrongly[:NAMED],
            "frozen": len(frozen),
            "trainable": trainable,
        },
    )
