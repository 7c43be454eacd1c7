"""Collects the evidence pack that `export` writes."""
