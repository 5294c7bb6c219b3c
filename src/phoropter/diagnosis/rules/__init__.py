"""One rule a file: from the evidence of a run to findings of its own code."""
