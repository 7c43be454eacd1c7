"""Compare who signed commits and receipts with whom they name (RULES R6, R7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.flaws import Flaw
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.history.signers import names_person
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import ALLOWED_SIGNERS, stem_of
from mlflow_gitops.edges.git.receipts.layout import DIGITS, file_name


class Signers:
    """The signers that the main branch allows, and what they signed. Without a file of signers,
    nothing is checked."""

    def __init__(self, workspace: Workspace, line: MainLine) -> None:
        self._workspace = workspace
        self._line = line
        self._allowed = _allowed_signers(workspace, line)

    def of_commits(self, commits: Iterable[str]) -> Mapping[str, str]:
        """The principal who signed each of these commits; the newest should come first."""
        if not self._allowed:
            return {}
        from mlflow_gitops.edges.git.commit_signers import commit_signers

        return commit_signers(self._workspace.git, commits, self._allowed)

    def of_receipts(self) -> Mapping[str, str]:
        """The principal who signed the commit that added each receipt, by the first digits of its
        digest."""
        if not self._allowed:
            return {}
        from mlflow_gitops.edges.git.receipts.files import file_changes

        git = self._workspace.git
        changes = file_changes(git, self._workspace.receipts_branch.tips()) or []
        added = [
            (change.commit, name.digest)
            for change in changes
            if change.action == "A" and (name := file_name(change.path)) is not None
        ]
        principals = self.of_commits(commit for commit, _ in added)
        return {digest: principals[commit] for commit, digest in added if commit in principals}

    def of_events(self, audited: Sequence[AuditedEvent]) -> list[AuditedEvent]:
        """The events, oldest first, with who signed the commits whose authors they name."""
        authored = [entry.authored.sha if entry.authored is not None else "" for entry in audited]
        principals = self.of_commits(sha for sha in reversed(authored) if sha)
        return [
            entry._replace(signed_by=principals.get(sha))
            for entry, sha in zip(audited, authored, strict=True)
        ]

    def flaws(self, receipts: Sequence[Receipt]) -> Iterator[Flaw]:
        """Receipts that one person signed and that name another as the one who ran it. A key is a
        person's if its principal is the author of a commit of the line; that of a CI job is
        nobody's, and its receipts name the person who started the job."""
        principals = self.of_receipts() if receipts else {}
        authors = {commit.author for commit in self._line.commits.values() if commit.author}
        people = {
            principal
            for principal in set(principals.values())
            if any(names_person(principal, author) for author in authors)
        }
        for receipt in receipts:
            principal = principals.get(receipt.digest[:DIGITS])
            by = receipt.content.get("by")
            is_job = isinstance(receipt.content.get("run"), dict)
            if principal not in people or is_job or not isinstance(by, str):
                continue
            if not names_person(principal, by):
                detail = (
                    f"the receipt of {receipt.at} on {receipt.commit[:12]} says that {by} ran it,"
                    f" and it is signed by {principal}"
                )
                yield Flaw("signer", receipt, "", detail)

    def findings(self, account: Account) -> Iterator[Unexplained]:
        """The commits that put versions into stages and are signed with another person's key than
        the one of the author whom they claim."""
        if not self._allowed:
            return
        commits = {commit.sha: commit for commit in self._authored(account)}
        for sha, principal in self.of_commits(commits).items():
            author = commits[sha].author
            if author and not names_person(principal, author):
                detail = (
                    f'{sha[:12]} "{commits[sha].subject}" claims the author {author}, and is signed'
                    f" by {principal}"
                )
                yield Unexplained(account.name, "signer", detail, sha)

    def _authored(self, account: Account) -> Iterator[Commit]:
        """The commits that put versions into stages; of a true merge, those that it brought in and
        that changed the manifest."""
        base = account.base
        entries = account.entries_at(account.positions[base.sha]) if base is not None else ()
        making = {e.making_commit.sha: e.making_commit for e in entries if e.making_commit}
        merges = {sha: self._line.index[sha] for sha in making} if self._line.merges else {}
        merged = self._workspace.git.merged_commits(
            self._line,
            [index for index in merges.values() if index in self._line.merges],
            self._workspace.registry,
        )
        stem = file_stem(account.name)
        for sha, commit in making.items():
            brought_in = [
                entry.commit
                for entry in merged.get(merges.get(sha, -1), ())
                if any(stem_of(path) == stem for path in entry.paths)
            ]
            yield from brought_in or [commit]


def _allowed_signers(workspace: Workspace, line: MainLine) -> bytes:
    """The file of signers as the main branch has it; empty without one."""
    path = f"{workspace.root}/{ALLOWED_SIGNERS}"
    blob: str | None = None
    if workspace.environment is None:  # the line has every change of the folder
        blobs = [blob for _, changed, blob in line.changes if changed == path]
        blob = blobs[-1] if blobs else None
    elif line.shas:
        blob = workspace.git.query("rev-parse", "--verify", "-q", f"{line.shas[-1]}:{path}")
    return workspace.git.blobs([blob]).get(blob, b"") if blob and blob != "link" else b""
