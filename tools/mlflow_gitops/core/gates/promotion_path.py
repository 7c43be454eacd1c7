"""Gates on a version's way up: through which stages, how long, and with whose approval."""

from __future__ import annotations

from datetime import timedelta, timezone

from mlflow_gitops.core.gates.subject import Finding, Subject, failed, passed, span
from mlflow_gitops.core.history.approvals import Approvals
from mlflow_gitops.core.manifests.gate_settings import Soak, Source
from mlflow_gitops.core.observed.recorded import Unreadable
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.core.wording import counted, or_list


def climbs_from(subject: Subject, stages: tuple[str, ...]) -> Finding:
    """`from`: right before the making commit the version was in one of these stages, and a
    reconcile had put it there."""
    stays = [stage for stage in stages if stage in subject.entry.stays]
    held = [stage for stage in stays if subject.held(stage)]
    if held:
        return passed(f"from {held[0]}")
    if stays:
        return failed(f"no reconcile has put {subject.number} in {stays[0]} yet")
    return failed(f"{subject.number} was not in {or_list(stages)} before")


def soak(subject: Subject, asked: Soak, stages: tuple[str, ...]) -> Finding:
    """`soak`: the present unbroken stay in such a stage is long enough, from the later of its merge
    and the time at which a reconcile put the version there. A stay that is still too short
    waits."""
    begun = []
    for stage in stages:
        if stage in subject.entry.stays and (held := subject.held(stage)) is not None:
            merge = subject.entry.stays[stage]
            begun.append((max(held, parse_time(merge.at)) if merge else held, stage))
    if not begun:
        return failed(
            f"{subject.number} has not begun to soak in {or_list(stages)} (soak {asked.text})"
        )
    since, stage = min(begun)
    stayed = parse_time(subject.now) - since
    if stayed >= asked.length:
        return passed(f"{span(stayed)} in {stage} (soak {asked.text})")
    # A whole second later rather than earlier: whoever comes back at that time finds it over.
    until = (
        (since + asked.length + timedelta(microseconds=999_999))
        .astimezone(timezone.utc)
        .replace(microsecond=0)
    )
    shown = until.isoformat().replace("+00:00", "Z")
    return Finding(
        "waiting", f"{span(stayed)} of {asked.text} in {stage}, until {shown}", until=shown
    )


def approvals(subject: Subject, wanted: int, source: Source = "pull_request") -> Finding:
    """`approvals`: enough people approved the change. Before the merge this waits, and tells what
    is there already."""
    needs = counted(wanted, "approval")
    made = subject.entry.made
    if made is None or not subject.merged:
        try:
            known = subject.claims() if source == "message" else subject.approvals()
        except Unreadable as reason:
            return Finding(
                "waiting",
                f"needs {needs} of the pull request (not known yet: {reason})",
                needs=needs,
            )
        if known is None or not (known.by or known.pull_request):
            return Finding("waiting", f"needs {needs} of the pull request", needs=needs)
        if len(known.by) >= wanted:
            return Finding(
                "waiting",
                f"approved by {', '.join(known.by)}; counts once it is merged",
                needs=needs,
            )
        return Finding("waiting", f"needs {needs}, has {_told(known)}", needs=needs)
    if source == "message":
        claims = subject.claims()
        if len(claims.by) >= wanted:
            return passed(f"claimed in the message: approved by {', '.join(claims.by)}")
        return failed(f"claimed in the message: {_told(claims, needs)}")
    told = subject.approvals()
    if told is None:
        why = "GitHub is asked with GITHUB_TOKEN and GITHUB_REPOSITORY"
        return Finding("unknown", f"who approved {made.sha[:7]} cannot be read: {why}", needs=needs)
    if told.stages is not None and subject.number not in told.stages.get(subject.entry.stage, ()):
        # A merge commit can be made by hand, and say anything.
        what = f"{subject.number} in {subject.entry.stage}"
        return failed(
            f"the commit that merged #{told.pull_request} puts {what}, which #{told.pull_request}"
            " does not"
        )
    if len(told.by) >= wanted:
        return passed(f"approved by {', '.join(told.by)}")
    return failed(_told(told, needs))


def _told(known: Approvals, of: str = "") -> str:
    """How many approvals there are, whose they are, and why the others' do not count."""
    who = ", ".join((*known.by, *known.not_counted))
    return f"{len(known.by)}{' of ' + of if of else ''}" + (f": {who}" if who else "")
