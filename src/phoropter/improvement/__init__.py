"""Prescriptions for findings, and the loop that tries them one at a time."""
