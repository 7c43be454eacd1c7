"""Ask the forge about the runs and pull requests that receipts name (RULES R7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.contradictions import Contradiction
from mlflow_gitops.core.audit.record.forge_answers import (
    named_people,
    named_run,
    people_faults,
    run_faults,
)
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.edges.forge import ClonedMainBranch, Forge, ReviewFacts
from mlflow_gitops.edges.system.cache import read_cached, write_cached
from mlflow_gitops.errors import ForgeFailure

MOST_ASKED = 25
"""Receipts that one `verify` asks the forge about, newest first. What it confirms is remembered."""
_KEPT_SECONDS = 360 * 86_400
"""How long a forge keeps runs. An older one that it does not have proves nothing."""
_CACHE = "confirmed"


@dataclass(frozen=True, slots=True)
class ForgeAnswers:
    """What the forge contradicts, and how many receipts say things that it has not confirmed;
    `failure` is the first reason why it did not answer."""

    contradictions: tuple[Contradiction, ...] = ()
    unconfirmed: int = 0
    failure: str | None = None


def compare_with_forge(
    workspace: Workspace, receipts: Sequence[Receipt], line: Mapping[str, int]
) -> ForgeAnswers:
    """Compare the newest receipts of one environment with the forge. Without one, or if it does not
    answer, what they say about runs and people stays a claim."""
    naming = [r for r in receipts if "url" in named_run(r) or any(named_people(r))]
    forge = workspace.forge if naming else None
    if forge is None:
        return ForgeAnswers((), len(naming))

    cached = read_cached(_CACHE, "receipts")
    confirmed = set(cached) if isinstance(cached, list) else set()
    unconfirmed = [receipt for receipt in reversed(naming) if receipt.digest not in confirmed]
    main = ClonedMainBranch(workspace.git, workspace.main_ref, lambda: line)
    question = _Question(forge, forge.review_facts(main), workspace.settings.now().timestamp())
    contradicted: list[Contradiction] = []
    newly_confirmed: set[str] = set()
    reason: str | None = None
    for receipt in unconfirmed[:MOST_ASKED]:
        try:
            of_receipt = list(question.contradictions(receipt))
        except ForgeFailure as failure:
            reason = reason or str(failure)
            continue
        contradicted += of_receipt
        if not of_receipt:
            newly_confirmed.add(receipt.digest)
    if newly_confirmed:
        write_cached(_CACHE, "receipts", sorted(confirmed | newly_confirmed))
    contradicted_digests = {fault.receipt.digest for fault in contradicted}
    return ForgeAnswers(
        tuple(contradicted),
        len(unconfirmed) - len(newly_confirmed) - len(contradicted_digests),
        reason,
    )


@dataclass(frozen=True, slots=True)
class _Question:
    """Asks one forge. `now` is in seconds since 1970."""

    forge: Forge
    facts: ReviewFacts
    now: float

    def contradictions(self, receipt: Receipt) -> Iterator[Contradiction]:
        """What the forge contradicts in one receipt. Raises ForgeFailure."""
        url = named_run(receipt).get("url")
        if url is not None:
            run = self.forge.ci_run(url)
            is_kept = self.now - parse_time(receipt.at).timestamp() < _KEPT_SECONDS
            if run is not None or is_kept:
                for fault in run_faults(receipt, run, self.facts.branch):
                    yield Contradiction(receipt, "", fault)

        for model, commit, people in named_people(receipt):
            for fault in people_faults(commit, people, self.facts.merged(commit)):
                yield Contradiction(receipt, model, fault)
