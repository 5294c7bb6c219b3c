"""The sound trainings: which model on which set, with which recipe, and in which half.

The recipes were chosen by their scores: learning curves that came to rest, and a training score
within a few points of the validation score. What the diagnosis says of them played no part.
"""

from __future__ import annotations

from convolutional import CONVOLUTIONAL
from heads import HEADS
from perceptrons import PERCEPTRONS

PAIRS = {pair.name: pair for pair in (*PERCEPTRONS, *CONVOLUTIONAL, *HEADS)}
