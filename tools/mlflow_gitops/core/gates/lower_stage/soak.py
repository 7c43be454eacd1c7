"""`soak`: a version has been in the stage below for long enough."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.gates.gate import Fault, Finding, Gate, failed, passed
from mlflow_gitops.core.times import format_datetime, format_duration, parse_duration, parse_time
from mlflow_gitops.core.wording import or_list

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject


class Soak(NamedTuple):
    """How long a version must have been in one of the stages below, as the policy writes it
    (`24h`, `1d12h`)."""

    text: str
    lower_stages: tuple[str, ...] = ()

    @property
    def length(self) -> timedelta:
        return parse_duration(self.text)


def read(rule: Mapping[str, Any]) -> Soak | None:
    """The length, and the stages in which the time counts: those of `from`."""
    return Soak(rule["soak"], tuple(rule.get("from") or ())) if rule.get("soak") else None


def find_faults(soak: Soak, stage: str, stages: Collection[str]) -> Iterator[Fault]:
    """Without `from` there is no stage in which the time could count."""
    if not soak.lower_stages:
        message = f"the soak of {stage} needs the stage to soak in: from: [Staging]"
        yield Fault(("soak",), "soak-needs-from", message)


def ask(subject: Subject, soak: Soak) -> Finding:
    """The present unbroken stay in such a stage is long enough. A stay that is still too short
    waits."""
    since = {stage: subject.in_stage_since(stage) for stage in soak.lower_stages}
    stays = [(began, stage) for stage, began in since.items() if began is not None]
    if not stays:
        lower = or_list(soak.lower_stages)
        return failed(f"{subject.number} has not begun to soak in {lower} (soak {soak.text})")

    began, stage = min(stays)
    stayed = parse_time(subject.now) - began
    facts = {"stage": stage, "since": format_datetime(began), "soak": soak.text}
    if stayed >= soak.length:
        return passed(f"{format_duration(stayed)} in {stage} (soak {soak.text})", facts)

    # Round up to a whole second, so that a run at exactly this time finds the soak over.
    end = began + soak.length + timedelta(microseconds=999_999)
    until = format_datetime(end)
    detail = f"{format_duration(stayed)} of {soak.text} in {stage}, until {until}"
    return Finding("waiting", detail, until=until, facts=facts)


GATE = Gate("soak", ask, read, find_faults, judges_rollbacks=False)
