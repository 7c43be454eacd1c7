"""Which receipts about one name are about different models of MLflow: one that was deleted and made
again, or one whose former name another model has (RULES R6).

A receipt says when MLflow registered its model. That is a claim, so it must agree with what MLflow
shows, as far as that is known, and with the receipts after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.creation_times import SKEW, earliest_creation
from mlflow_gitops.core.times import parse_time

ShownRegistration = Callable[[Receipt, str], str | None]
"""When MLflow registered the model that a receipt is about, by what MLflow shows now, RFC 3339. It
takes the receipt and the model's name in it. None if MLflow was not read, or has no such model."""


class Mention(NamedTuple):
    """One model in one receipt."""

    receipt: Receipt
    recorded: RecordedModel

    @property
    def key(self) -> tuple[str, ...]:
        """The model's server and name."""
        content = self.receipt.content
        registry, workspace = str(content.get("registry")), str(content.get("workspace"))
        return str(self.receipt.owner), registry, workspace, self.recorded.model


class Registrations:
    """The registrations that receipts claim. `receipts` are oldest first. `find_registered` finds
    what MLflow shows; without it, only receipts are compared."""

    def __init__(
        self, receipts: Sequence[Receipt], find_registered: ShownRegistration | None = None
    ) -> None:
        self._receipts = receipts
        self._find_registered = find_registered

    def is_created_anew(self, mention: Mention) -> bool:
        """Whether a run made the model, by a receipt from before receipts said when MLflow
        registered it."""
        receipt, recorded = mention
        if not recorded.is_created or recorded.registered is not None:
            return False
        before, after = self._claims_around(mention)
        if before:
            return False
        earliest = earliest_creation(receipt.began, receipt.at)
        is_earlier = any(parse_time(registered) < earliest for registered in after)
        return not is_earlier and self._is_shown_since(mention, earliest)

    def are_different(self, earlier: Mention, mention: Mention) -> bool:
        """Whether a receipt is about another model than an earlier one, so that both may have
        made the same change for the same commit."""
        before, claimed = earlier.recorded.registered, mention.recorded.registered
        written = parse_time(mention.receipt.at)
        if claimed is None or parse_time(claimed) > written + SKEW:
            return False
        if not _is_other(claimed, before, earlier.receipt.at):
            return False
        if self._shown_for(mention) == claimed:
            return True

        # The name does not go back to the earlier model.
        _, after = self._claims_around(mention)
        is_kept = all(_is_other(registered, before, earlier.receipt.at) for registered in after)
        return is_kept and self._is_shown_since(mention, written)

    def _claims_around(self, mention: Mention) -> tuple[set[str], set[str]]:
        """When MLflow registered the models of a name, by the receipts before a mention and by
        those after it."""
        position = self._positions[mention.receipt.digest]
        before: set[str] = set()
        after: set[str] = set()
        for number, registered in self._claims.get(mention.key, ()):
            if number != position:
                (before if number < position else after).add(registered)
        return before, after

    @cached_property
    def _claims(self) -> dict[tuple[str, ...], list[tuple[int, str]]]:
        """By model, each receipt that says when MLflow registered it: its position, and the
        time."""
        claims: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        for position, receipt in enumerate(self._receipts):
            for recorded in receipt.models():
                if recorded.registered is not None:
                    key = Mention(receipt, recorded).key
                    claims.setdefault(key, []).append((position, recorded.registered))
        return claims

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {receipt.digest: number for number, receipt in enumerate(self._receipts)}

    def _is_shown_since(self, mention: Mention, time: datetime) -> bool:
        """Whether MLflow registered its model after a time, so that it shows nothing of the models
        before; True if that is not known."""
        registered = self._shown_for(mention)
        return registered is None or parse_time(registered) >= time

    def _shown_for(self, mention: Mention) -> str | None:
        if self._find_registered is None:
            return None
        return self._find_registered(mention.receipt, mention.recorded.model)


def _is_other(registered: str, before: str | None, written: str) -> bool:
    """Whether a model is another one than that of an earlier receipt: by when MLflow registered
    that one, or, if its receipt does not say, by when the receipt was written."""
    if before is not None:
        return registered != before
    return parse_time(registered) > parse_time(written)
