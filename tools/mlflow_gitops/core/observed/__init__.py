"""What MLflow shows: models, versions, runs and their lineage."""
