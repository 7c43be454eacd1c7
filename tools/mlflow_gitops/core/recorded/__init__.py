"""What MLflow recorded of a version (metrics, datasets, signature, files), as plain values."""
