"""Checks of versions that MLflow keeps."""
