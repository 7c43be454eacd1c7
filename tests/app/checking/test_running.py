"""Which steps a check reports. No environment is made and no model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mlflow_gitops.app.checking import running
from mlflow_gitops.app.checking.candidate import CheckCandidate
from mlflow_gitops.app.checking.running import CheckOptions, run_candidate
from mlflow_gitops.edges.checking.confined import EndedRun, Limits
from tests.support.checking.candidates import write_model

MEASURING = "loading the model, predicting and measuring"


@pytest.fixture
def candidate(tmp_path: Path) -> CheckCandidate:
    folder = tmp_path / "candidate"
    write_model(folder / "files", "doubles")
    return CheckCandidate("fraud", 1, "sha256:" + "a" * 64, folder)


def steps_of(
    candidate: CheckCandidate, manager: str, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> list[str]:
    """The steps of a check whose programs make an empty environment, or end with a fault."""
    steps: list[str] = []
    steps_at_start: list[int] = []

    def pretend(command: Sequence[str | Path], scratch: Path, limits: Limits) -> EndedRun:
        steps_at_start.append(len(steps))
        if fault is None:
            python = scratch / "environments/made/bin/python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return EndedRun(fault, 0, "", b"{}")

    monkeypatch.setattr(running, "run_confined", pretend)
    monkeypatch.setattr(running.shutil, "which", lambda program: program)
    options = CheckOptions(manager, Limits(1, 1))
    run_candidate(candidate, options, "2026-03-10T12:00:00Z", steps.append)
    assert steps_at_start == list(range(1, len(steps) + 1)), "each before its program starts"
    return steps


@pytest.mark.parametrize(
    ("manager", "requirements", "made"),
    [
        ("local", "pandas", None),
        (
            "uv",
            "mlflow==3.17.2\n# why\n\npandas",
            "making an environment with uv for 2 requirements",
        ),
        ("uv", "--find-links wheels\npandas", "making an environment with uv for 1 requirement"),
        ("virtualenv", None, "making an environment with virtualenv"),
    ],
)
def test_each_step_is_reported_before_it_begins(
    candidate: CheckCandidate,
    monkeypatch: pytest.MonkeyPatch,
    manager: str,
    requirements: str | None,
    made: str | None,
) -> None:
    file = candidate.files / "requirements.txt"
    if requirements is None:
        file.unlink()
    else:
        file.write_text(requirements)
    expected = [MEASURING] if made is None else [made, MEASURING]
    assert steps_of(candidate, manager, monkeypatch, None) == expected


def test_no_step_follows_an_environment_that_cannot_be_made(
    candidate: CheckCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    (candidate.files / "requirements.txt").write_bytes(b"\xff\n")
    steps = steps_of(candidate, "uv", monkeypatch, "exit code 1")
    assert steps == ["making an environment with uv for 1 requirement"]
