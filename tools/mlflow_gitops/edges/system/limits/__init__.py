"""Bounds on what commands, templates and signals do to this process."""
