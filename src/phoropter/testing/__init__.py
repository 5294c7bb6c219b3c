"""Fakes and contract tests for our own parts and for those of others."""
