"""Receipts in git: a branch with one file a run, and the git notes of earlier versions (RULES
R6)."""
