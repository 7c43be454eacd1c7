"""`from`: a version comes to a stage through another one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.gates.gate import Fault, Finding, Gate, failed, passed
from mlflow_gitops.core.wording import or_list

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

Stages = tuple[str, ...]


def read(rule: Mapping[str, Any]) -> Stages | None:
    """The stages of which the version must have been in one; None if any way up will do."""
    return tuple(rule.get("from") or ()) or None


def find_faults(lower_stages: Stages, stage: str, stages: Collection[str]) -> Iterator[Fault]:
    """A version can only come from another stage that exists and that a reconcile can hold."""
    for lower in lower_stages:
        path = ("from", lower)
        if lower not in stages:
            message = f"{stage} wants a version from {lower!r}, which is not in the policy"
            yield Fault(path, "stage-unknown", message)
        elif lower == stage:
            yield Fault(path, "bad-value", f"a version cannot come to {stage} from {stage}")
        elif lower == "Archived":
            # No stamp records a stay in Archived (RULES R3), so the gate could never pass.
            message = f"{stage} cannot want a version from Archived: no reconcile holds one there"
            yield Fault(path, "bad-value", message)


def ask(subject: Subject, lower_stages: Stages) -> Finding:
    """Right before the making commit the version was in one of these stages, and a reconcile had
    put it there."""
    stays = [stage for stage in lower_stages if subject.was_in(stage)]
    if not stays:
        return failed(f"{subject.number} was not in {or_list(lower_stages)} before")

    held_stages = [stage for stage in stays if subject.held(stage)]
    if not held_stages:
        hint = subject.receipts_hint()
        return failed(
            f"no receipt says that a reconcile has put {subject.number} in {stays[0]} yet"
            + (f" ({hint})" if hint else "")
        )
    return passed(f"from {held_stages[0]}", {"stage": held_stages[0]})


GATE = Gate("from", ask, read, find_faults, judges_rollbacks=False)
