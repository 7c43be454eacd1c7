"""What gates and guards decide: the verdict of one gate on one stage entry, and a refusal with its
way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["model", "commit"]


GateStatus = Literal["passed", "failed", "overridden", "exempt", "waiting", "unknown"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done, and how to get past it (RULES R4). Scope "model" stops the whole
    model; "commit" stops what git asks for and lets drift be healed."""

    code: str
    detail: str
    way_out: str
    scope: Scope = "model"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says of one entry: a version coming to hold a stage (RULES R3)."""

    stage: str
    version: int
    gate: str
    status: GateStatus
    detail: str
    until: str | None = None
    needs: str | None = None
