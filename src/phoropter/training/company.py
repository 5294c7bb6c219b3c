"""Whether a network answers each sample by that sample alone, and the same way every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from phoropter.core.run_records import Gate
from phoropter.core.seed import derive

SAMPLES = 3
"""The middle one is asked after: what runs over a batch reaches it from one side or the other."""

CROSSING = 1e-6  # share of a gradient; it is nought where samples are kept apart
NAMED = 20  # modules in the evidence


def answering(network: nn.Module, inputs: Tensor) -> tuple[Gate, ...]:
    """The gates "mode-mixup" and "batch-mixing"; the network ends in eval mode, else as it was.

    A module is in the wrong mode if `train()` leaves dropout off or a batch normalisation that
    learns without statistics of its own, or if `eval()` leaves one of them on. Else too if the
    network, in eval mode, answers the same batch differently a second time, or changes what it
    remembers. Samples are mixed if, in eval mode, the gradient of one sample's answer by the input
    of another one is not zero (Karpathy 2019, "use backprop to chart dependencies"). In train mode
    batch normalisation mixes them rightly, so nothing is asked there.

    Args:
        network: Of which nobody needs the mode any more; its weights are left alone.
        inputs: Network inputs (n, ...) of a few samples; n >= 3 to tell mixing.
    """
    network.train()
    idle = tuple(_off_in_training(network))
    network.eval()
    active = tuple(_on_in_evaluation(network))
    watched = inputs.detach().clone()
    if watched.is_floating_point():
        watched.requires_grad_(True)
    kept = {name: value.clone() for name, value in network.named_buffers()}
    outputs = network(watched.clone())  # a copy: layers may work in place
    share = _foreign_share(outputs, watched)
    repeated, moved = _second_time(network, watched, outputs.detach(), kept)
    evidence = {
        "off_in_training": idle[:NAMED],
        "on_in_evaluation": active[:NAMED],
        "changed_by_evaluation": moved[:NAMED],
        "difference": repeated,
    }
    signs = len(idle) + len(active) + len(moved) + (repeated > 0)
    modes = Gate("mode-mixup", float(signs), 0.0, signs == 0, evidence)
    if active:  # what a wrong mode mixes is no fault of its own
        for module in network.modules():
            if isinstance(module, _BatchNorm | _DropoutNd):
                module.eval()
        share = _foreign_share(network(watched.clone()), watched)
    if share is None:
        return (modes,)
    return modes, Gate("batch-mixing", share, 0.0, share <= CROSSING, {"samples": len(inputs)})


def _second_time(
    network: nn.Module, inputs: Tensor, first: Tensor, kept: Mapping[str, Tensor]
) -> tuple[float, list[str]]:
    """How far a second answer is from the first, and the buffers that both have changed."""
    with torch.no_grad():
        again = network(inputs.clone())
        moved = [name for name, value in network.named_buffers() if not _same(value, kept[name])]
        for name, value in network.named_buffers():
            if name in moved:
                value.copy_(kept[name])
    return _difference(first, again), moved


def _foreign_share(outputs: Tensor, inputs: Tensor) -> float | None:
    """How much of the gradient of a sample's answer belongs to others; None if it has none."""
    if len(inputs) < SAMPLES or len(outputs) != len(inputs):
        return None
    if not inputs.requires_grad or not outputs.requires_grad:
        return None
    asked = len(inputs) // 2
    answer = outputs[asked].float().flatten()
    draws = torch.Generator().manual_seed(derive(0, "gate", "answer"))
    weights = torch.randn(len(answer), generator=draws).to(answer.device)
    (gradient,) = torch.autograd.grad(answer @ weights, inputs, allow_unused=True)
    if gradient is None:
        return None
    sizes = gradient.float().flatten(1).abs().amax(1)
    own = float(sizes[asked])
    foreign = float(torch.cat((sizes[:asked], sizes[asked + 1 :])).max())
    return foreign / (own + foreign) if own + foreign > 0 else None


def _off_in_training(network: nn.Module) -> Iterator[str]:
    """Modules that stay as in eval mode although what they belong to is trained."""
    learning = {
        name
        for name, module in network.named_modules()
        if any(parameter.requires_grad for parameter in module.parameters())
    }
    bare = {name for name, module in network.named_modules() if not _has_parameters(module)}
    for name, module in network.named_modules():
        if module.training:
            continue
        if isinstance(module, _DropoutNd) and module.p > 0:
            owner = name
            while owner and owner in bare:
                owner = owner.rpartition(".")[0]
            if owner in learning:
                yield name
        elif (
            isinstance(module, _BatchNorm)
            and _never_gathered(module)
            and (name in learning or name in bare)
        ):
            yield name


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _never_gathered(module: _BatchNorm) -> bool:
    """Whether the statistics are those that a layer is made with: pretrained ones may be kept."""
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        return False
    return not bool(mean.any()) and bool((variance == 1).all())


def _on_in_evaluation(network: nn.Module) -> Iterator[str]:
    for name, module in network.named_modules():
        on = module.training and isinstance(module, _BatchNorm | _DropoutNd)
        if on and not (isinstance(module, _DropoutNd) and module.p == 0):
            yield name


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def _difference(one: Tensor, other: Tensor) -> float:
    """The largest difference as a share of the largest answer; 0.0 within rounding."""
    gap = float((one.float() - other.float()).abs().max())
    scale = float(one.float().abs().max())
    return gap / scale if gap > 1e-4 * scale + 1e-7 else 0.0
