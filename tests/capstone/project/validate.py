"""Load what Staging holds, as a service would, score held-out posts, and say in MLflow whether it
passed.

python validate.py
"""

from __future__ import annotations

import mlflow
import pandas as pd
from mlflow import MlflowClient
from project import FLOOR, HELD_OUT, MODEL, dvc_md5, quiet
from sklearn.metrics import accuracy_score


def main() -> int:
    quiet()
    dvc_md5(HELD_OUT)  # that these are the held-out posts that git means
    posts = pd.read_csv(HELD_OUT)
    client = MlflowClient()
    version = client.get_model_version_by_alias(MODEL, "staging").version
    answers = mlflow.pyfunc.load_model(f"models:/{MODEL}@staging").predict(posts[["text"]])
    accuracy = accuracy_score(posts["sentiment"], answers["sentiment"])
    verdict = "passed" if accuracy >= FLOOR else "failed"
    client.set_model_version_tag(MODEL, version, "validation", verdict)
    print(
        f"{MODEL} version {version}, loaded from Staging: accuracy {accuracy:.3f}, wanted {FLOOR}:"
        f" {verdict}"
    )
    return 0 if verdict == "passed" else 1


if __name__ == "__main__":
    raise SystemExit(main())
