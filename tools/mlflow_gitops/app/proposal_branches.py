"""The branches on the remote that hold proposals: what they contain, whether one may be replaced,
and how it is. The checkout stays as it is."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from mlflow_gitops.core.authoring import proposals
from mlflow_gitops.edges.git import commits
from mlflow_gitops.edges.git.repository import Git


class ProposalBranches:
    """The proposal branches of one kind (`prefix`) and of one environment, or of a repository with
    a single MLflow.

    `main_tip` is the commit of the main branch that proposals build on. Methods raise GitFailure.
    """

    def __init__(
        self,
        git: Git,
        remote: str,
        main_tip: str,
        environment: str | None,
        prefix: str = proposals.BRANCHES,
    ) -> None:
        self._git = git
        self._remote = remote
        self._main_tip = main_tip
        self.prefix = prefix + (f"{environment}/" if environment else "")
        self.pushed: list[str] = []

    def name(self, model: str) -> str:
        """The branch of a model's proposal."""
        return self.prefix + proposals.branch_part(model)

    def name_of_stage(self, model: str, stage: str) -> str:
        """The branch of a proposal about one stage of a model."""
        return f"{self.name(model)}/{proposals.branch_part(stage)}"

    @cached_property
    def tips(self) -> dict[str, str]:
        """The branches of the remote with this prefix, and the commit of each."""
        return commits.fetch_branches(self._git, self._remote, self.prefix)

    def contains(self, branch: str, file: str, content: bytes) -> bool:
        """Whether a file has this content in a branch."""
        tip = self.tips.get(branch)
        if tip is None:
            return False
        blob_id = self._git.query("rev-parse", "--verify", "-q", f"{tip}:{file}")
        return blob_id == self._git.output("hash-object", "--stdin", feed=content.decode("utf-8"))

    def may_replace(self, branch: str, merged_heads: Collection[str] = ()) -> bool:
        """Whether replacing a branch loses nobody's work: it does not exist, its commit was made by
        this command, or it is merged (also as one of `merged_heads`, by squash or rebase)."""
        tip = self.tips.get(branch)
        return (
            tip is None
            or self._is_ours(tip)
            or self._git.contains(self._main_tip, tip)
            or tip in merged_heads
        )

    def replace(self, branch: str, file: str, content: bytes, message: str) -> None:
        """Push a commit that changes one file of the main branch, as the branch's only commit.

        The push fails if somebody else has pushed since the branch was read.
        """
        sha = commits.commit_without_checkout(self._git, self._main_tip, file, content, message)
        commits.replace_branch(self._git, self._remote, branch, self.tips.get(branch), sha)
        self.pushed.append(branch)

    def delete(self, branch: str) -> None:
        """Delete a branch on the remote, unless somebody has pushed since it was read."""
        tip = self.tips.get(branch)
        if tip is not None:
            commits.delete_branch(self._git, self._remote, branch, tip)

    def _is_ours(self, tip: str) -> bool:
        form = ("show", "-s", "--no-show-signature", "--encoding=UTF-8", "--format=%ce%n%P%n%B")
        mail, parents, message = (*self._git.output(*form, tip).split("\n", 2), "", "")[:3]
        parent_shas = parents.split()
        is_on_main = bool(parent_shas) and self._git.contains(self._main_tip, parent_shas[0])
        return proposals.made_here(
            mail, len(parent_shas), is_on_main, message, self._committer_address
        )

    @cached_property
    def _committer_address(self) -> str:
        """The address under which this command commits."""
        identity = self._git.output("var", "GIT_COMMITTER_IDENT", identity=True)
        return identity.rpartition("<")[2].partition(">")[0]
