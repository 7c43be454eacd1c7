"""The policy along one line of commits: which rules held before a commit, and which ones judge it
(RULES R3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy

MoreJudges = Callable[[Commit | None, str | None], Sequence[Policy]]
"""For a making commit and a model's base: the policies that judge beside the one before the commit.
"""


def no_more_judges(commit: Commit | None, base: str | None) -> Sequence[Policy]:
    """For readers that do not know what was reconciled."""
    return ()


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One commit that changed the policy into another usable one. `index` is its place on the line;
    `blob` is None if it deleted the file, so that MLflow's own rules hold."""

    index: int
    commit: Commit
    blob: str | None
    policy: Policy


class PolicyHistory:
    """`changes` are the commits of `line` that changed the policy file, oldest first: (index, blob
    or None)."""

    def __init__(
        self, line: MainLine, changes: Sequence[tuple[int, str | None]], reader: ManifestReader
    ) -> None:
        self._line = line
        self._changes = changes
        self._reader = reader
        self._made_by: dict[int, tuple[str | None, str | None]] = {}
        """By the id of a policy, which the reader keeps, the commit that made it, and its blob."""

    def faults(self) -> list[tuple[int, str | None]]:
        """Each commit that changed the policy file, oldest first: its index, and why the file
        cannot be used, None if it can."""
        self._reader.fetch(blob for _, blob in self._changes if blob)
        return [(index, self._reader.policy(blob)[1]) for index, blob in self._changes]

    def changed_at(self) -> list[int]:
        """The indexes of the commits that changed the policy file, oldest first."""
        return [index for index, _ in self._changes]

    def is_first(self, policy: Policy) -> bool:
        """Whether the line has had no other policy than this one."""
        blobs = {blob for _, blob in self._changes}
        if len(blobs) > 1:
            return False
        return all(found is None or found.raw == policy.raw for found in map(self._read, blobs))

    def _read(self, blob: str | None) -> Policy | None:
        self._reader.fetch({blob} if blob else ())
        return self._reader.policy(blob)[0]

    def usable(self) -> list[PolicyChange]:
        """Each commit that changed the policy file into a usable one, oldest first."""
        self._reader.fetch(blob for _, blob in self._changes if blob)
        readings = [(index, blob, self._reader.policy(blob)[0]) for index, blob in self._changes]
        return [
            PolicyChange(index, self._commit(index), blob, policy)
            for index, blob, policy in readings
            if policy is not None
        ]

    def before(self, index: int) -> Policy:
        """The last usable policy before a commit, or MLflow's own rules."""
        return self.before_or_none(index) or self._reader.default_policy()

    def last_usable(self) -> Policy | None:
        """The last policy file of the line that can be used; None if there was none. Unlike in
        `before`, a deleted file does not stand for MLflow's own rules."""
        blob = self.last_usable_blob()
        return self._reader.policy(blob)[0] if blob else None

    def last_usable_blob(self) -> str | None:
        """The blob of `last_usable`."""
        for _, blob in reversed(self._changes):
            self._reader.fetch({blob} if blob else ())
            if blob and self._reader.policy(blob)[0]:
                return blob
        return None

    def judge(
        self, commit: Commit | None, name: str, kind: Kind, default: ModelPolicy | None = None
    ) -> ModelPolicy:
        """The policy that judges what a commit makes of a model: the one before that commit. The
        first policy ever judges itself.

        `commit` is None for a working tree. `default` applies if the line has no usable policy at
        all; None stands for MLflow's own rules.
        """
        index = self._line.index[commit.sha] if commit else len(self._line.shas)
        earlier = self.before_or_none(index)
        if earlier is None and commit is not None:
            earlier = self.before_or_none(index + 1)
        if earlier is not None:
            return self.labelled(earlier, name, kind)
        return default or self._reader.default_policy().for_model(name, kind)

    def labelled(self, policy: Policy, name: str, kind: Kind) -> ModelPolicy:
        """A policy for one model, with the newest commit of the line that made it."""
        if id(policy) not in self._made_by:
            self._made_by[id(policy)] = self._newest_commit_with(policy)
        commit, blob = self._made_by[id(policy)]
        return replace(policy.for_model(name, kind), commit=commit, blob=blob)

    def _newest_commit_with(self, policy: Policy) -> tuple[str | None, str | None]:
        for index, blob in reversed(self._changes):
            self._reader.fetch({blob} if blob else ())
            if self._reader.policy(blob)[0] is policy:
                return self._line.shas[index], blob
        return None, None

    def in_blob(self, blob: str) -> Policy | None:
        """The policy in a blob that may not be on the line; None if it cannot be used."""
        self._reader.fetch({blob})
        return self._reader.policy(blob)[0]

    def at(self, commit: str) -> Policy | None:
        """The last usable policy at a commit of the line; None if there was none yet."""
        return self.before_or_none(self._line.index[commit] + 1)

    def before_or_none(self, index: int) -> Policy | None:
        """The last usable policy before a commit; None if there was none yet."""
        for changed_at, blob in reversed(self._changes):
            if changed_at >= index:
                continue
            self._reader.fetch({blob} if blob else ())
            if policy := self._reader.policy(blob)[0]:
                return policy
        return None

    def _commit(self, index: int) -> Commit:
        sha = self._line.shas[index]
        return self._line.commits.get(sha) or Commit(sha, "", "", "")
