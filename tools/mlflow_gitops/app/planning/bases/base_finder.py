"""Find the base of a model: read the main line, the receipts and the remote only if the answer
depends on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.plan_lines import PlanLines
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.base import UNREAD_BASE, Base, find_base
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.git.receipts.layout import DIGITS

if TYPE_CHECKING:
    from mlflow_gitops.app.planning.bases.clone_gap import CloneGap, ReceiptsGap


class _UnreadReceipts(Exception):
    """The base depends on receipts that cannot be read."""


class BaseFinder:
    """Finds the bases of models for one target. `owner` is this repository's; None in a shallow
    clone. `lines` are the lines that the histories of the plan may follow."""

    def __init__(
        self,
        workspace: Workspace,
        target: Target,
        owner: str | None,
        lines: PlanLines,
        *,
        adopt: bool,
    ) -> None:
        self._workspace = workspace
        self._target = target
        self._adopt = adopt
        self._exists: dict[str, bool] = {}
        self._later: dict[str, bool] = {}
        self.owner = owner
        self.lines = lines

    def prepare(self, observed: Collection[ObservedModel]) -> None:
        """Read at once what the bases of many models depend on."""
        own = [model for model in observed if self.owner is None or model.owner == self.owner]
        bases = {model.base for model in own if model.base}
        self.lines.include(bases, self._reconciled_beside(own))
        beside = [base for base in bases if base not in self.lines]
        if beside:
            existing = self._workspace.git.existing_commits(beside)
            self._exists.update((base, base in existing) for base in beside)

    def _reconciled_beside(self, models: Collection[ObservedModel]) -> set[str]:
        """The commits that were reconciled beside the target's line, by receipts. These are only
        read if a commit that the target's history has beside its line has a receipt."""
        branch = self._workspace.receipts_branch
        if not self.lines.are_beside(branch.commits(), DIGITS):
            return set()
        from mlflow_gitops.app.planning.bases.attested_commits import attested_commits

        return attested_commits(branch, models, self.owner)

    def base(self, name: str, observed: ObservedModel | None) -> Base:
        """The base of a model that MLflow shows like this; None if MLflow does not have it."""
        try:
            return find_base(name, observed, self.owner, self.lines, self, adopt=self._adopt)
        except _UnreadReceipts:
            return UNREAD_BASE

    def is_later(self, commit: str) -> bool:
        """Whether a commit exists in this clone and is on the main line, as it is now, or has the
        target before it."""
        if commit not in self._later:
            self._later[commit] = self._is_in_clone(commit) and self._is_after_target(commit)
        return self._later[commit]

    def may_be_unfetched(self, commit: str) -> bool:
        """Whether a commit may be on the main line and this clone has not fetched that part."""
        if self.clone_gap is None:
            return False
        return self.clone_gap.kind != "unreachable" or not self._is_in_clone(commit)

    def last_applied(self, model: str) -> str | None:
        """The commit to which the newest receipt in this clone says that a model was applied."""
        if self._last_applied is None:
            if self._adopt:  # it is the way out for receipts that cannot be read
                return None
            raise _UnreadReceipts
        return self._last_applied.get(model)

    @cached_property
    def clone_gap(self) -> CloneGap | None:
        """What this clone lacks of the remote's history."""
        from mlflow_gitops.app.planning.bases.clone_gap import find_clone_gap

        return find_clone_gap(self._workspace)

    def may_lack_receipts(self, *, adopt: bool) -> bool:
        """Whether a receipt that this clone lacks may name a model. A person who adopts a model
        need not reach the remote."""
        gap = self.receipts_gap
        return gap is not None and not (adopt and gap.kind == "unreachable")

    @cached_property
    def receipts_gap(self) -> ReceiptsGap | None:
        """Which of the remote's receipts this clone lacks."""
        from mlflow_gitops.app.planning.bases.clone_gap import find_receipts_gap

        return find_receipts_gap(self._workspace.receipts_branch)

    def gap_of(self, base: Base) -> dict[str, str]:
        """What this clone lacks to compare a target with a base, in the words of `PlanContext`."""
        if base.state == "unfetched" and self.clone_gap is not None:
            return {"way_to_fetch": self.clone_gap.fix}
        if base.state == "unreceipted" and self.receipts_gap is not None:
            gap = self.receipts_gap
            return {"gap_in_receipts": gap.reason, "way_to_fetch": gap.fix}
        return {}

    def read_receipts_again(self) -> None:
        """Let the next question read the receipts anew: a run may have written some since."""
        self.__dict__.pop("_last_applied", None)
        self.__dict__.pop("receipts_gap", None)

    def recorded_models(self) -> frozenset[str]:
        """The models that a receipt in this clone reports as applied; none if receipts cannot be
        read."""
        return frozenset(self._last_applied or ())

    def recorded_place(self) -> str | None:
        """The registry that the newest receipt of this repository names, as `registry_place`; None
        if there is none."""
        from mlflow_gitops.core.observed.absence import registry_place

        receipts = self._workspace.receipts_branch.readable_receipts() or ()
        contents = [receipt.content for receipt in receipts if receipt.owner == self.owner]
        address = contents[-1].get("registry") if contents else None
        if not isinstance(address, str):
            return None
        workspace = contents[-1].get("workspace")
        return registry_place(address, workspace if isinstance(workspace, str) else "")

    def _is_in_clone(self, commit: str) -> bool:
        if commit not in self._exists:
            self._exists[commit] = self._workspace.git.exists(commit)
        return self._exists[commit]

    def _is_after_target(self, commit: str) -> bool:
        if self._workspace.is_merged(commit):
            return True
        target = self._target.merge.onto if self._target.merge else self._target.tip
        return target is not None and self._workspace.git.contains(commit, target)

    @cached_property
    def _last_applied(self) -> Mapping[str, str] | None:
        """The models that a receipt in this clone reports as applied, each with its newest such
        commit; None if the receipts cannot be read. Only read if a stamp or a model is missing, or
        for --adopt."""
        receipts = self._workspace.receipts_branch.readable_receipts()
        if receipts is None:
            return None
        return {
            name: receipt.commit
            for receipt in receipts
            if receipt.content.get("owner") == self.owner
            for name in receipt.applied()
        }
