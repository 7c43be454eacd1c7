"""Drift that runs healed, as their receipts record it: what MLflow had, what was put back, and
between which times it came about (RULES R7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel

_SUBJECTS = {"set_tag": "tag", "delete_tag": "tag", "set_description": "description"}


@dataclass(frozen=True, slots=True)
class HealedDrift:
    """What one run put right about one stage or declared alias (`@alias`) of a model, or, without a
    `stage`, about its tags, descriptions and versions.

    `before` are the versions that MLflow had there and git did not, `after` those that were put
    back. `found_at` is when the run that healed it began, `right_at` when the run before left the
    model right (None if none did): it came about between the two, nobody knows when.
    """

    receipt: Receipt
    model: str
    stage: str | None
    before: tuple[int, ...]
    after: tuple[int, ...]
    changes: tuple[str, ...]
    found_at: str
    right_at: str | None

    @property
    def detail(self) -> str:
        """What was found and put back, and when, for people."""
        since = f"after {self.right_at}" if self.right_at else "at an unknown time"
        by = self.receipt.content.get("by")
        healer = f" by the run of {by}, as the receipt claims" if isinstance(by, str) else ""
        what = "; ".join(self.changes)
        return f"{what}; it came about {since} and was found at {self.found_at}{healer}"


NameOf = Callable[[str, Receipt], str]
"""The last name of the model that a receipt calls by a name."""


def healed_drift(receipts: Iterable[Receipt], last_name: NameOf | None = None) -> list[HealedDrift]:
    """All drift that was healed, each under the name in its receipt. `receipts` are those of one
    environment, oldest first. A model was right at a time under any of its names."""
    right_at: dict[str, str] = {}
    drift: list[HealedDrift] = []
    for receipt in receipts:
        for recorded in receipt.models():
            name = last_name(recorded.model, receipt) if last_name else recorded.model
            drift += _of_model(receipt, recorded, right_at.get(name))
            if recorded.is_applied and not receipt.is_recovered:  # that says when it was written
                right_at[name] = receipt.at
    return drift


def _of_model(
    receipt: Receipt, recorded: RecordedModel, right_at: str | None
) -> Iterator[HealedDrift]:
    changes = [change for change in recorded.changes if change.get("cause") == "drift"]
    by_stage: dict[str | None, list[Mapping[str, Any]]] = {}
    for change in changes:
        for stage in _stages_of(change):
            by_stage.setdefault(stage, []).append(change)

    found_at = receipt.began or receipt.at
    for stage, of_stage in by_stage.items():
        before = _versions(of_stage, "from", stage)
        after = _versions(of_stage, "to", stage)
        texts = tuple(_text(change) for change in of_stage)
        yield HealedDrift(receipt, recorded.model, stage, before, after, texts, found_at, right_at)


def _stages_of(change: Mapping[str, Any]) -> list[str | None]:
    """The stages that a change is about; None for a tag, a description or a version."""
    action = change.get("action")
    if action in ("set_alias", "delete_alias"):
        return [f"@{change.get('key')}"]
    if action == "transition":
        ends = (change.get("from"), change.get("to"))
        return [stage for stage in ends if isinstance(stage, str) and stage not in _NOT_SERVED]
    return [None]


_NOT_SERVED = ("None", "Archived")


def _versions(changes: Iterable[Mapping[str, Any]], end: str, stage: str | None) -> tuple[int, ...]:
    """The versions that a stage had (`from`) or got (`to`) by these changes."""
    versions = []
    for change in changes:
        if change.get("action") == "transition" and change.get(end) == stage:
            versions.append(change.get("version"))
        elif change.get("action") in ("set_alias", "delete_alias"):
            versions.append(change.get(end))
    return tuple(sorted({version for version in versions if type(version) is int}))


def _text(change: Mapping[str, Any]) -> str:
    """One difference: what it is about, what MLflow had, and what was put back."""
    action, version, key = str(change.get("action")), change.get("version"), change.get("key")
    subject = _SUBJECTS.get(action, "alias" if action.endswith("alias") else "")
    words = [subject, f"version {version}" if version is not None else "", str(key or "")]
    about = " ".join(word for word in words if word) or action
    before, after = change.get("from") or "nothing", change.get("to") or "nothing"
    return f"{about}: MLflow had {before}, put back to {after}"
