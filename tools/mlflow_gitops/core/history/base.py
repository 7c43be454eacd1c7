"""Which commit a model was last reconciled to, and whether a target can be compared with it
(RULES R1)."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.observed.model import ObservedModel

BaseState = Literal["none", "known", "stale", "unknown", "lost", "deleted", "unread"]
"""`none`: the model was never reconciled, or is adopted. `known`: the base is on the target's line.
`stale`: the base is a later commit of the main line. `unknown`: the base cannot be read. `lost`: a
receipt names the base, but MLflow no longer has the stamp. `deleted`: a receipt names the base, but
MLflow no longer has the model. `unread`: receipts would decide it, and they cannot be read."""


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


def find_base(
    name: str,
    observed: ObservedModel | None,
    owner: str | None,
    line: Container[str],
    is_on_main_line: Callable[[str], bool],
    last_applied: Callable[[str], str | None],
    *,
    adopt: bool = False,
) -> Base:
    """The base of the model `name`, which MLflow shows as `observed` (None: MLflow does not have
    it).

    `owner` is this repository's; None in a shallow clone, which does not know its own. `line` holds
    the commits up to the target. `is_on_main_line` and `last_applied` are called only if the answer
    depends on them: the latter gives the commit to which a receipt says that a model was applied.
    With `adopt`, the model is taken as never reconciled unless its base is stale.
    """
    stamp = observed.base if observed else None
    is_later = stamp is not None and stamp not in line and is_on_main_line(stamp)
    # For a model of another owner, "later on this main line" means nothing.
    is_ours = observed is not None and observed.owner in (None, owner)
    if adopt and not (is_later and is_ours):
        return NO_BASE

    if stamp is None:
        return _base_without_stamp(name, observed, owner, last_applied)
    if stamp in line:
        return Base(stamp, "known")
    return Base(stamp, "stale" if is_later else "unknown")


def base_while_writing(
    current: Base, before: ObservedModel | None, now: ObservedModel | None
) -> Base:
    """The base of a model that is read again during a run.

    `before` is what MLflow showed when the run began, and `now` is what it shows at this moment. A
    model that was deleted since, or lost its stamps, is not begun anew: no receipt need name it.
    """
    if before is None:
        return current
    if now is None:
        return Base(before.base, "deleted")
    if before.base and now.base is None and current.state == "none":
        return Base(before.base, "lost")
    return current


def _base_without_stamp(
    name: str,
    observed: ObservedModel | None,
    owner: str | None,
    last_applied: Callable[[str], str | None],
) -> Base:
    # Otherwise, deleting the stamps would be a way to adopt what MLflow shows without any gate, and
    # a deleted model would be created again, with other versions under the same numbers.
    if commit := last_applied(name):
        return Base(commit, "deleted" if observed is None else "lost")

    # A shallow clone knows neither what earlier commits declared nor which repository it is.
    return NO_BASE if owner else Base(None, "unknown")
