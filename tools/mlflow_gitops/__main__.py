"""`python -m mlflow_gitops`."""

from mlflow_gitops.cli import entry

if __name__ == "__main__":
    entry()
