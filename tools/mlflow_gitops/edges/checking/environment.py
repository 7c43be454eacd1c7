"""Makes the environment that a model's requirements describe, by MLflow's own tooling:
`environment.py FOLDER MANAGER`, below the folder that MLFLOW_ENV_ROOT names.

To install requirements is to run their code, so this runs where the model's code runs.
"""

import sys


def main(folder: str, manager: str) -> None:
    """Make the environment of the model in `folder`, as `mlflow models prepare-env` does."""
    from mlflow.models.flavor_backend_registry import get_flavor_backend

    backend = get_flavor_backend(  # type: ignore[no-untyped-call]
        folder, env_manager=manager, install_mlflow=False
    )
    backend.prepare_env(model_uri=folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
