"""Reconciling: carry a plan out, once or again and again."""
