"""Who approved a change, as gates and receipts need it (RULES R3).

The forge is queried only if something depends on the answer, and for each fact once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
from mlflow_gitops.core.history.approvals import ReviewedPullRequest, approvals
from mlflow_gitops.core.history.claimed_approvals import CommitMessage, claimed
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.approved_entry import reviewed_manifest
from mlflow_gitops.edges.forge import AnswerCache, ClonedMainBranch, ReviewFacts
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import ForgeFailure


class CommitApprovals:
    """The approvals of one workspace's commits. `merge` is the merge being planned, if any.
    `main_line` maps the commits of the main line to their positions, if they are not its first
    parents."""

    def __init__(
        self,
        workspace: Workspace,
        merge: Merge | None = None,
        main_line: Mapping[str, int] | None = None,
    ) -> None:
        self._workspace = workspace
        self._main_line = main_line
        self._merge = merge if merge and not merge.is_nothing else None

    def approvals(self, commit: Commit, file: str) -> Approvals | None:
        """Return the approvals that the forge has for a commit's change of one manifest.

        They are those of the pull request that made the commit or, before the merge, of the open
        one whose head it is. None if no forge is configured. Raises Unreadable.
        """
        pull_requests = self._pull_requests
        if pull_requests is None:
            return None
        is_planned = self._merge is not None and commit.sha == self._merge.revision
        try:
            if is_planned or not self._workspace.is_merged(commit.sha):
                return pull_requests.of_open(commit.sha, file)
            return pull_requests.of_merged(commit.sha, file)
        except ForgeFailure as failure:
            raise Unreadable(str(failure)) from None

    def first_of_change(self, commit: Commit) -> str | None:
        """Return the first commit that the pull request of a merged commit put on the main branch;
        the commit itself if none made it, None if no forge is configured. Raises Unreadable."""
        pull_requests = self._pull_requests
        if pull_requests is None:
            return None
        try:
            return pull_requests.first_of_change(commit.sha)
        except ForgeFailure as failure:
            raise Unreadable(str(failure)) from None

    def claims(self, commit: Commit, before: str | None = None) -> Approvals:
        """Return the approvals that messages claim: a commit's, and those of the commits that a
        true merge brought in. They were merged into `before`, by default its first parent."""
        git = self._workspace.git
        if self._merge is not None and commit.sha == self._merge.revision:
            return claimed(_messages(git, f"{self._merge.onto}..{commit.sha}"))

        parents = git.output("rev-list", "--parents", "-n", "1", commit.sha, "--").split()[1:]
        if len(parents) > 1 and before not in (None, parents[0]):
            return claimed(_messages(git, f"{before}..{commit.sha}"))
        messages = _messages(git, "-n", "1", commit.sha)
        for merged in parents[1:]:
            messages += _messages(git, f"{parents[0]}..{merged}")
        return claimed(messages)

    @cached_property
    def _pull_requests(self) -> PullRequestApprovals | None:
        git = self._workspace.git
        forge = self._workspace.forge
        if forge is None:
            return None
        main = ClonedMainBranch(
            git,
            self._workspace.main_ref,
            lambda: self._main_line if self._main_line is not None else self._workspace.main_line,
        )
        return PullRequestApprovals(forge.review_facts(main), git)


class PullRequestApprovals:
    """Applies the approval rule to a forge's facts. Every method raises ForgeFailure."""

    def __init__(self, facts: ReviewFacts, git: Git) -> None:
        self._facts = facts
        self._git = git
        self._cache = AnswerCache()

    def of_merged(self, sha: str, file: str) -> Approvals:
        """Return the approvals of the pull request that put a commit on the main branch."""
        pull = self._cache.get(("merged", sha), lambda: self._facts.merged(sha))
        if pull is None:
            reason = f"no pull request merged into {self._facts.branch} made {sha[:7]}"
            return Approvals(not_counted=(reason,))

        judged = self._judged(pull, file)
        on_main = self._git.query("rev-parse", "--verify", "-q", f"{sha}:{file}")
        approved = self._blob_id(pull.head, file)
        if on_main == approved:
            return judged
        return replace(judged, reviewed=self._reviewed(approved, file))

    def first_of_change(self, sha: str) -> str:
        """Return the first commit of the pull request that put a commit on the main branch."""
        return self._cache.get(("first", sha), lambda: self._facts.first_commit(sha))

    def of_open(self, head: str, file: str) -> Approvals:
        """Return the approvals that the open pull request with this head has so far."""
        pull = self._cache.get(("open", head), lambda: self._facts.open(head))
        return self._judged(pull, file) if pull is not None else Approvals()

    def _judged(self, pull: ReviewedPullRequest, file: str) -> Approvals:
        judged = approvals(
            pull,
            lambda login: self._cache.get(("person", login), lambda: self._facts.reviewer(login)),
            lambda sha: self._blob_id(sha, file),
        )
        return replace(judged, team_members=self._team_members)

    def _team_members(self, team: str) -> frozenset[str]:
        """The members of a team. Raises Unreadable."""
        try:
            return self._cache.get(("team", team), lambda: self._facts.team_members(team))
        except ForgeFailure as failure:
            fix = f" {failure.fix}" if failure.fix else ""
            raise Unreadable(f"{failure}{fix}") from None

    def _blob_id(self, sha: str, file: str) -> str | None:
        return self._cache.get(("blob", sha, file), lambda: self._facts.blob_id(sha, file))

    def _reviewed(self, blob_id: str | None, file: str) -> Reviewed:
        """What a manifest says; nothing if it is missing or not valid."""
        if blob_id is None:
            return Reviewed()
        content = self._cache.get(("content", blob_id), lambda: self._facts.blob(blob_id, file))
        manifest, _ = read_manifest(content, file)
        return reviewed_manifest(manifest)


def _messages(git: Git, *revisions: str) -> list[CommitMessage]:
    """Read authors, committers and messages. git never lets a name contain a line break."""
    form = "--format=%an <%ae>%n%cn <%ce>%n%B"
    log = git.output("log", "--no-show-signature", "--encoding=UTF-8", "-z", form, *revisions, "--")
    messages = []
    for entry in log.split("\0"):
        author, _, after_author = entry.partition("\n")
        committer, _, message = after_author.partition("\n")
        if author:
            messages.append(CommitMessage(author, committer, message))
    return messages
