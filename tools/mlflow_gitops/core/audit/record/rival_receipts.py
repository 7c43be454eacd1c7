"""Receipts that cannot both be true: one number, one change or one commit's approvals recorded
twice (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.receipt_counts import count_of
from mlflow_gitops.core.audit.record.registrations import (
    Mention,
    Registrations,
    ShownRegistration,
)
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.times import parse_time

_LONGEST_RUN_SECONDS = 6 * 3600
"""A receipt that claims a longer run than CI systems allow is not beside more receipts for it."""


class Rival(NamedTuple):
    """The receipt that is the less likely one of two, its model, and why both cannot be true."""

    receipt: Receipt
    model: str
    reason: str


def rival_receipts(
    receipts: Sequence[Receipt], find_registered: ShownRegistration | None = None
) -> Iterator[Rival]:
    """One for each pair that cannot be true. `receipts` are oldest first. `find_registered` finds
    when MLflow registered a model."""
    chain = _main_chain(receipts)
    yield from _same_numbers(receipts, chain)
    yield from _same_changes(receipts, chain, Registrations(receipts, find_registered))
    yield from _different_people(receipts, chain)


def _main_chain(receipts: Sequence[Receipt]) -> set[str]:
    """The digests of the longest chain: others stand beside it."""
    lengths: dict[str, int] = {}
    previous = {receipt.digest: receipt.previous for receipt in receipts}
    longest: str | None = None
    for receipt in receipts:  # one comes after those before it in its chain
        digest = receipt.digest
        lengths[digest] = lengths.get(receipt.previous or "", 0) + 1
        if longest is None or lengths[digest] > lengths[longest]:
            longest = digest

    chain: set[str] = set()
    while longest is not None and longest in previous and longest not in chain:
        chain.add(longest)
        longest = previous[longest]
    return chain


def _less_likely(earlier: Receipt, later: Receipt, chain: set[str]) -> tuple[Receipt, Receipt]:
    """Of two receipts, the one that is beside the main chain, else the later one; and the other."""
    if earlier.digest not in chain and later.digest in chain:
        return earlier, later
    return later, earlier


def _same_numbers(receipts: Sequence[Receipt], chain: set[str]) -> Iterator[Rival]:
    by_number: dict[tuple[str, int], Receipt] = {}
    for receipt in receipts:
        count = count_of(receipt)
        if count is None:
            continue
        earlier = by_number.setdefault((str(receipt.owner), count), receipt)
        if earlier is receipt or _are_beside(earlier, receipt) or _is_witnessed(earlier, receipt):
            continue
        rival, likely = _less_likely(earlier, receipt, chain)
        yield Rival(rival, "", f"it has the number {count}, which that of {likely.at} has as well")


def _are_beside(first: Receipt, second: Receipt) -> bool:
    """Whether the runs of two receipts went on at one time, so that neither knew of the other."""
    (first_began, first_ended), (second_began, second_ended) = _span(first), _span(second)
    return first_began <= second_ended and second_began <= first_ended


def _span(receipt: Receipt) -> tuple[float, float]:
    at = parse_time(receipt.at).timestamp()
    began = parse_time(receipt.began).timestamp() if receipt.began else at
    return max(began, at - _LONGEST_RUN_SECONDS), at


def _is_witnessed(earlier: Receipt, later: Receipt) -> bool:
    """Whether the run of the later receipt met stamps of the earlier one, whose clone could not
    push it yet."""
    changed = earlier.changed()
    return any(
        recorded.model in changed
        and (
            recorded.is_base_unrecorded
            or any(flaw["stamp"] == earlier.digest for flaw in recorded.flaws)
        )
        for recorded in later.models()
    )


def _same_changes(
    receipts: Sequence[Receipt], chain: set[str], registrations: Registrations
) -> Iterator[Rival]:
    """A change that one commit asked for and two runs say that they made: the second found it done.
    What was created anew, or is on another server, begins from the start."""
    made: dict[tuple[str, ...], dict[tuple[str, ...], Mention]] = {}
    for receipt in receipts:
        for recorded in receipt.models():
            if not recorded.is_applied:
                continue
            mention = Mention(receipt, recorded)
            of_model = made.setdefault(mention.key, {})
            if registrations.is_created_anew(mention):
                of_model.clear()
            yield from _made_before(mention, of_model, chain, registrations)


def _made_before(
    mention: Mention,
    made: dict[tuple[str, ...], Mention],
    chain: set[str],
    registrations: Registrations,
) -> Iterator[Rival]:
    receipt, recorded = mention
    is_known = recorded.is_base_unrecorded or bool(recorded.flaws) or receipt.is_recovered
    reported: set[str] = set()
    for change in recorded.changes:
        if change.get("cause") != "commit" or not isinstance(change.get("commit"), str):
            continue
        earlier = made.setdefault(_key(change), mention)
        if earlier is mention or is_known or _are_beside(earlier.receipt, receipt):
            continue
        if registrations.are_different(earlier, mention):
            made[_key(change)] = mention
            continue
        rival, likely = _less_likely(earlier.receipt, receipt, chain)
        if likely.digest not in reported:
            reported.add(likely.digest)
            reason = f"it says that it made what {change['commit'][:12]} asked for, which that of"
            yield Rival(rival, recorded.model, f"{reason} {likely.at} had made")


def _key(change: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(change.get(key)) for key in ("action", "version", "key", "to", "commit"))


def _different_people(receipts: Sequence[Receipt], chain: set[str]) -> Iterator[Rival]:
    """Other people behind a commit, both as the forge is said to have named them. A later run may
    count fewer: somebody who lost access no longer counts."""
    vouched: dict[tuple[str, str, str], tuple[Receipt, RecordedPeople]] = {}
    for receipt in receipts:
        for recorded in receipt.models():
            for commit, people in recorded.vouched() if recorded.is_applied else ():
                if people.source != "api":
                    continue
                key = str(receipt.owner), recorded.model, commit
                earlier, before = vouched.setdefault(key, (receipt, people))
                if earlier is receipt or _agree(before, people):
                    continue
                rival, likely = _less_likely(earlier, receipt, chain)
                reason = f"it names other people behind {commit[:12]} than that of {likely.at}"
                yield Rival(rival, recorded.model, reason)


def _agree(earlier: RecordedPeople, later: RecordedPeople) -> bool:
    return (
        earlier.pull_request == later.pull_request
        and earlier.merged_by == later.merged_by
        and set(later.approved_by) <= set(earlier.approved_by)
    )
