"""Where a network looked: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391).

The last feature maps that still have an extent are weighed by how much each one's mean raises the
answer, summed, and cut off at zero. For a network that ends in global average pooling and a linear
layer this is the class activation map of Zhou et al. (2016) over the number of its cells.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


def activation_maps(
    network: nn.Module, images: Tensor, outputs: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """How much each place of some images speaks for an output, float32 (n, h, w), at least 0.

    The maps have the size of the images; their scale is that of the output. None where the network
    has no feature maps, or its answer is no smooth function of them (trees, neighbours). The
    network's parameters and mode are left as they are.

    Args:
        network: Normalised float images (n, c, h, w) to raw outputs (n, k).
        images: What it saw.
        outputs: Which output of each image is to be explained, shape (n,).
    """
    training = network.training
    network.eval()
    try:
        with torch.enable_grad():
            maps, raw = _last_maps(network, images.detach().clone().requires_grad_())
            if maps is None or not raw.requires_grad:
                return None
            chosen = raw.gather(1, torch.from_numpy(outputs).to(raw.device)[:, None]).sum()
            (slopes,) = torch.autograd.grad(chosen, maps, allow_unused=True)
    finally:
        network.train(training)
    if slopes is None:
        return None
    weights = slopes.mean(dim=(2, 3), keepdim=True)
    found = (weights * maps.detach()).sum(dim=1, keepdim=True).clamp_min(0)
    size = (int(images.shape[2]), int(images.shape[3]))
    grown = functional.interpolate(found, size=size, mode="bilinear", align_corners=False)
    return grown[:, 0].float().cpu().numpy()


def _last_maps(network: nn.Module, images: Tensor) -> tuple[Tensor | None, Tensor]:
    """The last output of any layer that has more than one place, and the network's own output."""
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
            seen[:] = [output]

    handles = [layer.register_forward_hook(keep) for layer in network.modules()]
    try:
        raw: Tensor = network(images)
    finally:
        for handle in handles:
            handle.remove()
    maps = seen[0] if seen and seen[0].requires_grad else None
    return maps, raw
