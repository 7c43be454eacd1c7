"""Planning: what must change in MLflow to match a target, and why."""
