"""The demo: the whole story on an embedded MLflow."""
