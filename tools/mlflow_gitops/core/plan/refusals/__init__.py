"""Reasons not to touch a model, one module for each subject."""
