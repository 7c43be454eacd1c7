"""Train one version by params.yaml, measure it on held-out posts, log all of it in MLflow and
register it.

python train.py

It takes no arguments: MLflow records a program without them, so what is not committed could not be
reproduced.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import bert
import drift
import mlflow
import pandas as pd
import transformers
import yaml
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from project import HELD_OUT, MODEL, POSTS, dvc_md5, quiet

SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "text")]),
    outputs=Schema(
        [ColSpec("string", "sentiment"), ColSpec("double", "positive"), ColSpec("string", "run")]
    ),
)

EXAMPLE = pd.DataFrame({"text": ["What a great flight!", "Worst service ever, lost my bag."]})
LIBRARIES = ("mlflow-skinny", "pandas", "torch", "transformers")
"""All that the model needs; a fresh environment gets these and what they need."""


def must_be_committed() -> None:
    """MLflow logs the commit that is checked out; a run of anything else could not be traced."""
    changed = subprocess.run(
        ["git", "status", "--porcelain"], check=True, capture_output=True, text=True
    ).stdout
    if changed:
        raise SystemExit(
            f"Commit this first, so that the run can say what it was made from:\n{changed}"
        )


def main() -> None:
    settings = yaml.safe_load(Path("params.yaml").read_text())
    name = settings.pop("name")
    recipe = bert.Recipe(**settings)
    quiet()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    must_be_committed()
    data = {path: dvc_md5(path) for path in (POSTS, HELD_OUT)}
    posts, held_out = pd.read_csv(POSTS), pd.read_csv(HELD_OUT)
    mlflow.set_experiment(MODEL)
    with mlflow.start_run(run_name=name) as run:
        mlflow.set_tags({f"dvc.{path}": md5 for path, md5 in data.items()})
        mlflow.log_params(asdict(recipe))
        training = mlflow.data.from_pandas(posts, source=POSTS, name="posts", targets="sentiment")
        measured = mlflow.data.from_pandas(
            held_out, source=HELD_OUT, name="held-out", targets="sentiment"
        )
        mlflow.log_input(training, context="training")
        mlflow.log_input(measured, context="evaluation")
        begun = time.perf_counter()
        model, pieces = bert.train(
            posts["text"].tolist(), posts["sentiment"].tolist(), recipe,
            lambda epoch, loss: mlflow.log_metric("loss", loss, step=epoch),
        )  # fmt: skip
        seconds = time.perf_counter() - begun
        likely = bert.positive(model, pieces, held_out["text"].tolist())
        right = [
            (one >= 0.5) == (label == "positive")
            for one, label in zip(likely, held_out["sentiment"], strict=True)
        ]
        accuracy = sum(right) / len(right)
        with tempfile.TemporaryDirectory() as folder:
            bert.save(model, pieces, Path(folder))
            (Path(folder) / "run_id").write_text(run.info.run_id)
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model="sentiment.py",
                code_paths=["bert.py"],
                artifacts={"bert": folder},
                signature=SIGNATURE,
                input_example=EXAMPLE,
                metadata={
                    "reference": {
                        "inputs": drift.reference(posts["text"].str.split().str.len()),
                        "answers": drift.reference(likely),
                    }
                },
                pip_requirements=[f"{library}=={version(library)}" for library in LIBRARIES],
                registered_model_name=MODEL,
            )
        # Beside the logged model stands what it was measured on; a gate compares only what was
        # measured on the same.
        mlflow.log_metrics({"accuracy": accuracy}, model_id=logged.model_id, dataset=measured)
    print(
        f"{MODEL} version {logged.registered_model_version} ({name}): accuracy {accuracy:.3f} on"
        f" held-out posts, {len(posts)} posts in {seconds:.0f} s, run {run.info.run_id}"
    )


if __name__ == "__main__":
    main()
