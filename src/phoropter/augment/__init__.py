"""Variation of training images: whole batches of tensors, a fresh draw each time."""
