"""Other environments: reading their MLflow in a process of its own, and copying versions of it."""
