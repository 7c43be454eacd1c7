"""Find the policy that was last in force at a reconcile before a commit (RULES R3).

Receipts say which commits were reconciled, and so does a model's stamp. They are read only if git
changed a model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.edges.git.revisions import Revisions


class PoliciesInForce:
    """The policies in force along one line of commits. `owner` is this repository's; None in a
    shallow clone, which knows its receipts by the models' bases alone."""

    def __init__(
        self, workspace: Workspace, owner: str | None, line: MainLine, histories: HistoryReader
    ) -> None:
        self._workspace = workspace
        self._git: Revisions = workspace.git
        self._line = line
        self._owner = owner
        self._histories = histories
        self._answers: dict[tuple[str | None, str | None], Policy | None] = {}
        self._positions: dict[tuple[str | None, str | None], int | None] = {}

    def before(self, making_commit: Commit | None, base: str | None) -> Policy | None:
        """The policy at the newest reconciled commit that does not contain the making commit; None
        if nothing was reconciled before it. `base` is the model's own.

        Later runs do not count, however often they refused the entry: waiting changes nothing.
        """
        key = making_commit.sha if making_commit is not None else None, base
        if key not in self._answers:
            self._answers[key] = self._find(*key)
        return self._answers[key]

    def position_before(self, making_commit: Commit | None, base: str | None) -> int | None:
        """The position of that reconciled commit; None if there is none, or not on the line."""
        self.before(making_commit, base)
        key = making_commit.sha if making_commit is not None else None, base
        return self._positions[key]

    def is_new(self, commit: str | None, bases: Collection[str]) -> bool:
        """Whether the policy at a commit of the line, or at its end, is another one than at the
        newest reconcile, so that nothing was judged by it yet. `bases` are those of the models: the
        receipts are only read if the newest of these has another policy."""
        newest = self._line.shas[-1] if commit is None else commit
        policy = self._histories.policies.at(newest)
        positions = [self._line.index[base] for base in bases if base in self._line.index]
        if positions and self._histories.policies.at(self._line.shas[max(positions)]) is policy:
            return False
        reconciled = self.before(None, None)
        return reconciled is not None and reconciled is not policy

    def _find(self, made: str | None, base: str | None) -> Policy | None:
        for commit in self._newest_first(base):
            if made is not None and self._contains(commit, made):
                continue
            is_on_line = commit in self._line.index
            policy = self._histories.policies.at(commit) if is_on_line else self._policy_off(commit)
            if policy is not None:
                self._positions[made, base] = self._line.index.get(commit)
                return policy
        self._positions[made, base] = None
        return None

    def _newest_first(self, base: str | None) -> Sequence[str]:
        """The reconciled commits. The base goes before an older receipt: a clone may lack the
        receipts of other clones."""
        commits = list(self._reconciled)
        if base is None:
            return commits
        position = self._line.index.get(base, -1)
        newer = [sha for sha in commits if self._line.index.get(sha, position + 1) > position]
        return [*newer, base, *(sha for sha in commits if sha not in newer)]

    @cached_property
    def _reconciled(self) -> tuple[str, ...]:
        """The commits of this repository's receipts, newest first; none if the receipts cannot be
        read, so that the models' bases alone say what was reconciled."""
        receipts = self._workspace.receipts_branch.readable_receipts() or ()
        own_receipts = [receipt.commit for receipt in receipts if receipt.owner == self._owner]
        return tuple(dict.fromkeys(reversed(own_receipts)))

    def _contains(self, commit: str, made: str) -> bool:
        index = self._line.index
        if commit in index and made in index:
            return index[made] <= index[commit]
        return self._git.contains(commit, made)

    def _policy_off(self, commit: str) -> Policy | None:
        """The policy at a commit beside the line: a merge can leave it out of the first parents."""
        path = self._workspace.registry.policy_path
        blob = self._workspace.git.query("rev-parse", "--verify", "-q", f"{commit}:{path}")
        return self._histories.policies.in_blob(blob) if blob else None
