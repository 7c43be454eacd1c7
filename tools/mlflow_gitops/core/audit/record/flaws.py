"""Flaws of the record: receipts that vanished, were written later by another run, were passed over,
or cannot be what a run wrote. Nothing heals them. They stay findings until a commit acknowledges
them (RULES R6, R7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlflow_gitops.core.audit.receipts import Receipt, broken_links
from mlflow_gitops.core.audit.record.receipt_counts import counts_missing_before
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.wording import and_list

if TYPE_CHECKING:
    from mlflow_gitops.core.audit.record.contradictions import Contradiction

FlawKind = Literal["recovered", "lost", "replayed", "gap", "contradicted", "signer"]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One flaw. `receipt` is the one that shows it, and whose digest acknowledges it. `model` is
    empty for a gap in the chain or in the counter, and for what is wrong with a whole receipt."""

    kind: FlawKind
    receipt: Receipt
    model: str
    detail: str


def recorded_flaw(kind: FlawKind, stamp: str) -> dict[str, str]:
    """What a receipt holds about a flaw that its run met: `stamp` is what MLflow named, the digest
    of a receipt that is `lost`, or the commit of an older state that was `replayed`."""
    return {"kind": kind, "stamp": stamp}


def flaws(receipts: Sequence[Receipt], contradictions: Iterable[Contradiction] = ()) -> list[Flaw]:
    """Every flaw, in the order of the receipts, which are oldest first, with what contradicts
    them."""
    digests = {receipt.digest for receipt in receipts}
    gaps = _gaps(receipts)
    contradicted: dict[str, list[Flaw]] = {}
    for flaw in contradicted_receipts(contradictions):
        contradicted.setdefault(flaw.receipt.digest, []).append(flaw)
    return [
        flaw
        for receipt in receipts
        for flaw in (
            *gaps.get(receipt.digest, ()),
            *contradicted.get(receipt.digest, ()),
            *_flaws_of(receipt, digests),
        )
    ]


def contradicted_receipts(faults: Iterable[Contradiction]) -> list[Flaw]:
    """One flaw for each receipt and model, with everything that contradicts it."""
    grouped: dict[tuple[str, str], list[Contradiction]] = {}
    for contradiction in faults:
        key = contradiction.receipt.digest, contradiction.model
        grouped.setdefault(key, []).append(contradiction)

    found_flaws = []
    for (_, model), of_receipt in grouped.items():
        receipt = of_receipt[0].receipt
        reasons = "; ".join(contradiction.reason for contradiction in of_receipt)
        detail = f"the receipt of {_written(receipt)} cannot be what a run wrote: {reasons}"
        found_flaws.append(Flaw("contradicted", receipt, model, detail))
    return found_flaws


def _gaps(receipts: Sequence[Receipt]) -> dict[str, list[Flaw]]:
    gaps: dict[str, list[Flaw]] = {}
    for receipt in broken_links(receipts):
        detail = (
            f"the receipt of {_written(receipt)} names a previous one that was deleted or edited"
        )
        gaps.setdefault(receipt.digest, []).append(Flaw("gap", receipt, "", detail))

    by_digest = {receipt.digest: receipt for receipt in receipts}
    for digest, numbers in counts_missing_before(receipts).items():
        receipt = by_digest[digest]
        numbers_text = f"{numbers[0]}–{numbers[-1]}" if len(numbers) > 3 else and_list(numbers)
        noun = "receipt" if len(numbers) == 1 else "receipts"
        detail = (
            f"{noun} {numbers_text} of this environment vanished before that of {_written(receipt)}"
        )
        gaps.setdefault(digest, []).append(Flaw("gap", receipt, "", detail))
    return gaps


def _flaws_of(receipt: Receipt, digests: set[str]) -> Iterator[Flaw]:
    for recorded in receipt.models():
        if receipt.is_recovered and recorded.is_applied:
            detail = (
                f"no run recorded what it did up to {receipt.commit[:12]}; a later run wrote this"
                f" receipt at {receipt.at} from what it found"
            )
            yield Flaw("recovered", receipt, recorded.model, detail)
        for flaw in recorded.flaws:
            yield from _recorded(flaw, receipt, recorded, digests)


def _recorded(
    flaw: Mapping[str, Any], receipt: Receipt, recorded: RecordedModel, digests: set[str]
) -> Iterator[Flaw]:
    stamp = flaw["stamp"]
    if flaw["kind"] == "lost" and stamp not in digests:
        # A clone that could not push may bring the receipt later: then nothing is lost.
        detail = (
            f"MLflow named the receipt {stamp[:12]}, which was deleted or edited before the run of"
            f" {receipt.at}"
        )
        yield Flaw("lost", receipt, recorded.model, detail)
    elif flaw["kind"] == "replayed":
        detail = (
            f"the run of {receipt.at} found the older state of {stamp[:12]} with its stamps:"
            " somebody had put it back"
        )
        yield Flaw("replayed", receipt, recorded.model, detail)


def _written(receipt: Receipt) -> str:
    return f"{receipt.at} on {receipt.commit[:12]}"


def lost_receipts(
    stamped: Mapping[str, str | None], receipts: Iterable[Receipt]
) -> dict[str, dict[str, str]]:
    """Models whose stamp names a receipt that is nowhere, each with what a run records about it.
    `stamped` maps a model to the digest in its stamp."""
    digests = {receipt.digest for receipt in receipts}
    return {
        model: recorded_flaw("lost", digest)
        for model, digest in sorted(stamped.items())
        if digest is not None and digest not in digests
    }


def replayed_states(
    stamped: Mapping[str, str],
    receipts: Sequence[Receipt],
    owner: str | None,
    line: Mapping[str, int],
) -> dict[str, dict[str, str]]:
    """Models whose stamp names a commit that a later recorded run had left behind, each with what a
    run records about it. A run seals a model before its receipt, so no crash leaves that.

    `stamped` maps a model to the commit in its stamp; `line` maps the commits of the main line to
    their positions. A replayed state that a receipt records already is left out.
    """
    open_models = {model: line[commit] for model, commit in stamped.items() if commit in line}
    replayed: dict[str, dict[str, str]] = {}
    for receipt in reversed(receipts):
        if not open_models:
            break
        if receipt.owner != owner:
            continue
        for recorded in receipt.models():
            position = open_models.get(recorded.model)
            if position is None:
                continue
            reached = [line[commit] for commit in recorded.commits if commit in line]
            if recorded.is_applied and reached:
                del open_models[recorded.model]
                if max(reached) > position:
                    stamp = recorded_flaw("replayed", stamped[recorded.model])
                    replayed[recorded.model] = stamp
            elif any(flaw["kind"] == "replayed" for flaw in recorded.flaws):
                del open_models[recorded.model]
    return replayed
