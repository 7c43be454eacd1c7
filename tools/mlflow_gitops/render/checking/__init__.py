"""The result of `check`, and what `reproduce` wrote."""
