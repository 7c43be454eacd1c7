"""The version that holds a stage, for what deploys and loads models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resolved:
    """The version that holds a stage, as git's main line says.

    `uri` is MLflow's own address of it (`models:/NAME/VERSION`, of a prompt `prompts:/…`). `digest`
    and `run_id` are what the manifest pins, None without a pin. `commit` is the commit that put the
    version into the stage (with receipts: the reconciled commit), `at` its time, RFC 3339 in UTC.
    """

    model: str
    stage: str
    version: int
    uri: str
    digest: str | None
    run_id: str | None
    commit: str
    at: str
