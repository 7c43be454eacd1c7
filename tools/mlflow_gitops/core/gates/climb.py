"""Gates on a version's way up: through which stages, how long, and with whose approval."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta, timezone

from mlflow_gitops.core.gates.subject import Finding, Subject, failed, passed, span
from mlflow_gitops.core.policy import instant
from mlflow_gitops.core.requirements import Soak


def climbs_from(subject: Subject, stages: tuple[str, ...]) -> Finding:
    """`from`: right before the making commit the version was in one of these stages, and a reconcile had put it there."""
    stays = [stage for stage in stages if stage in subject.entry.stays]
    held = [stage for stage in stays if subject.held(stage)]
    if held:
        return passed(f"from {held[0]}")
    if stays:
        return failed(f"no reconcile has put {subject.number} in {stays[0]} yet")
    return failed(f"{subject.number} was not in {' or '.join(stages)} before")


def soak(subject: Subject, asked: Soak, stages: tuple[str, ...]) -> Finding:
    """`soak`: the present unbroken stay in such a stage is long enough, from the later of its merge and the time at which a
    reconcile put the version there. A stay that is still too short waits."""
    begun = []
    for stage in stages:
        if stage in subject.entry.stays and (held := subject.held(stage)) is not None:
            merge = subject.entry.stays[stage]
            begun.append((max(held, instant(merge.at)) if merge else held, stage))
    if not begun:
        return failed(f"{subject.number} has not begun to soak in {' or '.join(stages)} (soak {asked.text})")
    since, stage = min(begun)
    stayed = instant(subject.now) - since
    if stayed >= asked.length:
        return passed(f"{span(stayed)} in {stage} (soak {asked.text})")
    # A whole second later rather than earlier: whoever comes back at that time finds it over.
    until = (since + asked.length + timedelta(microseconds=999_999)).astimezone(timezone.utc).replace(microsecond=0)
    shown = until.isoformat().replace("+00:00", "Z")
    return Finding("waiting", f"{span(stayed)} of {asked.text} in {stage}, until {shown}", until=shown)


def approvals(subject: Subject, wanted: int) -> Iterator[Finding]:
    """`approvals`: enough people approved the pull request that made the change. Before the merge this waits."""
    needs = f"{wanted} approval{'s' if wanted > 1 else ''}"
    if subject.entry.made is None or not subject.merged:
        yield Finding("waiting", f"needs {needs} of the pull request", needs=needs)
        return
    people = subject.approvals()
    if people is None:
        sha = subject.entry.made.sha[:7]
        yield Finding("unknown", f"who approved {sha} cannot be read: no access to its pull request", needs=needs)
    elif len(people) >= wanted:
        yield passed(f"approved by {', '.join(people)}")
    else:
        yield failed(f"{len(people)} of {needs}" + (f": {', '.join(people)}" if people else ""))
