"""Overwrite files of the version that Production serves, in MLflow itself: what anybody can do who
may write to the experiment that it was trained in, without any right on the registered model.

    python overwrite.py FOLDER
"""

from __future__ import annotations

import sys

from mlflow import MlflowClient
from project import MODEL, quiet


def main() -> None:
    quiet()
    client = MlflowClient()
    version = client.get_model_version_by_alias(MODEL, "production")
    client.log_model_artifacts(version.source.removeprefix("models:/"), sys.argv[1])
    print(f"The files of version {version.version} in MLflow are overwritten.")


if __name__ == "__main__":
    main()
