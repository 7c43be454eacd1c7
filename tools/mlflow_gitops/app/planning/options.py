"""What a user may set for one plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The flags that let a plan past a guard (RULES R4), and what the plan is made for.

    `max_changes` replaces the policy's limit on changed models. `writing` says that the plan is
    made to be applied: a freeze then refuses, and approvals must be there already.
    """

    adopt: bool = False
    take_over: bool = False
    prune: bool = False
    max_changes: int | None = None
    writing: bool = False
