"""Reads and edits YAML text, and gives every problem a position."""
