"""Frozen features or fine-tuning: by the number of images, what a pass costs here, and the time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from phoropter.core.errors import UsageError
from phoropter.core.events import Listener, Note
from phoropter.core.recipe import Recipe
from phoropter.improvement.prescriptions.changes import PATCH_PX, fine_tuning, on_pretrained
from phoropter.models.catalog import card, frozen_trunk, is_classic, offline_weights_installed
from phoropter.models.preprocessing import preprocessing
from phoropter.prediction.features import DeepFeatures
from phoropter.project.baseline import Plan
from phoropter.project.options import Options
from phoropter.training.estimate import forward_s
from phoropter.training.problem import Problem

MEASURED = 200
"""Training images up to which fine-tuning was measured to be no better (docs/transfer.md)."""

_PASS = 4
"""A pass in forward passes of the training images: backward counts two, the measuring one."""


LARGER_PX = 288
"""Side of images for frozen features of a network trained at 224 px. Random crops showed it
objects larger than whole images do, and enlarging makes up for that (Touvron et al. 2019)."""

SMALLER_PX = (160, 128, 96, 64)

_LARGER_SHARE = 0.4
"""Of the time left, that the features at the larger size may take."""

_MOST_SHARE = 0.6
"""Of the time left, that any features of a first recipe may take: what follows takes seconds."""

_ASKED = 3
_SLOW_MOMENT = 2.0
"""Times as long as usual that work takes while others use the machine: asked again in a moment,
it may be quicker, and it cannot be quicker than it is."""


def sized(
    plan: Plan, options: Options, problem: Problem, *, seconds: float, listener: Listener
) -> Plan:
    """The plan with larger images, where frozen features of them can be afforded, or with smaller.

    Smaller ones where the features of so many would take most of the time. What the user decided
    about the images stays as it is.

    Args:
        plan: The first recipe.
        options: What the user asked for.
        problem: On what.
        seconds: That are left for everything.
        listener: Told of decoding and the like.
    """
    recipe, px = plan.recipe, plan.recipe.data.size
    decided = options.recipe is not None or "data.size" in options.settings
    if decided or frozen_trunk(recipe) in {"", "pixels"} or px >= LARGER_PX:
        return plan
    larger = recipe.changed({"data.size": LARGER_PX})
    try:
        affordable = _needed_s(larger, problem, _LARGER_SHARE * seconds) is None
    except UsageError:  # a network that knows one size alone
        return plan
    if affordable:
        reason = (
            f"Images of {LARGER_PX} px instead of {px}: there is time, and the network has learnt "
            "from enlarged ones."
        )
        return _because(reason, plan, larger, listener)
    available = _MOST_SHARE * seconds
    needed = _needed_s(recipe, problem, available)
    if needed is None:
        return plan
    least = card(frozen_trunk(recipe)).least_px
    smaller = [side for side in SMALLER_PX if least <= side < px]
    if not smaller:
        return plan
    size = _side((px, *smaller), needed, available) or min(smaller)
    reason = (
        f"Images of {size} px instead of {px}: the features of {len(problem.dataset)} would take "
        "most of the time."
    )
    return _because(reason, plan, recipe.changed({"data.size": size}), listener)


ENLARGED_PX = (96, 88, 80, 64)
"""Sides to which tiny images in colour are enlarged for a network trained on photographs; the
smaller ones where there is no time for the first. On 8,889 training images of CIFAR-10 a head on
its features, asked twice (mirrored), was right on .760 of the test part at 96 and on .762 at 128
px; four passes of the upper layers at 96 px, for which there is time then, were right on .845 of
the validation part, where the head was on .761. Logistic regression on 3,000 of them was right on
.715 of 1,200 at 96 px, .713 at 88, .687 at 80 and .622 at 64."""

_ENLARGED_PATIENCE = 5


def enlarged(
    plan: Plan, options: Options, problem: Problem, *, seconds: float, listener: Listener
) -> Plan:
    """The plan with frozen features instead of a small network, where images are tiny photographs.

    Those in colour: grey ones are mostly signs and scans, which a small network learns well. What
    the user decided about the model or the images stays as it is.

    Args:
        plan: The first recipe.
        options: What the user asked for.
        problem: On what.
        seconds: That are left for everything.
        listener: Told of decoding and the like.
    """
    recipe = plan.recipe
    decided = options.recipe is not None or any(
        key.startswith(("model.", "data.")) for key in options.settings
    )
    fitting = recipe.model.name == "cnn" and recipe.data.channels == 3
    if decided or not fitting or recipe.data.size < PATCH_PX or not offline_weights_installed():
        return plan
    change = {**on_pretrained(size=ENLARGED_PX[0]), "train.patience": _ENLARGED_PATIENCE}
    largest, available = recipe.changed(change), _MOST_SHARE * seconds
    needed = _needed_s(largest, problem, available)
    size = ENLARGED_PX[0] if needed is None else _side(ENLARGED_PX, needed, available)
    if size is None:
        return plan
    reason = (
        f"Tiny photographs, shown at {size} px: frozen EfficientNet-Lite0 features, for which "
        "there is time, instead of a small network from scratch."
    )
    return _because(reason, plan, largest.changed({"data.size": size}), listener)


def _side(sides: Sequence[int], needed_s: float, available_s: float) -> int | None:
    """The largest side whose features take the time there is, where the first's take `needed_s`."""
    return next((s for s in sides if needed_s * (s / sides[0]) ** 2 <= available_s), None)


def weighed(plan: Plan, options: Options, problem: Problem, *, listener: Listener) -> Plan:
    """The plan, which begins with frozen features, and why: what fine-tuning would cost here.

    The cheap network goes first; the loop tries the dear one where the diagnosis calls for it. A
    plan that trains no head on frozen features, and whatever the user decided about the model,
    stays as it is.

    Args:
        plan: The first recipe.
        options: What the user asked for.
        problem: On what.
        listener: Told the reason.
    """
    recipe = plan.recipe
    decided = options.recipe is not None or any(
        key.startswith("model.") for key in options.settings
    )
    if decided or is_classic(recipe.model.name) or frozen_trunk(recipe) in {"", "pixels"}:
        return plan
    samples = len(problem.rows("train"))
    if samples <= MEASURED:
        reason = (
            f"Frozen features, for {samples} training images are few: up to {MEASURED} fine-tuning "
            "was measured to be no better, at many times the cost (docs/transfer.md)."
        )
    else:
        tuned = recipe.changed({**fine_tuning(recipe, samples=samples), **options.settings})
        epochs, pass_s = tuned.train.epochs, _PASS * forward_s(tuned, problem)
        reason = (
            f"Frozen features first: to fine-tune with {samples} training images would take about "
            f"{epochs * pass_s:.0f} s here ({epochs} passes of {pass_s:.1f} s)."
        )
    return _because(reason, plan, recipe, listener)


def _needed_s(recipe: Recipe, problem: Problem, available_s: float) -> float | None:
    """Seconds that features need, where that is more than there are; None where there is time.

    What is kept is taken even where no time is left.
    """
    available_s, needed_s = max(available_s, 0.0), math.inf
    for _ in range(_ASKED):
        needed_s = min(needed_s, _waiting_s(recipe, problem))
        if needed_s <= available_s:
            return None
        if needed_s > _SLOW_MOMENT * available_s:
            break
    return needed_s


def _waiting_s(recipe: Recipe, problem: Problem) -> float:
    """Seconds that the features of a pretrained network will take; 0.0 where they are kept."""
    deep = DeepFeatures(
        frozen_trunk(recipe),
        folder=problem.cache,
        preprocessing=preprocessing(recipe, pixel_mean=(0.0,), pixel_std=(1.0,)),
        like=recipe.model,
    )
    return deep.waiting_s(problem.dataset, np.arange(len(problem.dataset), dtype=np.int64))


def _because(reason: str, plan: Plan, recipe: Recipe, listener: Listener) -> Plan:
    """The plan with this recipe and the reason for it, which is told."""
    listener(Note(reason))
    return replace(plan, recipe=recipe, reasons=(*plan.reasons, reason))
