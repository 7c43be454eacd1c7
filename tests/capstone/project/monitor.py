"""Send fresh posts to the server: how many answers are right, and do the posts look like those it
was trained on?

    python monitor.py data/fresh.csv
    python monitor.py data/fresh.csv --rollback too-many-wrong

With --rollback, a model that is wrong too often is rolled back on a new branch of that name.

Drift is that of the posts' length in words, compared with the training posts (drift.py). The
service measures it, too, and shows it at /metrics; it needs no labels.
"""

from __future__ import annotations

import argparse
import json
import subprocess

import drift
import numpy as np
import pandas as pd
from project import FLOOR, MODEL, POSTS

import deploy


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file")
    parser.add_argument("--rollback", metavar="BRANCH")
    asked = parser.parse_args()
    fresh = pd.read_csv(asked.file)
    answers = deploy.ask(fresh["text"].tolist())
    accuracy = float(
        np.mean(
            [a["sentiment"] == label for a, label in zip(answers, fresh["sentiment"], strict=True)]
        )
    )
    trained = drift.reference(pd.read_csv(POSTS)["text"].str.split().str.len())
    index = drift.psi(trained, fresh["text"].str.split().str.len())
    version, healthy = deploy.answering(), accuracy >= FLOOR
    found = {
        "version": version,
        "posts": len(fresh),
        "accuracy": round(accuracy, 3),
        "drift": round(index, 2),
    }
    print(json.dumps({**found, "drifted": index > drift.LIMIT, "healthy": healthy}), flush=True)
    if healthy:
        return 0
    if asked.rollback:
        why = (
            f"Version {version} is right on {accuracy:.3f} of {len(fresh)} fresh posts, wanted"
            f" {FLOOR}. Drift {index:.2f}."
        )
        command = [
            "mlflow-gitops",
            "rollback",
            MODEL,
            "Production",
            "--branch",
            asked.rollback,
            "--message",
            why,
        ]
        subprocess.run(command, check=True)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
