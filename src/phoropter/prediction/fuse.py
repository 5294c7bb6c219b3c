"""Batch normalisations merged into the convolutions before them: fewer passes over memory."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Outputs may move by this share of their largest magnitude; folding itself moves them by 1e-6.
_TOLERANCE = 1e-4


def fused(network: nn.Module, example: Tensor) -> nn.Module:
    """A copy in eval mode that answers the same, its batch normalisations folded where possible.

    Which normalisation follows which convolution is observed while the example passes through, so
    that any network will do. The copy's answer on the example is compared with the original's; a
    network whose answer changed is handed back unfolded.

    Args:
        network: Any network on the CPU.
        example: Input like those to come, (n, ...); one sample is enough.
    """
    plain = copy.deepcopy(network).eval()
    pairs = _pairs(plain, example)
    if not pairs:
        return plain
    folded = copy.deepcopy(plain)
    for convolution, norm in pairs:
        _fold(folded, convolution, norm)
    with torch.inference_mode():
        before, after = plain(example), folded(example)
    close = (after - before).abs().max() <= _TOLERANCE * before.abs().max().clamp_min(1e-6)
    return folded if bool(close) else plain


def _pairs(network: nn.Module, example: Tensor) -> list[tuple[str, str]]:
    """Names of convolutions and of the batch normalisations that alone take in their outputs."""
    made: dict[int, tuple[str, Tensor]] = {}
    pairs: list[tuple[str, str]] = []
    calls: dict[str, int] = {}

    def watch_convolution(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            made[id(output)] = (name, output)  # the tensor is held, so that its id stays its own
            calls[name] = calls.get(name, 0) + 1

        return network.get_submodule(name).register_forward_hook(hook)

    def watch_norm(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            calls[name] = calls.get(name, 0) + 1
            if inputs and id(inputs[0]) in made:
                pairs.append((made[id(inputs[0])][0], name))

        return network.get_submodule(name).register_forward_pre_hook(hook)

    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(watch_convolution(name))
        elif _foldable(module):
            handles.append(watch_norm(name))
    try:
        with torch.inference_mode():
            network(example)
    finally:
        for handle in handles:
            handle.remove()
    # A part that is used twice must not be changed for one of its uses.
    return [pair for pair in pairs if calls[pair[0]] == calls[pair[1]] == 1]


def _foldable(module: nn.Module) -> bool:
    """Batch normalisation, plain or timm's with its activation inside."""
    if not isinstance(module, nn.BatchNorm2d) or module.running_mean is None:
        return False
    return type(module) is nn.BatchNorm2d or (hasattr(module, "drop") and hasattr(module, "act"))


def _fold(network: nn.Module, convolution: str, norm: str) -> None:
    first = network.get_submodule(convolution)
    second = network.get_submodule(norm)
    if not isinstance(first, nn.Conv2d) or not isinstance(second, nn.BatchNorm2d):
        message = f"{convolution} and {norm} are no convolution and batch normalisation"
        raise TypeError(message)
    network.set_submodule(convolution, fuse_conv_bn_eval(first, second))
    if type(second) is nn.BatchNorm2d:
        network.set_submodule(norm, nn.Identity())
    else:
        network.set_submodule(norm, nn.Sequential(second.drop, second.act))  # type: ignore[arg-type]
