"""Send fresh posts to the server: how many answers are right, and do the posts look like those it
was trained on?

    python monitor.py data/fresh.csv
    python monitor.py data/fresh.csv --rollback too-many-wrong

With --rollback, a model that is wrong too often is rolled back on a new branch of that name.

Drift is measured by the population stability index (PSI) of the posts' length in words. Training
posts are cut into ten groups of about one size, by length; p is the share of training posts in a
group, q that of fresh ones, and the index is the sum of (q - p) ln(q / p). 0 means that the shares
are the same; by the usual rule of thumb, above 0.25 they are not alike. It needs no labels, so it
warns before anybody knows whether the answers are right.
"""

from __future__ import annotations

import argparse
import json
import subprocess

import numpy as np
import pandas as pd
from project import FLOOR, MODEL, POSTS

import deploy

DRIFT = 0.25


def psi(trained: pd.Series, fresh: pd.Series, groups: int = 10) -> float:
    """The population stability index of fresh values against those of training. A group that is
    empty counts as half a value, since the logarithm of nothing is infinite."""
    edges = np.unique(np.quantile(trained, np.linspace(0, 1, groups + 1)[1:-1]))
    p, q = (
        np.bincount(np.searchsorted(edges, one, side="right"), minlength=len(edges) + 1)
        for one in (trained, fresh)
    )
    p, q = (np.maximum(one, 0.5) / max(one.sum(), 1) for one in (p, q))
    return float(((q - p) * np.log(q / p)).sum())


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
    drift = psi(
        pd.read_csv(POSTS)["text"].str.split().str.len(), fresh["text"].str.split().str.len()
    )
    version, healthy = deploy.answering(), accuracy >= FLOOR
    found = {
        "version": version,
        "posts": len(fresh),
        "accuracy": round(accuracy, 3),
        "drift": round(drift, 2),
    }
    print(json.dumps({**found, "drifted": drift > DRIFT, "healthy": healthy}), flush=True)
    if healthy:
        return 0
    if asked.rollback:
        why = (
            f"Version {version} is right on {accuracy:.3f} of {len(fresh)} fresh posts, wanted"
            f" {FLOOR}. Drift {drift:.2f}."
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
