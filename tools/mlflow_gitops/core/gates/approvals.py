"""`approvals`: enough people approved the change that promotes the version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed
from mlflow_gitops.core.wording import counted

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

Source = Literal["pull_request", "message"]
"""Where approvals are looked for: in the forge's reviews, or in what commit messages claim."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """What is known of a change's approvals.

    `by` are the people whose approval counts: `@login`, or `Name <email>` if messages are believed.
    `not_counted` gives, for each other review or for the change itself, why it does not count.
    `pull_request` is None if none made the change. `stages` is what the manifest says at the head
    that was merged, if the commit says something else; None if it is the same.
    """

    by: tuple[str, ...] = ()
    not_counted: tuple[str, ...] = ()
    pull_request: int | None = None
    merged_by: str | None = None
    stages: Mapping[str, tuple[int, ...]] | None = None


class RequiredApprovals(NamedTuple):
    """How many approvals a stage needs, and where they are looked for."""

    number: int
    source: Source = "pull_request"

    @property
    def text(self) -> str:
        return counted(self.number, "approval")


def read(rule: Mapping[str, Any]) -> RequiredApprovals | None:
    """A number, or a mapping with `count` (default 1) and `from`."""
    value = rule.get("approvals") or 0
    if isinstance(value, int):
        value = {"count": value}
    count = value.get("count", 1)
    return RequiredApprovals(count, value.get("from", "pull_request")) if count else None


def ask(subject: Subject, required: RequiredApprovals) -> Finding:
    """Before the merge this waits, and names the approvals that the change has already."""
    if subject.making_commit is None or not subject.is_merged:
        return _before_merge(subject, required)
    if required.source == "message":
        return _from_messages(subject, required)
    return _from_pull_request(subject, required, subject.making_commit)


def _before_merge(subject: Subject, required: RequiredApprovals) -> Finding:
    # Start-up does not pay for the values that only a judgement needs.
    from mlflow_gitops.core.recorded.values import Unreadable

    needs = required.text
    try:
        from_messages = required.source == "message"
        approvals = subject.claims() if from_messages else subject.approvals()
    except Unreadable as reason:
        detail = f"needs {needs} of the pull request (not known yet: {reason})"
        return Finding("waiting", detail, needs=needs)

    if approvals is None or not (approvals.by or approvals.pull_request):
        return Finding("waiting", f"needs {needs} of the pull request", needs=needs)
    if len(approvals.by) >= required.number:
        detail = f"approved by {', '.join(approvals.by)}; counts once it is merged"
        return Finding("waiting", detail, needs=needs)
    return Finding("waiting", f"needs {needs}, has {_summary(approvals)}", needs=needs)


def _from_messages(subject: Subject, required: RequiredApprovals) -> Finding:
    claims = subject.claims()
    if len(claims.by) >= required.number:
        return passed(f"claimed in the message: approved by {', '.join(claims.by)}")
    return failed(f"claimed in the message: {_summary(claims, required)}")


def _from_pull_request(subject: Subject, required: RequiredApprovals, commit: str) -> Finding:
    approvals = subject.approvals()
    if approvals is None:
        reason = "the forge is not configured, and mlflow-gitops doctor shows what is missing"
        detail = f"who approved {commit[:7]} cannot be read: {reason}"
        return Finding("unknown", detail, needs=required.text)

    reviewed = approvals.stages
    if reviewed is not None and subject.number not in reviewed.get(subject.stage, ()):
        # A merge commit can be made by hand, with any content.
        placement = f"{subject.number} in {subject.stage}"
        request = f"#{approvals.pull_request}"
        return failed(
            f"the commit that merged {request} puts {placement}, which {request} does not"
        )

    if len(approvals.by) >= required.number:
        return passed(f"approved by {', '.join(approvals.by)}")
    return failed(_summary(approvals, required))


def _summary(approvals: Approvals, required: RequiredApprovals | None = None) -> str:
    """How many approvals there are, whose they are, and why the others do not count."""
    people = ", ".join((*approvals.by, *approvals.not_counted))
    count = str(len(approvals.by))
    if required is not None:
        count += f" of {required.text}"
    return f"{count}: {people}" if people else count


GATE = Gate("approvals", ask, read)
