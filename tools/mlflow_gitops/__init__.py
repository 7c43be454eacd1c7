"""GitOps for the MLflow Model Registry: manifests in git become the registry's state."""

__version__ = "0.1.0"
