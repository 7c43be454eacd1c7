"""The edges: one place each for the working tree, git and MLflow."""
