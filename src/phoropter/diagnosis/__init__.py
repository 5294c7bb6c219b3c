"""From what a run recorded to what is wrong with it: one rule a file, numpy only."""
