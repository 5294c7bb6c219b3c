"""One kind of chart a file; each takes records and returns a figure with its numbers."""
