"""GitOps for the MLflow Model Registry: manifests in git become the registry's state.

Public, and stable from one version to the next: `__version__`, and `mlflow_gitops.gates`, with
which gates of other packages work. Everything else is internal and may change. Scripts run the
command `mlflow-gitops` (or `python -m mlflow_gitops`) and read its `--format json`.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
