"""Events that only receipts record: drift that a run healed, and flaws of the record (RULES R7).

Each is an event of the commit that its run reconciled, at the time of its receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.acknowledgements import (
    Acknowledgement,
    acknowledgement_of,
    line_to_write,
)
from mlflow_gitops.core.audit.record.drift import NameOf, healed_drift
from mlflow_gitops.core.audit.record.flaws import Flaw
from mlflow_gitops.core.history.mainline import Commit

IsAbout = Callable[[str, int], "str | None"]
"""For a model's name and an index on the line: the present name of the model; None if the events of
that model are not asked for."""


def drift_events(
    receipts: Sequence[Receipt],
    index: Mapping[str, int],
    is_about: IsAbout,
    last_name: NameOf | None = None,
) -> Iterator[Event]:
    """Drift that was healed. `receipts` are those of one environment on the line, oldest first."""
    for drift in healed_drift(receipts, last_name):
        position = index[drift.receipt.commit]
        model = is_about(drift.model, position)
        if model is not None:
            yield Event(
                "drift",
                position,
                _commit(drift.receipt),
                model,
                drift.stage,
                drift.before,
                drift.after,
                detail=drift.detail,
                found_at=drift.found_at,
                right_at=drift.right_at,
            )


def flaw_events(
    found_flaws: Sequence[Flaw],
    index: Mapping[str, int],
    is_about: IsAbout,
    lines: Sequence[Acknowledgement],
) -> Iterator[Event]:
    """Flaws of the record, each with who acknowledged it, or how to."""
    for flaw in found_flaws:
        position = index.get(flaw.receipt.commit)
        if position is None:
            continue
        model = is_about(flaw.model, position) if flaw.model else None
        if flaw.model and model is None:
            continue
        detail = f"{flaw.kind}: {flaw.detail}; {acknowledgement_text(flaw, lines)}"
        yield Event("flaw", position, _commit(flaw.receipt), model, detail=detail)


def acknowledgement_text(flaw: Flaw, lines: Sequence[Acknowledgement]) -> str:
    """Who acknowledged a flaw, as the commit claims, or the line to write."""
    line = acknowledgement_of(flaw.receipt.digest, lines)
    if line is None:
        return f"not acknowledged ({line_to_write(flaw.receipt.digest)})"
    return f"acknowledged by {line.author}, as {line.commit[:7]} claims: {line.reason}"


def _commit(receipt: Receipt) -> Commit:
    """The reconciled commit, at the time of the receipt, without its author, who did nothing."""
    return Commit(receipt.commit, receipt.at, "", "")
