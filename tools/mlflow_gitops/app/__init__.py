"""The use cases: each brings git, MLflow and the forge together with the core's values."""
