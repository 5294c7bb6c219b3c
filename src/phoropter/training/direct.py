"""Gradients of plain stacks of layers, computed without the autograd engine.

A step of a small network is nearly all bookkeeping: the engine and the Python around it take many
times as long as the arithmetic. Where the network is a chain of known layers, the derivative of
each is called right here, by the kernels and in the order of autograd, so that the gradients have
the same bits. Everything else is left to autograd: `chain_of` then says None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from phoropter.core.protocols import Objective
from phoropter.models.network import LinearHead, Network
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.feed import ALONE, Batch
from phoropter.training.numerics import Numerics
from phoropter.training.optimizers import kernel_step
from phoropter.training.step import Stepper, clipped_norms
from phoropter.training.team import Team

Backward = Callable[[Tensor], Tensor | None]
"""The loss's slope by outputs to that by inputs, if wanted; gives the parameters theirs."""

Forward = Callable[[Tensor], tuple[Tensor, Backward]]
"""Inputs to outputs, as in train mode, and the way back."""

Maker = Callable[..., Forward]
"""A layer, and whether the slope by its inputs is wanted (`onward`), to what computes it."""

_kernels = torch.ops.aten


class DirectStepper:
    """One optimiser step a batch, as `Stepper` makes it, for a chain of known layers.

    Args:
        chain: The network's layers, first to last, as from `chain_of`.
        losses: Of the objective.
        optimizer: Of all their parameters.
        clip: Largest gradient norm, or None.
    """

    def __init__(
        self, chain: Sequence[Forward], losses: Losses, optimizer: Optimizer, *, clip: float | None
    ) -> None:
        self._chain = chain
        self._slope = losses.slope or partial(_slope, losses.training)
        self._clip = clip
        self._update = kernel_step(optimizer)
        self.parameters: list[nn.Parameter] = [
            p for group in optimizer.param_groups for p in group["params"]
        ]

    def __call__(
        self, micro: Sequence[Batch], *, measure_norms: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The loss of the only batch, and gradient norms where asked for or needed."""
        (batch,) = micro
        with torch.no_grad():
            loss = self._descend(batch.inputs, batch.targets)
            norms = None
            if self._clip is not None or measure_norms:
                norms = clipped_norms(self.parameters, self._clip)
            self._update()
        return loss, norms

    def _descend(self, inputs: Tensor, targets: Any) -> Tensor:
        """The loss; every parameter that learns gets its gradient."""
        outputs, ways_back = inputs, []
        for layer in self._chain:
            outputs, backward = layer(outputs)
            ways_back.append(backward)
        loss, slope = self._slope(outputs, targets)
        way: Tensor | None = slope
        while way is not None and ways_back:
            way = ways_back.pop()(way)
        return loss


def make_stepper(
    objective: Objective,
    optimizers: Mapping[str, Optimizer],
    *,
    accelerator: Accelerator,
    numerics: Numerics,
    clip: float | None,
    team: Team = ALONE,
) -> Stepper | DirectStepper:
    """What makes the steps of a run under these numerics."""
    if numerics.direct and isinstance(objective, Supervised):
        chain = chain_of(objective, flat=True)
        if chain is not None:
            (optimizer,) = optimizers.values()
            return DirectStepper(chain, objective.losses, optimizer, clip=clip)
    return Stepper(
        objective, optimizers, accelerator=accelerator, numerics=numerics, clip=clip, team=team
    )


def chain_of(objective: Objective, *, flat: bool) -> list[Forward] | None:
    """The layers of the objective's network, first to last; None if autograd must do it.

    Args:
        objective: Must be supervised, without mixing of samples.
        flat: Whether the network's inputs are vectors (n, d) already.
    """
    if type(objective) is not Supervised or objective.mix is not None:
        return None
    network = objective.network
    layers = [layer for layer in _flattened(network) if type(layer) is not nn.Identity]
    owned = sorted(id(p) for layer in layers for p in layer.parameters())
    whole = owned == sorted(id(p) for p in network.parameters())
    learning = [any(p.requires_grad for p in layer.parameters()) for layer in layers]
    if not (whole and any(learning) and (flat or type(layers[0]) is nn.Flatten)):
        return None
    if not all(map(_is_known, layers)) or any(map(_is_altered, network.modules())):
        return None
    first = learning.index(True)
    return [_MAKERS[type(layer)](layer, onward=index > first) for index, layer in enumerate(layers)]


def _flattened(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of containers that do nothing but call their children one after the other.

    One that is called twice comes twice, which `children` would not tell.
    """
    children: Iterable[nn.Module] = ()
    if type(module) is nn.Sequential:
        children = module
    elif type(module) is Network:
        children = (module.trunk, module.head)
    elif type(module) is LinearHead:
        children = (module.dropout, module.linear)
    else:
        yield module
    for child in children:
        yield from _flattened(child)


def _is_known(layer: nn.Module) -> bool:
    if type(layer) is nn.BatchNorm1d:
        usual = layer.affine and layer.track_running_stats and layer.momentum is not None
    elif type(layer) is nn.LayerNorm:
        usual = layer.elementwise_affine and layer.bias is not None
    elif type(layer) is nn.Flatten:
        usual = (layer.start_dim, layer.end_dim) == (1, -1)
    else:
        usual = type(layer) in _MAKERS
    return usual and all(
        p.dtype == torch.float32 and p.device.type == "cpu" and p.is_contiguous()
        for p in layer.parameters()
    )


def _is_altered(module: nn.Module) -> bool:
    """Whether somebody listens to its calls or gradients, or has replaced its function."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    listened = any(p._backward_hooks for p in module.parameters())
    return any(hooks) or listened or "forward" in vars(module)


def _slope(
    loss: Callable[[Tensor, Any], Tensor], outputs: Tensor, targets: Any
) -> tuple[Tensor, Tensor]:
    """Any loss and its derivative by the outputs; only this much is left to autograd."""
    leaf = outputs.detach().requires_grad_()
    with torch.enable_grad():
        value = loss(leaf, targets)
    (slope,) = torch.autograd.grad(value, leaf)
    return value.detach(), slope


def _linear(layer: nn.Linear, *, onward: bool) -> Forward:
    weight = layer.weight
    bias: Tensor | None = layer.bias
    learns = weight.requires_grad

    def forward(inputs: Tensor) -> tuple[Tensor, Backward]:
        def backward(slope: Tensor) -> Tensor | None:
            if learns:
                weight.grad = slope.t().mm(inputs)
            if bias is not None and bias.requires_grad:
                bias.grad = slope.sum(0)
            return slope.mm(weight) if onward else None

        return functional.linear(inputs, weight, bias), backward

    return forward


def _batch_norm(layer: nn.BatchNorm1d, *, onward: bool) -> Forward:
    weight, bias, count = layer.weight, layer.bias, layer.num_batches_tracked
    mean, variance, momentum = layer.running_mean, layer.running_var, layer.momentum or 0.0
    wanted = [onward, weight.requires_grad, bias.requires_grad]

    def forward(inputs: Tensor) -> tuple[Tensor, Backward]:
        if len(inputs) < 2:
            message = f"Batch normalisation needs two samples or more, got {len(inputs)}."
            raise ValueError(message)
        count.add_(1)  # type: ignore[union-attr]
        outputs, *kept = torch.native_batch_norm(
            inputs, weight, bias, mean, variance, True, momentum, layer.eps
        )

        def backward(slope: Tensor) -> Tensor | None:
            by_inputs, by_weight, by_bias = _kernels.native_batch_norm_backward.default(
                slope, inputs, weight, mean, variance, *kept, True, layer.eps, wanted
            )
            _note(weight, by_weight)
            _note(bias, by_bias)
            return by_inputs if onward else None

        return outputs, backward

    return forward


def _layer_norm(layer: nn.LayerNorm, *, onward: bool) -> Forward:
    weight, bias, shape = layer.weight, layer.bias, list(layer.normalized_shape)
    wanted = [onward, weight.requires_grad, bias.requires_grad]

    def forward(inputs: Tensor) -> tuple[Tensor, Backward]:
        outputs, *kept = torch.native_layer_norm(inputs, shape, weight, bias, layer.eps)

        def backward(slope: Tensor) -> Tensor | None:
            by_inputs, by_weight, by_bias = _kernels.native_layer_norm_backward.default(
                slope, inputs, shape, *kept, weight, bias, wanted
            )
            _note(weight, by_weight)
            _note(bias, by_bias)
            return by_inputs if onward else None

        return outputs, backward

    return forward


def _note(parameter: nn.Parameter, gradient: Tensor | None) -> None:
    if parameter.requires_grad:
        parameter.grad = gradient


def _dropout(layer: nn.Dropout, *, onward: bool) -> Forward:
    del onward  # what precedes may be asked in vain: it costs nothing worth a distinction
    kept = 1 - layer.p

    def forward(inputs: Tensor) -> tuple[Tensor, Backward]:
        if layer.p == 0:
            return inputs, _same
        noise = torch.empty_like(inputs).bernoulli_(kept).div_(kept)
        return inputs * noise, noise.mul

    return forward


def _flatten(layer: nn.Flatten, *, onward: bool) -> Forward:
    del layer, onward
    return lambda inputs: (inputs.flatten(1), lambda slope: slope.view(inputs.shape))


def _same(slope: Tensor) -> Tensor:
    return slope


def _activation(derivative: Callable[[Any, Tensor, Tensor, Tensor], Tensor]) -> Maker:
    """A maker for layers without parameters, by their derivative.

    Args:
        derivative: Of layer, slope, inputs and outputs.
    """

    def make(layer: nn.Module, *, onward: bool) -> Forward:
        del onward

        def forward(inputs: Tensor) -> tuple[Tensor, Backward]:
            outputs = layer.forward(inputs)
            return outputs, lambda slope: derivative(layer, slope, inputs, outputs)

        return forward

    return make


def _by_inputs(kernel: Callable[..., Tensor]) -> Maker:
    return _activation(lambda _layer, slope, inputs, _outputs: kernel(slope, inputs))


def _by_outputs(kernel: Callable[..., Tensor]) -> Maker:
    return _activation(lambda _layer, slope, _inputs, outputs: kernel(slope, outputs))


_MAKERS: dict[type[nn.Module], Maker] = {
    nn.Linear: _linear,
    nn.BatchNorm1d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.Dropout: _dropout,
    nn.Flatten: _flatten,
    nn.ReLU: _by_outputs(partial(_kernels.threshold_backward.default, threshold=0)),
    nn.LeakyReLU: _activation(
        lambda layer, slope, inputs, _: _kernels.leaky_relu_backward.default(
            slope, inputs, layer.negative_slope, False
        )
    ),
    nn.GELU: _activation(
        lambda layer, slope, inputs, _: _kernels.gelu_backward.default(
            slope, inputs, approximate=layer.approximate
        )
    ),
    nn.SiLU: _by_inputs(_kernels.silu_backward.default),
    nn.Tanh: _by_outputs(_kernels.tanh_backward.default),
    nn.Sigmoid: _by_outputs(_kernels.sigmoid_backward.default),
}
