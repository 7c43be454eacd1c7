"""`python -m mlflow_gitops`."""

from mlflow_gitops.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
