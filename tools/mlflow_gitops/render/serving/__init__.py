"""Renders which version holds a stage."""
