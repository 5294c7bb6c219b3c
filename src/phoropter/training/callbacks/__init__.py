"""Companions of the loop, each with a state of its own; they do not know each other."""
