"""`approvals`: enough people approved the change that promotes the version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Protocol

from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
from mlflow_gitops.core.gates.gate import Facts, Fault, Finding, Gate, failed, passed
from mlflow_gitops.core.wording import counted, or_list

Source = Literal["pull_request", "message"]
"""Where approvals are looked for: in the forge's reviews, or in what commit messages claim."""


class RequiredApprovals(NamedTuple):
    """How many approvals a stage needs, where they are looked for, and whose: `@login` or
    `@organization/team`. Without `of`, anybody's who may write to the repository."""

    number: int
    source: Source = "pull_request"
    of: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return self.text_of(self.number)

    def text_of(self, number: int) -> str:
        """So many approvals, in words: `2 approvals of @acme/model-validation`."""
        return _counted(number) + (f" of {or_list(self.of)}" if self.of else "")


class ApprovedChange(Protocol):
    """What the gate asks about a change: an entry of a model, or a change of the policy. The
    members are those of `Subject`."""

    @property
    def making_commit(self) -> str | None: ...
    @property
    def is_merged(self) -> bool: ...
    def approvals(self) -> Approvals | None: ...
    def claims(self) -> Approvals: ...
    def differs_from(self, reviewed: Reviewed) -> str | None: ...


def read(rule: Mapping[str, Any]) -> RequiredApprovals | None:
    """A number, or a mapping with `count` (default 1), `from` and `of`."""
    value = rule.get("approvals") or 0
    if isinstance(value, int):
        value = {"count": value}
    count = value.get("count", 1)
    if not count:
        return None
    source, of = value.get("from", "pull_request"), value.get("of") or ()
    return RequiredApprovals(count, source, tuple(of))


def find_faults(
    required: RequiredApprovals, stage: str, stages: Collection[str]
) -> Iterator[Fault]:
    if not required.of:
        return
    if required.source == "message":
        message = "`of` needs reviews of the pull request: with `from: message` nobody is known"
        yield Fault(("approvals", "of"), "bad-value", message)
    people = {name.lower() for name in required.of if "/" not in name}
    if len(people) == len(required.of) and required.number > len(people):
        message = f"{stage} wants {_counted(required.number)}, and `of` names {len(people)}"
        yield Fault(("approvals", "count"), "bad-value", message)


def ask(subject: ApprovedChange, required: RequiredApprovals) -> Finding:
    """Before the merge this waits, and names the approvals that the change has already."""
    if subject.making_commit is None or not subject.is_merged:
        return _before_merge(subject, required)
    if required.source == "message":
        return _from_messages(subject, required)
    return _from_pull_request(subject, required, subject.making_commit)


def _before_merge(subject: ApprovedChange, required: RequiredApprovals) -> Finding:
    # Start-up does not pay for the values that only a judgement needs.
    from mlflow_gitops.core.recorded.values import Unreadable

    needs = required.text
    try:
        from_messages = required.source == "message"
        approvals = subject.claims() if from_messages else subject.approvals()
        approvals = narrowed(approvals, required) if approvals is not None else None
    except Unreadable as reason:
        detail = f"needs {_of_pull_request(required)} (not known yet: {reason})"
        return Finding("waiting", detail, needs=needs, facts=_missing(required.number, required))

    if approvals is None or not (approvals.by or approvals.pull_request):
        detail, facts = f"needs {_of_pull_request(required)}", _missing(required.number, required)
        return Finding("waiting", detail, needs=needs, facts=facts)
    number = needed(approvals, required)
    missing = max(number - len(approvals.by), 1 if approvals.objections else 0)
    if len(approvals.by) < number:
        needed_text = required.text_of(number) + _because(approvals)
        detail = f"needs {needed_text}, has {_summary(approvals)}"
    else:
        detail = f"approved by {', '.join(approvals.by)}; counts once it is merged"
        if approvals.objections:
            detail = (
                f"approved by {', '.join(approvals.by)}, but {_objecting(approvals)} and no"
                " approval counts beside that"
            )
    return Finding("waiting", detail, needs=needs, facts=_missing(missing, required))


def _missing(number: int, required: RequiredApprovals) -> Facts:
    """How many approvals are still missing before the merge, and of whom."""
    return {"missing_approvals": number, "of": " ".join(required.of)}


def _from_messages(subject: ApprovedChange, required: RequiredApprovals) -> Finding:
    claims = subject.claims()
    facts = {"claimed_approvals": len(claims.by), "needed": required.number}
    if len(claims.by) >= required.number:
        return passed(f"claimed in the message: approved by {', '.join(claims.by)}", facts)
    return failed(f"claimed in the message: {_summary(claims, required.text)}", facts)


def _from_pull_request(
    subject: ApprovedChange, required: RequiredApprovals, commit: str
) -> Finding:
    approvals = subject.approvals()
    if approvals is None:
        reason = "the forge is not configured, and mlflow-gitops doctor shows what is missing"
        detail = f"who approved {commit[:7]} cannot be read: {reason}"
        return Finding("unknown", detail, needs=required.text)

    difference = subject.differs_from(approvals.reviewed) if approvals.reviewed else None
    if difference is not None:
        # A merge commit can be made by hand, and another merge can change what this one relies on.
        request = f"#{approvals.pull_request}"
        return failed(f"the commit that merged {request} {difference}, which {request} does not")

    if approvals.objections:
        return failed(f"{_objecting(approvals)}; the review must be withdrawn or dismissed")
    approvals = narrowed(approvals, required)
    number = needed(approvals, required)
    facts = {"pr": approvals.pull_request, "approvals": len(approvals.by), "needed": number}
    if len(approvals.by) >= number:
        return passed(f"approved by {', '.join(approvals.by)}", facts)
    return failed(f"{_summary(approvals, required.text_of(number))}{_because(approvals)}", facts)


def _of_pull_request(required: RequiredApprovals) -> str:
    return required.text if required.of else f"{required.text} of the pull request"


def narrowed(approvals: Approvals, required: RequiredApprovals) -> Approvals:
    """The approvals of the people whom the policy asks for; the others' do not count. Raises
    Unreadable if the members of a team cannot be read."""
    if not required.of:
        return approvals
    by = tuple(person for person in approvals.by if is_asked(person, approvals, required))
    reason = f"is not one of {or_list(required.of)}"
    others = (f"{person} {reason}" for person in approvals.by if person not in by)
    return replace(approvals, by=by, not_counted=(*approvals.not_counted, *others))


def is_asked(person: str, approvals: Approvals, required: RequiredApprovals) -> bool:
    """Whether the policy lets a person (`@login`) approve. Raises Unreadable."""
    if not required.of:
        return True
    login = person.removeprefix("@").lower()
    names = [name.removeprefix("@").lower() for name in required.of]
    if login in (name for name in names if "/" not in name):
        return True
    return any(login in approvals.team_members(f"@{name}") for name in names if "/" in name)


def needed(approvals: Approvals, required: RequiredApprovals) -> int:
    """How many approvals a pull request needs. What a bot makes has no author who could be kept
    from approving it: one more person looks."""
    return required.number + (1 if approvals.bot else 0)


def _because(approvals: Approvals) -> str:
    return f" (one more, because @{approvals.bot} had a part in making it)" if approvals.bot else ""


def _objecting(approvals: Approvals) -> str:
    verb = "requests" if len(approvals.objections) == 1 else "request"
    return f"{', '.join(approvals.objections)} {verb} changes"


def _counted(number: int) -> str:
    return counted(number, "approval")


def _summary(approvals: Approvals, needed: str | None = None) -> str:
    """How many approvals there are, whose they are, and why the others do not count."""
    people = ", ".join((*approvals.by, *approvals.not_counted))
    count = str(len(approvals.by))
    if needed is not None:
        count += f" of {needed}"
    return f"{count}: {people}" if people else count


GATE = Gate("approvals", ask, read, find_faults)
