"""What planning a model needs beside its history and what MLflow shows."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow_gitops.core.verdicts.evidence import Evidence


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The circumstances of a plan.

    `owner` identifies this repository and folder; `now` is the time that stamps will carry, RFC
    3339 in UTC. `writing` is True for a plan that is made to be carried out, not only shown: a
    freeze then refuses, and is a note otherwise.
    """

    owner: str
    now: str
    evidence: Evidence
    take_over: bool = False
    writing: bool = False
