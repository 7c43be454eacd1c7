"""Renderers: one plan value in, text, JSON or annotations out."""
