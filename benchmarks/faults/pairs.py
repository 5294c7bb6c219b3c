"""The sound trainings: which model on which set, with which recipe, and in which part.

The recipes were chosen by their scores; what the diagnosis says of them played no part. Those of
the part "report" (`reported.py`) are to hold what was fixed before they were looked for, on three
seeds of the healthy run (docs/faults.md says how far they do):

1. Training score (balanced accuracy) at most 5 points above the validation score on the mean, and
   at most 8 in any one run.
2. Twice the passes gain less than a point on the mean, and the validation loss falls by no more
   than a few per cent; half of them are not as good already (to within 0.3 points) where that would
   leave the recipe absurdly long.
3. Looking at the set names nothing with a warning or as critical.
4. The score is well above guessing, and below 0.995 where that can be had: a fault has something
   to cost.
5. A run takes a few seconds on one thread, 8 at most.
6. A person would tell the classes by the images, and not by their direction alone.

Those of the part "drawn" were not chosen at all: see `drawn.py`.
"""

from __future__ import annotations

from convolutional import CONVOLUTIONAL
from drawn import found, sound_pairs
from heads import HEADS
from perceptrons import PERCEPTRONS
from reported import REPORTED

CHOSEN = (*PERCEPTRONS, *CONVOLUTIONAL, *HEADS, *REPORTED)
PAIRS = {pair.name: pair for pair in (*CHOSEN, *sound_pairs(found()))}
