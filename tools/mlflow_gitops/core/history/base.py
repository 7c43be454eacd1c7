"""Which commit a model was last reconciled to, and whether a target can be compared with it
(RULES R1)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from mlflow_gitops.core.manifests.names import ACTIVE_STAGES

if TYPE_CHECKING:
    from mlflow_gitops.core.observed.model import ObservedModel

BaseState = Literal[
    "none",
    "known",
    "stale",
    "unfetched",
    "unknown",
    "lost",
    "deleted",
    "unread",
    "unreceipted",
    "renamed",
    "hidden",
]
"""`none`: the model was never reconciled, or is adopted. `known`: the target's history has the
base. `stale`: the base is a later commit of the main line. `unfetched`: the base may be on the main
line, and this clone lacks a part of it. `unknown`: the base is not on the main line, or not any
more. `lost`: a receipt names the base, but MLflow no longer has the stamp. `deleted`: a receipt
names the base, but MLflow no longer has the model. `unread`: receipts would decide it, and they
cannot be read. `unreceipted`: receipts would decide it, and this clone may lack some. `renamed`:
MLflow has the model under a former name only. `hidden`: the model was never reconciled, and MLflow
shows none of those that were."""


@dataclass(frozen=True, slots=True)
class Base:
    """The base of one model. `commit` is None if the state is `none`, and in a shallow clone if the
    model has no stamp."""

    commit: str | None
    state: BaseState

    @classmethod
    def at(cls, commit: str | None) -> Base:
        """A base on the target's line; without a commit, no base."""
        return cls(commit, "known") if commit else NO_BASE

    @property
    def can_be_compared(self) -> bool:
        """Whether the target's history from this base on is known."""
        return self.state in ("none", "known")


NO_BASE = Base(None, "none")
UNREAD_BASE = Base(None, "unread")
UNRECEIPTED_BASE = Base(None, "unreceipted")
HIDDEN_BASE = Base(None, "hidden")


class BaseFacts(Protocol):
    """What git and the receipts know about commits that are not on the target's line. Each method
    is called only if the answer depends on it."""

    def is_later(self, commit: str) -> bool:
        """Whether a commit is on the main line as it is now, or has the target before it."""

    def may_be_unfetched(self, commit: str) -> bool:
        """Whether a commit may be on the main line and this clone has not fetched that part."""

    def last_applied(self, model: str) -> str | None:
        """The commit to which the newest receipt says that a model was applied."""

    def may_lack_receipts(self, *, adopt: bool) -> bool:
        """Whether a receipt that this clone lacks may name a model."""


def find_base(
    name: str,
    observed: ObservedModel | None,
    owner: str | None,
    line: Container[str],
    facts: BaseFacts,
    *,
    adopt: bool = False,
) -> Base:
    """The base of the model `name`, which MLflow shows as `observed` (None: MLflow does not have
    it).

    `owner` is this repository's; None in a shallow clone, which does not know its own. `line` holds
    the commits of the target's history. With `adopt`, the model is taken as never reconciled,
    unless that could undo a later commit: if a stamp or a receipt names one that is later than the
    target, or that this clone may not have fetched.
    """
    # For a model of another owner, "later on this main line" means nothing.
    is_ours = observed is None or owner is None or observed.owner in (None, owner)
    stamp = observed.base if observed else None
    recorded = facts.last_applied(name) if adopt or stamp is None else None
    if adopt:
        commits = [commit for commit in (stamp, recorded) if commit] if is_ours else []
        for base in [Base(commit, _state(commit, line, facts)) for commit in commits]:
            if base.state in ("stale", "unfetched"):
                return base
        is_unexplained = stamp is None and recorded is None and _shows_holders(observed)
        if is_unexplained and facts.may_lack_receipts(adopt=True):
            return UNRECEIPTED_BASE
        return NO_BASE

    if stamp is not None:
        return Base(stamp, _state(stamp, line, facts, is_ours=is_ours))
    # Otherwise, deleting the stamps would be a way to adopt what MLflow shows without any gate, and
    # a deleted model would be created again, with other versions under the same numbers.
    if recorded is not None:
        return Base(recorded, "deleted" if observed is None else "lost")
    # A shallow clone knows neither what earlier commits declared nor which repository it is.
    if not owner:
        return Base(None, "unfetched")
    if _shows_holders(observed) and facts.may_lack_receipts(adopt=False):
        return UNRECEIPTED_BASE
    return NO_BASE


def _shows_holders(observed: ObservedModel | None) -> bool:
    """Whether MLflow shows anything that could be adopted: a version in a stage, or an alias."""
    if observed is None:
        return False
    stages = {version.stage for version in observed.versions.values()}
    return bool(observed.aliases) or not stages.isdisjoint(ACTIVE_STAGES)


def base_while_writing(
    current: Base, before: ObservedModel | None, now: ObservedModel | None
) -> Base:
    """The base of a model that is read again during a run.

    `before` is what MLflow showed when the run began, and `now` is what it shows at this moment. A
    model that was deleted since, or lost its stamps, is not begun anew: no receipt need name it.
    """
    if current.state == "unreceipted" and not _shows_holders(before):
        return NO_BASE  # what there is to adopt came from this run
    if before is None:
        return current
    if now is None:
        return Base(before.base, "deleted")
    if before.base and now.base is None and current.state == "none":
        return Base(before.base, "lost")
    return current


def _state(
    commit: str, line: Container[str], facts: BaseFacts, *, is_ours: bool = True
) -> BaseState:
    if commit in line:
        return "known"
    if facts.is_later(commit):
        return "stale"
    return "unfetched" if is_ours and facts.may_be_unfetched(commit) else "unknown"
