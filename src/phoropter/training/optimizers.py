"""torch optimisers from a recipe, one for each name the objective asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, Adamax, AdamW, Optimizer, RMSprop

from phoropter.core.protocols import Objective, ParameterGroup
from phoropter.core.recipe import TrainRecipe
from phoropter.models.layer_groups import layer_groups

Groups = list[dict[str, Any]]
T = TypeVar("T", bound=Optimizer)


def _light(kind: type[T]) -> type[T]:
    """The optimiser without the wrappers that hide four of its methods from torch's compiler.

    The first call of a wrapped one loads the compiler, which takes two seconds and is not used.
    """
    wrapped = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
    return type(kind.__name__, (kind,), {m: inspect.unwrap(getattr(kind, m)) for m in wrapped})


_ONE = torch.ones(())  # made once: a plain number would become a tensor again at every addition

# What the recipe does not name is torch's default, which is the authors': betas .9 and .999 and
# epsilon 1e-8 (Kingma & Ba 2015), 1e-10 for AdaGrad (Duchi et al. 2011), smoothing .99 for RMSProp.
# The fused kernels are taken where torch has them: one call updates all parameters, which is
# several times faster than a loop over tensors for small networks, and never slower.
_KINDS: dict[str, Callable[[Groups], Optimizer]] = {
    "sgd": partial(_light(SGD), fused=True),
    "adagrad": partial(_light(Adagrad), fused=True),
    "rmsprop": _light(RMSprop),
    "adam": partial(_light(Adam), fused=True),
    "adamw": partial(_light(AdamW), fused=True),
    "adamax": _light(Adamax),
}


def make_optimizers(
    objective: Objective, recipe: TrainRecipe, *, network: nn.Module | None = None
) -> dict[str, Optimizer]:
    """The named optimisers; each parameter group carries its own `lr_factor`.

    With a `network`, `layer_decay` to the power of a layer's distance from the last one multiplies
    the factors of its parameters.

    Weight decay is decoupled from the gradient in adamw (Loshchilov & Hutter 2019) and part of it
    (L2) in all others; groups that are not to be decayed, norms and biases, have none.
    """
    distances = {} if network is None else _distances(network, recipe)
    return {
        name: _optimizer(_merged(groups, recipe, distances), recipe)
        for name, groups in objective.parameters().items()
    }


def plain_step(optimizer: Optimizer) -> Callable[[], None]:
    """The optimiser's step without what torch wraps around it for profilers and compilers.

    Those wrappers cost about as much as the update of a small network. The step computes the same.
    """
    bare = inspect.unwrap(type(optimizer).step)

    def step() -> None:
        with torch.no_grad():
            bare(optimizer)

    return step


def kernel_step(optimizer: Optimizer) -> Callable[[], None]:
    """The optimiser's step where every parameter has a gradient, on a CPU, inside `no_grad`.

    Of Adam and AdamW only the kernel is called: torch's own way to it takes three times as long.
    """
    plain = plain_step(optimizer)
    if not isinstance(optimizer, Adam):
        return plain
    kernel = torch._fused_adamw_ if isinstance(optimizer, AdamW) else torch._fused_adam_

    def step() -> None:
        if not optimizer.state:
            plain()  # the first step, which makes the state
            return
        for group in optimizer.param_groups:
            _call(kernel, group, [optimizer.state[p] for p in group["params"]])

    return step


def _call(
    kernel: Callable[..., None], group: Mapping[str, Any], states: Sequence[Mapping[str, Tensor]]
) -> None:
    """The update of a parameter group as `torch.optim.adam` makes it, with nothing unusual on."""
    parameters = group["params"]
    counts = [state["step"] for state in states]
    for count in counts:
        count.add_(_ONE)  # on a CPU, torch has no faster way for many
    kernel(
        parameters,
        [parameter.grad for parameter in parameters],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        counts,
        lr=group["lr"],
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )


def set_lr(optimizers: Mapping[str, Optimizer], lr: float) -> None:
    """Sets the learning rate of every group to `lr` times the group's factor."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = lr * group["lr_factor"]


def _distances(network: nn.Module, recipe: TrainRecipe) -> dict[int, int]:
    """How many layers lie between a parameter and the end, by its id, where it matters."""
    if recipe.layer_decay == 1 and recipe.unfreeze == 0:
        return {}
    from_the_head = reversed(layer_groups(network))
    return {
        id(parameter): distance
        for distance, layer in enumerate(from_the_head)
        for parameter in layer.parameters
    }


def _merged(
    groups: Sequence[ParameterGroup], recipe: TrainRecipe, distances: Mapping[int, int]
) -> Groups:
    """The groups as torch wants them; those treated alike become one, for each costs a call.

    Layers that are released at different times are kept apart: torch's fused descent with momentum
    wants all parameters of a group to make their first step together.
    """
    merged: dict[tuple[float, float, int], list[nn.Parameter]] = {}
    for group in groups:
        decay = recipe.weight_decay if group.decay else 0.0
        for parameter in group.parameters:
            distance = distances.get(id(parameter), 0)
            factor = group.lr_factor * recipe.layer_decay**distance
            released = distance if recipe.unfreeze > 0 else 0
            merged.setdefault((factor, decay, released), []).append(parameter)
    return [
        {"params": parameters, "lr": recipe.lr * factor, "lr_factor": factor, "weight_decay": decay}
        for (factor, decay, _), parameters in merged.items()
    ]


def _optimizer(groups: Groups, recipe: TrainRecipe) -> Optimizer:
    if recipe.optimizer in {"momentum", "nesterov"}:
        # torch refuses Nesterov's look ahead without a momentum, where it would do nothing.
        nesterov = recipe.optimizer == "nesterov" and recipe.momentum > 0
        return _light(SGD)(groups, momentum=recipe.momentum, nesterov=nesterov, fused=True)
    return _KINDS[recipe.optimizer](groups)
