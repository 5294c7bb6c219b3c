"""The finding codes of the project and where each one comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Category = Literal["data", "before", "training", "result", "generative", "deployed"]

_CODES: Mapping[Category, str] = {
    "data": """unreadable-files exact-duplicates near-duplicates conflicting-duplicates split-leak
        undeclared-groups metadata-shortcut class-imbalance rare-class label-errors outliers
        covariate-shift mixed-sizes low-resolution bad-boxes tiny-objects multicollinearity""",
    "before": """loss-at-init cannot-overfit-batch input-ignored no-gradient batch-mixing
        mode-mixup wrong-step preprocessing-mismatch label-breaking-augmentation
        stale-gradient unshuffled""",
    "training": """diverged lr-too-high lr-too-low undertrained underfit overfit plateau
        vanishing-gradient exploding-gradient dead-activations batch-too-small batch-too-large
        slow-input""",
    "result": """majority-collapse wrong-metric label-noise miscalibrated augmentation-too-strong
        augmentation-too-weak data-limited capacity-limited noise-limited data-mismatch
        overfit-to-validation classic-wins seed-noise""",
    "generative": "mode-collapse discriminator-wins generator-wins posterior-collapse",
    "deployed": "drift unknown-class low-confidence",
}

CODES: Mapping[str, Category] = {
    code: category for category, text in _CODES.items() for code in text.split()
}
