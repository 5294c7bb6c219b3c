"""Layers as pairs of functions: inputs to outputs, and the loss's slope back through them.

Each derivative is torch's own kernel for it, called as autograd would call it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Backward = Callable[[Tensor], Tensor | None]
"""The loss's slope by outputs to that by inputs, if wanted; gives the parameters theirs."""

Forward = Callable[[Tensor], tuple[Tensor, Backward]]
"""Inputs to outputs, as in train mode, and the way back."""

Maker = Callable[..., Forward]
"""A layer, and whether the slope by its inputs is wanted (`onward`), to what computes it."""

_kernels = torch.ops.aten


def made(layer: nn.Module, *, onward: bool) -> Forward:
    """The function of a known layer.

    >>> layer = nn.Linear(1, 1, bias=False)
    >>> outputs, backward = made(layer, onward=True)(torch.tensor([[3.0]]))
    >>> by_inputs = backward(torch.tensor([[2.0]]))
    >>> layer.weight.grad.item(), bool(by_inputs == 2 * layer.weight)
    (6.0, True)

    Args:
        layer: One that `is_known`; in train mode.
        onward: Whether the slope by its inputs is wanted too.
    """
    return _MAKERS[type(layer)](layer, onward=onward)


def is_known(layer: nn.Module) -> bool:
    """Whether `made` can make functions of the layer: its kind and its options are usual ones."""
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
