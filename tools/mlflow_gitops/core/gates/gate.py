"""What a gate is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

GateStatus = Literal["passed", "failed", "overridden", "exempt", "waiting", "unknown"]
"""What a gate can come to. A gate itself never answers `overridden`: a commit does that (RULES
R3)."""

SettingsT = TypeVar("SettingsT")

Facts = Mapping[str, "str | int | float | None"]
"""What a gate looked at, by name: `{"metric": "accuracy", "value": 0.93, "min": 0.9}`. Receipts
keep it, so that nobody has to read it out of a sentence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A gate's answer: a status, and the numbers behind it for people.

    For `waiting`, `until` (RFC 3339, UTC) is the time when it will pass, or `needs` is what has to
    happen first. `facts` are the values that were judged.
    """

    status: GateStatus
    detail: str
    until: str | None = None
    needs: str | None = None
    facts: Facts = field(default_factory=dict, compare=False)


def passed(detail: str, facts: Facts | None = None) -> Finding:
    """A finding that lets the version through."""
    return Finding("passed", detail, facts=facts or {})


def failed(detail: str, facts: Facts | None = None) -> Finding:
    """A finding that refuses the version; `detail` names what is missing or wrong."""
    return Finding("failed", detail, facts=facts or {})


class Fault(NamedTuple):
    """Something wrong with a gate's settings. `path` leads to it from the stage's rule; `code` is
    one of the policy's error codes."""

    path: tuple[str, ...]
    code: str
    message: str


def no_faults(settings: Any, stage: str, stages: Collection[str]) -> Iterable[Fault]:
    """For gates whose settings the schema checks completely."""
    return ()


def no_settings(rule: Mapping[str, Any]) -> None:
    """For gates of other packages, which no stage's rule asks for by itself."""
    return None


@dataclass(frozen=True, slots=True)
class Gate(Generic[SettingsT]):
    """One gate, built in or from another package.

    `ask` puts the gate's question to a subject; it may raise `Unreadable`, and the gate is then
    `unknown`. `read` gets a stage's rule, which has passed the schema and holds no nulls, and
    returns the gate's settings, or None if the rule does not ask for this gate. `find_faults` gets
    the settings, the stage's name and the names of all stages. Both are for built-in gates: a gate
    of another package gets its settings as the policy's YAML has them, unchecked.
    """

    name: str
    ask: Callable[[Subject, SettingsT], Finding | Iterable[Finding]]
    read: Callable[[Mapping[str, Any]], SettingsT | None] = no_settings
    find_faults: Callable[[SettingsT, str, Collection[str]], Iterable[Fault]] = no_faults
    judges_prompts: bool = True
    """False if a prompt has nothing that this gate could look at."""
    judges_rollbacks: bool = True
    """False if the gate would keep a version from coming back to a stage that it held before."""


def believes_runs(rule: Mapping[str, Any]) -> bool:
    """Whether the policy lets a run's metrics count for files outside MLflow (`metrics_from: run`,
    for the stage or for all stages)."""
    return (required(rule, "metrics_from") or rule.get("metrics_from")) == "run"


def required(rule: Mapping[str, Any], name: str) -> Any:
    """What a stage's rule has under `require:` for one gate; None if it has nothing."""
    return (rule.get("require") or {}).get(name)
