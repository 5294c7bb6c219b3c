"""EfficientNet-Lite0, written out: loading it through timm costs seconds of start-up each time.

The architecture is that of Google's EfficientNet-Lite (MnasNet blocks without squeeze-and-excite,
ReLU6, fixed stem and head; github.com/tensorflow/tpu, models/official/efficientnet/lite). Parameter
names are those of timm's `tf_efficientnet_lite0`, against which the tests compare the outputs.
Convolutions pad as TensorFlow's SAME does: with symmetric padding every key matches as well,
nothing complains, and ImageNet accuracy silently falls from .883 to .812.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

FEATURE_COUNT = 1280
_STEM = 32
_BN_EPS = 1e-3


class _Stage(NamedTuple):
    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: the surplus goes to the right and the bottom."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Input (n, c, h, w) to (n, out, ceil(h / stride), ceil(w / stride))."""
        high = self._surplus(input.shape[-2])
        wide = self._surplus(input.shape[-1])
        if high % 2 == 0 and wide % 2 == 0:  # symmetric: the convolution pads at no extra cost
            padding = (high // 2, wide // 2)
            return functional.conv2d(
                input, self.weight, self.bias, self.stride, padding, 1, self.groups
            )
        sides = (wide // 2, wide - wide // 2, high // 2, high - high // 2)
        padded = functional.pad(input, sides)
        return functional.conv2d(padded, self.weight, self.bias, self.stride, 0, 1, self.groups)

    def _surplus(self, length: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-length // stride) - 1) * stride + kernel - length, 0)


def _pointwise(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, bias=False)


def _depthwise(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    if stride == 1:
        return nn.Conv2d(
            channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False
        )
    return SameConv2d(channels, channels, kernel, stride, groups=channels, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_BN_EPS)


class _SeparableBlock(nn.Module):
    def __init__(self, inputs: int, stage: _Stage) -> None:
        super().__init__()
        self.conv_dw = _depthwise(inputs, stage.kernel, stage.stride)
        self.bn1 = _norm(inputs)
        self.conv_pw = _pointwise(inputs, stage.channels)
        self.bn2 = _norm(stage.channels)
        self.act = nn.ReLU6(inplace=True)

    @override
    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv_pw(self.act(self.bn1(self.conv_dw(maps)))))
        return out


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        middle = inputs * stage.expansion
        self.conv_pw = _pointwise(inputs, middle)
        self.bn1 = _norm(middle)
        self.conv_dw = _depthwise(middle, stage.kernel, stride)
        self.bn2 = _norm(middle)
        self.conv_pwl = _pointwise(middle, stage.channels)
        self.bn3 = _norm(stage.channels)
        self.act = nn.ReLU6(inplace=True)
        self.residual = stride == 1 and inputs == stage.channels

    @override
    def forward(self, maps: Tensor) -> Tensor:
        inner: Tensor = self.act(self.bn1(self.conv_pw(maps)))
        inner = self.act(self.bn2(self.conv_dw(inner)))
        inner = self.bn3(self.conv_pwl(inner))
        return maps + inner if self.residual else inner


class EfficientNetLite0(nn.Module):
    """The trunk: normalised images (n, 3, h, w) to features (n, 1280)."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv_stem = SameConv2d(channels, _STEM, 3, 2, bias=False)
        self.bn1 = _norm(_STEM)
        self.blocks = nn.Sequential()
        width = _STEM
        for stage in STAGES:
            self.blocks.append(_stage(width, stage))
            width = stage.channels
        self.conv_head = _pointwise(width, FEATURE_COUNT)
        self.bn2 = _norm(FEATURE_COUNT)
        self.act = nn.ReLU6(inplace=True)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (n, c, h, w) to features (n, 1280), never negative."""
        maps = self.blocks(self.act(self.bn1(self.conv_stem(images))))
        features: Tensor = self.act(self.bn2(self.conv_head(maps))).mean((2, 3))
        return features


def _stage(inputs: int, stage: _Stage) -> nn.Sequential:
    blocks = nn.Sequential()
    for index in range(stage.blocks):
        width = stage.channels if index else inputs
        if stage.expansion == 1:
            blocks.append(_SeparableBlock(width, stage))
        else:
            blocks.append(_InvertedResidual(width, stage, 1 if index else stage.stride))
    return blocks
