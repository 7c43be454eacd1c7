"""What gates and guards decide: the verdict of one gate on one stage entry, and a refusal with its
way out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.gate import Facts
    from mlflow_gitops.core.history.mainline import Commit

Scope = Literal["model", "commit", "file"]


GateStatus = Literal["passed", "failed", "overridden", "exempt", "waiting", "unknown"]


_NOT_COMPARED: str = field(default="", compare=False)
"""`Refusal` has a field of the name `field`."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done, and how to get past it (RULES R4).

    `code` is the stable word for programs; `detail` and `way_out` are for people. Scope "model"
    stops the whole model; "commit" stops what git asks for and still lets drift be healed; "file"
    stops nothing but the content of a file that is invalid.

    The facts behind the sentence, where the code has them: the `version` it is about, the `field`
    that differs (for a pin `run_id`, `source`, `data` …), what was `expected` there and the
    `actual` value; None if there is none.
    """

    code: str
    detail: str
    way_out: str
    scope: Scope = "model"
    version: int | None = None
    field: str | None = None
    expected: str | None = None
    actual: str | None = None
    brief: str = _NOT_COMPARED
    """`detail` without what the verdicts of the gates say already; empty if that is all of it."""

    @property
    def is_invalid(self) -> bool:
        """Whether it only reports that a file of the model is invalid: exit code 3, not 4."""
        return self.code == "invalid"

    @property
    def is_stopping(self) -> bool:
        """Whether it keeps anything of the plan from being carried out."""
        return self.scope != "file"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says of one entry: a version coming to hold a stage (RULES R3).

    `facts` are the values that it judged; `policies` are the blob ids of the policies that judge
    the entry."""

    stage: str
    version: int
    gate: str
    status: GateStatus
    detail: str
    until: str | None = None
    needs: str | None = None
    facts: Facts = field(default_factory=dict, compare=False)
    policies: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_passing(self) -> bool:
        """Whether the gate does not keep the entry back."""
        return self.status in ("passed", "overridden", "exempt")


@dataclass(frozen=True, slots=True)
class ReturningVersion:
    """A version that comes back to a stage from which it was rolled back, and the commit that
    rolled it back."""

    stage: str
    version: int
    rolled_back: Commit


@dataclass(frozen=True, slots=True)
class ChangeApprovers:
    """The people whose approval of a change counts (`@login`, or `Name <email>` if messages are
    believed), and the number of its pull request as the forge names it."""

    by: tuple[str, ...]
    pull_request: int | None = None


@dataclass(frozen=True, slots=True)
class EntryVerdicts:
    """The verdicts on a model's entries and what follows from them. `deferred` is the time until
    which a soak keeps the model back, RFC 3339; None if none does."""

    verdicts: tuple[Verdict, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    deferred: str | None = None
    notes: tuple[str, ...] = ()
    returning: tuple[ReturningVersion, ...] = ()
    approvers: ChangeApprovers | None = None
