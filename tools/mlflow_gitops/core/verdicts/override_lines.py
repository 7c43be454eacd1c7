"""Which `Gate-Override:` lines count for an entry, and what they change (RULES R3).

If people approve the change, a line must have been there when they did: only the commits of the
head that they approved count, not what somebody types when merging.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.gates.approvals import RequiredApprovals
from mlflow_gitops.core.gates.change_approvals import Approvals, PullRequestMessage
from mlflow_gitops.core.gates.gate import Finding
from mlflow_gitops.core.history.mainline import StatedMessage
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.asked_gates import AskedGate, allowed_overrides
from mlflow_gitops.core.verdicts.entry_subject import EntrySubject
from mlflow_gitops.core.verdicts.overrides import Override, overrides


@dataclass(frozen=True, slots=True)
class OverrideLines:
    """The lines about one entry. `unapproved` are the gates of lines that do not count, since no
    commit that was approved has them; `pull_request` is the number of the approved pull request."""

    counted: tuple[Override, ...] = ()
    unapproved: tuple[str, ...] = ()
    pull_request: int | None = None


def counted_overrides(
    subject: EntrySubject, gates: Sequence[AskedGate], allowed: frozenset[str]
) -> OverrideLines:
    """The override lines of the making commit that may mean this entry. Those that the forge does
    not show in the approved commits of a merged pull request are set apart."""
    stated = _stated(subject)
    required = [
        gate.settings
        for gate in gates
        if gate.name == approvals.GATE.name and gate.settings.source == "pull_request"
    ]
    if not stated or not required or not subject.is_merged:
        return OverrideLines(tuple(stated))
    try:
        approved = subject.approvals()
        if approved is None or approved.pull_request is None:
            return OverrideLines(tuple(stated))
        carried = _carried(approved, required, allowed)
    except Unreadable:
        # `approvals` is unknown then, and refuses.
        return OverrideLines(tuple(stated))

    authors = {line: line.author for line in carried}
    return OverrideLines(
        tuple(replace(line, author=authors[line]) for line in stated if line in authors),
        tuple(line.gate for line in stated if line not in authors),
        approved.pull_request,
    )


def overridden(
    findings: Sequence[tuple[str, Finding]], lines: OverrideLines, allowed: frozenset[str]
) -> list[tuple[str, Finding]]:
    """The findings, with `overridden` for each that a line lets pass."""
    usable = _usable(lines.counted, allowed)
    result = []
    for gate, finding in findings:
        if gate in usable and finding.status in ("failed", "waiting", "unknown"):
            line = usable[gate]
            by = f" (written by {line.author})" if line.author else ""
            detail = f"{finding.detail}, overridden: {line.reason}{by}"
            finding = Finding("overridden", detail, facts=finding.facts)
        result.append((gate, finding))
    return result


def ignored_overrides(
    lines: OverrideLines,
    findings: Sequence[tuple[str, Finding]],
    entry: Entry,
    gates_of_commit: Collection[str],
) -> Iterator[str]:
    """A note for each line that has no effect. A line that names no stage may mean another entry of
    the same commit: it is not noted if one of these has the gate."""
    allowed = allowed_overrides(entry)
    for gate in lines.unapproved:
        yield (
            f"Gate-Override of {gate} is ignored: no commit of #{lines.pull_request} that was"
            " approved has this line"
        )
    for line in lines.counted:
        if not line.reason:
            yield f"Gate-Override of {line.gate} is ignored: it gives no reason"
        elif line.gate not in allowed:
            yield (
                f"Gate-Override of {line.gate} is ignored: the policy does not let it be overridden"
            )

    usable = _usable(lines.counted, allowed).keys()
    asked_gates = {gate for gate, _ in findings}
    other_entries_gates = {
        line.gate for line in lines.counted if line.stage is None and line.gate in gates_of_commit
    }
    for gate in sorted(usable - asked_gates - other_entries_gates):
        yield f"Gate-Override of {gate} is ignored: {entry.stage} has no such gate"


def _stated(subject: EntrySubject) -> list[Override]:
    """The lines in the messages that git has for the making commit."""
    commit = subject.entry.making_commit
    if commit is None:
        return []
    stated = overrides(
        message
        for file in subject.history.files(commit)
        for message in subject.evidence.messages(commit, file)
    )
    return [line for line in stated if line.means(subject.model, subject.stage)]


def _carried(
    approved: Approvals, required: Sequence[RequiredApprovals], allowed: frozenset[str]
) -> list[Override]:
    """The lines in the commits of the pull request that enough people approved. If `approvals` is
    overridden itself, nobody has to: the lines of its commits count."""
    every = list(overrides(_message(message) for message in approved.messages))
    if approvals.GATE.name in _usable(every, allowed):
        return every
    messages = (
        message
        for message in approved.messages
        if all(_is_approved(message, approved, rule) for rule in required)
    )
    return list(overrides(_message(message) for message in messages))


def _is_approved(message: PullRequestMessage, approved: Approvals, rule: RequiredApprovals) -> bool:
    """Whether as many people as a rule asks for approved a head with this commit."""
    by = approvals.narrowed(replace(approved, by=message.approved_by), rule).by
    return len(by) >= approvals.needed(approved, rule)


def _message(message: PullRequestMessage) -> StatedMessage:
    return StatedMessage(message.text, message.author)


def _usable(lines: Sequence[Override], allowed: frozenset[str]) -> dict[str, Override]:
    """By gate: the first line with a reason, for a gate that may be overridden."""
    usable: dict[str, Override] = {}
    for line in lines:
        if line.reason and line.gate in allowed:
            usable.setdefault(line.gate, line)
    return usable
