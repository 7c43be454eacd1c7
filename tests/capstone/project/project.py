"""What the project's steps share: names, the floor, and how a file is known to be the one that DVC
means."""

from __future__ import annotations

import hashlib
import logging
import warnings
from pathlib import Path

import yaml

MODEL = "sentiment-bert"
POSTS, HELD_OUT = "data/posts.csv", "data/held-out.csv"
FLOOR = 0.7
"""The least accuracy of what is served; registry/policy.yaml wants the same."""


def dvc_md5(path: str) -> str:
    """The MD5 that DVC knows a file by; that the file is that very one is checked."""
    [out] = yaml.safe_load(Path(f"{path}.dvc").read_text())["outs"]
    if hashlib.md5(Path(path).read_bytes()).hexdigest() != out["md5"]:
        raise SystemExit(
            f"{path} is not what {path}.dvc says. Run: dvc add {path}, or dvc checkout"
        )
    return str(out["md5"])


def quiet() -> None:
    """Keep the libraries' chatter out of what people read."""
    warnings.filterwarnings("ignore")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
