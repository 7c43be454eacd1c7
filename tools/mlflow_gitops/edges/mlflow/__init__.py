"""MLflow: the registry, the runs and models behind its versions, and their files."""
