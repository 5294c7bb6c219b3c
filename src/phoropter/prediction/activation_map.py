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
        layer = _last_layer(network, images[:1])
        if layer is None:
            return None
        maps, raw = _split_at(layer, network, images)
    finally:
        network.train(training)
    if not raw.requires_grad:
        return None
    chosen = raw.gather(1, torch.from_numpy(outputs).to(raw.device)[:, None]).sum()
    (slopes,) = torch.autograd.grad(chosen, maps)
    weights = slopes.mean(dim=(2, 3), keepdim=True)
    found = (weights * maps.detach()).sum(dim=1, keepdim=True).clamp_min(0)
    size = (int(images.shape[2]), int(images.shape[3]))
    grown = functional.interpolate(found, size=size, mode="bilinear", align_corners=False)
    return grown[:, 0].float().cpu().numpy()


def _last_layer(network: nn.Module, image: Tensor) -> nn.Module | None:
    """The layer that is the last to put out maps of more than one place, if there is any."""
    seen: list[nn.Module] = []

    def note(layer: nn.Module, _inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
            seen[:] = [layer]

    handles = [layer.register_forward_hook(note) for layer in network.modules()]
    try:
        with torch.inference_mode():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    return seen[0] if seen else None


def _split_at(layer: nn.Module, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The layer's maps and the network's output, a gradient kept between those two alone."""
    kept: list[Tensor] = []

    def begin(_layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)  # until the end of `no_grad` below
        kept[:] = [output.detach().requires_grad_()]
        return kept[0].clone()  # what follows may change it in place

    handle = layer.register_forward_hook(begin)
    try:
        with torch.no_grad():
            raw: Tensor = network(images)
    finally:
        handle.remove()
    return kept[0], raw
