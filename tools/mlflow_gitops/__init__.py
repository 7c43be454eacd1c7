"""GitOps for the MLflow Model Registry: manifests in git become the registry's state.

Public, and stable from one version to the next: `__version__`, and the module `mlflow_gitops.gates`,
which is what gates of other packages work with. Everything else is internal and may change. Scripts
run the command `mlflow-gitops` (or `python -m mlflow_gitops`) and read its `--format json`.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
