"""Runs a candidate in an environment of its own, and evaluates its predictions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow_gitops.app.checking.candidate import CheckCandidate
from mlflow_gitops.app.checking.measured import add_measured
from mlflow_gitops.core.recorded.check_result import Answer, VersionCheck
from mlflow_gitops.core.recorded.values import ModelFile
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.checking import confined
from mlflow_gitops.edges.checking.confined import Limits, run_confined
from mlflow_gitops.edges.mlflow.artifacts.model_file import parse_model_file
from mlflow_gitops.edges.system.extras import fix_for_missing
from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.errors import Failure

_PROGRAMS = Path(confined.__file__).parent
_NEEDS = {"uv": "uv", "virtualenv": "pyenv"}
"""The program that MLflow makes each kind of environment with (3.17)."""
_EVALUATION_SECONDS = 600


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to make the environment, and what its making and the model's run may each take."""

    env_manager: str
    limits: Limits


def run_candidate(
    candidate: CheckCandidate,
    options: CheckOptions,
    at: str,
    progress: Callable[[str], None] = lambda step: None,
) -> VersionCheck:
    """Load a candidate and measure it. What it does wrong is a fault of the result; raises Failure
    if this machine cannot run it. `progress` gets each step before it begins."""
    result = VersionCheck(
        candidate.model,
        candidate.version,
        candidate.digest,
        at,
        options.env_manager,
        data=candidate.data,
    )
    try:
        text = (candidate.files / "MLmodel").read_text("utf-8", "replace")
        description = parse_model_file(text)
    except (OSError, ValueError):
        return replace(result, faults=("it has no file MLmodel that MLflow wrote",))

    with tempfile.TemporaryDirectory(
        prefix="mlflow-gitops-check-", ignore_cleanup_errors=True
    ) as scratch:
        return _run(candidate, options, result, description, Path(scratch), progress)


def _run(
    candidate: CheckCandidate,
    options: CheckOptions,
    result: VersionCheck,
    description: ModelFile,
    scratch: Path,
    progress: Callable[[str], None],
) -> VersionCheck:
    python = Path(sys.executable)
    files = candidate.files.resolve()
    if options.env_manager != "local":
        _require(_NEEDS[options.env_manager])
        command: list[str | Path] = [
            python,
            "-I",
            _PROGRAMS / "environment.py",
            files,
            options.env_manager,
        ]
        progress(f"making an environment with {options.env_manager}{_requirements(files)}")
        made = run_confined(command, scratch, options.limits)
        pythons = list(scratch.glob("environments/*/bin/python"))
        if made.fault is not None or len(pythons) != 1:
            reason = made.fault or "there is none"
            fault = f"its environment cannot be made: {reason}: {made.last_line}"
            return replace(result, faults=(fault[:500],))
        python = pythons[0]

    measure: list[str | Path] = [python, "-I", _PROGRAMS / "measure.py", files, "RESULT"]
    if candidate.features is not None:
        measure.append(candidate.features.resolve())
    progress("loading the model, predicting and measuring")
    ended = run_confined(measure, scratch, options.limits)
    return add_measured(result, ended, description.signature)


def _requirements(files: Path) -> str:
    """How many lines of requirements.txt, the file that MLflow writes beside a model, name a
    package; nothing if there is no such file."""
    try:
        lines = (files / "requirements.txt").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    packages = [line for line in lines if line.strip() and not line.strip().startswith(("#", "-"))]
    return f" for {counted(len(packages), 'requirement')}"


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise Failure(
            f"MLflow makes this environment with {program}, which is not installed.",
            fix="Install it, or choose another --env-manager.",
        )


def evaluate_answers(
    kind: str, labels: Sequence[Answer], answers: Sequence[Answer]
) -> dict[str, float]:
    """MLflow's metrics of these predictions, by `mlflow.models.evaluate`. No code of the model runs
    for it. Raises Failure."""
    from importlib.util import find_spec

    for package in ("sklearn", "pandas"):
        if find_spec(package) is None:
            raise Failure("MLflow evaluates with scikit-learn.", fix=fix_for_missing("sklearn"))

    text = json.dumps({"labels": labels, "answers": answers})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        variables = {
            "MLFLOW_TRACKING_URI": Path(scratch, "runs").as_uri(),
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        try:
            ran = subprocess.run(
                [sys.executable, "-I", str(_PROGRAMS / "evaluate.py"), kind],
                input=text,
                capture_output=True,
                text=True,
                cwd=scratch,
                env={**os.environ, **variables},
                timeout=_EVALUATION_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failure("MLflow's evaluation did not end in time.") from None
    if ran.returncode:
        lines = ran.stderr.strip().splitlines() or [""]
        raise Failure(f"MLflow's evaluation failed: {redact(lines[-1])[:500]}")
    metrics: dict[str, float] = json.loads(ran.stdout)
    return metrics
