"""Checks that a version runs: what is checked, how it is run, and how the result is recorded."""
