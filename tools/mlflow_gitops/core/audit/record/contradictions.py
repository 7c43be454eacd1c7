"""Receipts that git, the receipts beside them or their own content contradict (RULES R6, R7).

Anybody who may push to an unsigned receipts branch can add a receipt. What can be derived from
elsewhere shows such a receipt, also after later runs; the rest of a receipt is a claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.receipt_counts import count_of
from mlflow_gitops.core.audit.record.registrations import ShownRegistration
from mlflow_gitops.core.audit.record.rival_receipts import rival_receipts
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.times import format_time, parse_time
from mlflow_gitops.core.wording import and_list, counted

SLACK_SECONDS = 15 * 60
"""How far the clocks of two machines may differ before a time counts as impossible."""

_GATES_WITH_VALUES = frozenset(
    {"approvals", "from", "healthy_in", "max_size", "metrics", "soak", "tags"}
)
"""Gates that have always recorded what they judged, since format 3."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Why one receipt cannot be what a run wrote. `model` is empty if it is not about one model."""

    receipt: Receipt
    model: str
    reason: str


def contradictions(
    receipts: Sequence[Receipt],
    line: MainLine | None = None,
    now: float | None = None,
    find_registered: ShownRegistration | None = None,
) -> list[Contradiction]:
    """Every contradiction in receipts, which are oldest first. `line` is the main line, None if
    this clone does not know all of it; `now` is in seconds since 1970. `find_registered` finds when
    MLflow registered a model; without it, that is a claim of the receipts."""
    by_digest = {receipt.digest: receipt for receipt in receipts}
    newest_dates = list(accumulate(line.dates, max)) if line is not None else []
    contradicted: list[Contradiction] = []
    for receipt in receipts:
        previous = by_digest.get(receipt.previous or "")
        reasons = [
            *_form_faults(receipt, previous),
            *_time_faults(receipt, previous, now),
            *_date_faults(receipt, line, newest_dates, now),
        ]
        contradicted += [Contradiction(receipt, "", reason) for reason in reasons]
        for recorded in receipt.models():
            reasons = [*_gate_faults(receipt, recorded), *_commit_faults(receipt, recorded, line)]
            contradicted += [Contradiction(receipt, recorded.model, reason) for reason in reasons]

    contradicted += [Contradiction(*rival) for rival in rival_receipts(receipts, find_registered)]
    if line is not None:
        contradicted += _off_the_line(receipts, line)
    return contradicted


def _form_faults(receipt: Receipt, previous: Receipt | None) -> Iterator[str]:
    if receipt.schema >= 3:
        if count_of(receipt) is None:
            yield "it has no number, which every run writes since format 3"
        elif receipt.previous is None and count_of(receipt) != 1:
            yield f"it has the number {count_of(receipt)}, and names no receipt before it"
    elif previous is not None and previous.schema > receipt.schema:
        yield f"it has format {receipt.schema}, and follows one in format {previous.schema}"


def _time_faults(receipt: Receipt, previous: Receipt | None, now: float | None) -> Iterator[str]:
    at = parse_time(receipt.at).timestamp()
    if receipt.began is not None and parse_time(receipt.began).timestamp() > at + SLACK_SECONDS:
        yield f"its run began at {receipt.began}, after it was written"
    if now is not None and at > now + SLACK_SECONDS:
        yield f"it was written in the future: it is {format_time(now)} now"
    if previous is not None and parse_time(previous.at).timestamp() > at + SLACK_SECONDS:
        yield f"it was written before the receipt that it follows, which is of {previous.at}"


def _date_faults(
    receipt: Receipt, line: MainLine | None, newest_dates: Sequence[int], now: float | None
) -> Iterator[str]:
    """Most of the commits that it has came later. `newest_dates` has, for each commit of the line,
    the newest date up to it: most receipts are younger, and nothing is counted for them."""
    index = line.index.get(receipt.commit) if line is not None else None
    latest = parse_time(receipt.at).timestamp() + SLACK_SECONDS
    if line is None or index is None or max(newest_dates[index : index + 1], default=0) <= latest:
        return
    dates = [date for date in line.dates[: index + 1] if now is None or date <= now]
    later = [date for date in dates if date > latest]
    if 2 * len(later) > len(dates):
        yield (
            f"it was written before its commit, which is of {format_time(line.dates[index])},"
            f" as before {len(later)} of the {counted(len(dates), 'commit')} up to it"
        )


def _gate_faults(receipt: Receipt, recorded: RecordedModel) -> Iterator[str]:
    """Gates that passed without the values that they judged, and approvals by nobody."""
    if receipt.schema < 3:
        return
    passed = [gate for gate in recorded.gates if gate.get("status") == "passed"]
    bare = [
        str(gate.get("gate"))
        for gate in passed
        if gate.get("gate") in _GATES_WITH_VALUES and not isinstance(gate.get("facts"), dict)
    ]
    if bare:
        yield f"{and_list(sorted(set(bare)))} passed without the values that were judged"

    approvers = max((len(people.approved_by) for _, people in recorded.vouched()), default=0)
    for gate in passed:
        needed = _needed_approvals(gate)
        if needed > approvers:
            yield (
                f"approvals passed for {gate['version']} in {gate.get('stage')}, and it names"
                f" {approvers} of {counted(needed, 'approval')}"
            )


def _needed_approvals(gate: Mapping[str, Any]) -> int:
    """How many people the forge had to name; 0 for other gates, and for approvals in messages."""
    facts = gate.get("facts")
    if gate.get("gate") != "approvals" or not isinstance(facts, dict) or "approvals" not in facts:
        return 0
    needed = facts.get("needed")
    return needed if type(needed) is int else 0


def _commit_faults(
    receipt: Receipt, recorded: RecordedModel, line: MainLine | None
) -> Iterator[str]:
    """Commits that its run cannot have brought about."""
    position = line.index.get(receipt.commit) if line is not None else None
    if line is None or position is None:
        return
    for commit in sorted(recorded.commits):
        index = line.index.get(commit)
        if index is None:
            yield f"it names {commit[:12]}, which is not on the main line"
        elif index > position:
            yield f"it names {commit[:12]}, which came after the commit that it reconciled"


def _off_the_line(receipts: Iterable[Receipt], line: MainLine) -> Iterator[Contradiction]:
    """Receipts of the line's registries on commits that are not on it, which prove nothing. Those
    that a rewritten history leaves are many: the newest stands for all that follow each other."""
    registries = {
        (str(receipt.owner), str(receipt.content.get("registry")))
        for receipt in receipts
        if receipt.commit in line.index
    }
    run: list[Receipt] = []
    for receipt in (*receipts, None):
        if receipt is not None:
            registry = str(receipt.owner), str(receipt.content.get("registry"))
            if registry not in registries:
                continue
            if receipt.commit not in line.index:
                run.append(receipt)
                continue
        if run:
            others = f", as are {len(run) - 1} before it" if len(run) > 1 else ""
            reason = f"{run[-1].commit[:12]} is no commit of the main line of this clone{others}"
            yield Contradiction(run[-1], "", reason)
            run = []
