"""Adding to the branch of receipts, and exchanging it with the remote, so that none is lost (RULES
R6)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlflow_gitops.core.audit.receipts import NOTES_REF, Receipt
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.layout import path_of
from mlflow_gitops.edges.git.receipts.signatures import SignatureRule, signature_faults
from mlflow_gitops.edges.git.receipts.writing import (
    commit_files,
    replay,
    signs_receipts,
    store_texts,
)
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure

PATIENCE = 60.0
"""Seconds that each exchange with the remote may take: receipts are small."""

Append = Callable[["str | None", Mapping[str, str]], "str | None"]
"""Takes the tip of the branch, None if it does not exist, and the refs with receipts as they were
read with it (`ReceiptsBranch.refs`). Returns the new tip."""


@dataclass(frozen=True, slots=True)
class ReceiptsWriter:
    """Writes the receipts of one clone. Nothing that is on the branch is ever rewritten: what the
    remote has stays below, and the commits that it does not have are made anew on top."""

    branch: ReceiptsBranch
    tries: int = 5
    """How often the receipts are written or pushed if others do the same at that moment."""

    @property
    def git(self) -> Git:
        return self.branch.git

    def add(self, receipt: Receipt, subject: str) -> int:
        """Commit a receipt, signed if a key is configured. If there are no receipts on the branch
        yet, those in notes are taken over before it, in a commit of their own. Returns how many
        those were. Raises GitFailure, also if the receipt would not count."""
        rule = self._rule()
        is_signed = signs_receipts(self.git)
        if rule.is_required and not is_signed:
            raise GitFailure(
                "The policy asks for signed receipts, and no key is configured here.",
                fix="Set user.signingkey, and gpg.format for a key that is not OpenPGP.",
            )
        blobs = self._stored([receipt])
        taken_over = 0

        def append(tip: str | None, refs: Mapping[str, str]) -> str:
            nonlocal taken_over
            old_receipts = self.branch.read_untaken_notes(refs)
            taken_over = len(old_receipts)
            if old_receipts:
                takeover = f"Take over {taken_over} receipts from git notes"
                old_blobs = self._stored(old_receipts)
                tip = commit_files(self.git, tip, old_blobs, takeover, sign=is_signed)
            commit = commit_files(self.git, tip, blobs, subject, sign=is_signed)
            if rule.is_required:
                self._check_signature(commit, rule)
            return commit

        self._update(append)
        return taken_over

    def fetch(self) -> None:
        """Fetch the remote's receipts and put this clone's own ones on top of them. Raises
        GitFailure if the remote cannot be read."""
        branch = self.branch
        if branch.remote is None:
            return

        on_remote = branch.refs_of_remote(PATIENCE)
        tip, tracked = on_remote.get(branch.ref), branch.refs().get(branch.tracking_ref)
        if tracked is not None and tip != tracked:
            # The remote may have lost what it once had. It stays in this clone, and is pushed.
            self._update(lambda tip, refs: tip)
        if tip is None and tracked is not None:
            self.git.output("update-ref", "-d", branch.tracking_ref)
        elif tip is not None and tip != tracked:
            self._fetch(f"+{branch.ref}:{branch.tracking_ref}")
        elif tip is None and NOTES_REF in on_remote:
            self._fetch(f"+{NOTES_REF}:{NOTES_REF}-{branch.remote}")
        self._update(lambda tip, refs: tip)

    def is_ahead(self) -> bool:
        """Whether this clone has receipts that the remote did not have when it was last read."""
        refs = self.branch.refs()
        local, tracked = refs.get(self.branch.ref), refs.get(self.branch.tracking_ref)
        if local is None or local == tracked:
            return False
        return tracked is None or not self.git.contains(tracked, local)

    def push(self) -> None:
        """Push the receipts, on top of what others pushed meanwhile, in up to `tries` tries. Raises
        GitFailure."""
        branch = self.branch
        if branch.remote is None:
            raise GitFailure("There is no remote to push the receipts to.")

        fault = ""
        for attempt in range(self.tries):
            try:
                pushed = self.git.ref(branch.ref) or branch.ref
                refspec = f"{pushed}:{branch.ref}"
                self.git.exchange(
                    "push", "--quiet", "--no-verify", branch.remote, refspec, seconds=PATIENCE
                )
                self.git.output("update-ref", branch.tracking_ref, pushed)
                return
            except GitFailure as failure:
                fault = str(failure)
            _pause(attempt)
            self.fetch()
        raise GitFailure(
            f"The receipts could not be pushed to {branch.remote} in {self.tries} tries: {fault}"
        )

    def _update(self, append: Append) -> None:
        """Move this clone's branch to what `append` makes of it, with all that the remote had when
        it was last fetched. Other processes may be moving it too, so it moves in one step from the
        commit that was read to the new one; if it moved meanwhile, all of it is done again."""
        fault = ""
        for attempt in range(self.tries):
            refs = self.branch.refs()
            before = refs.get(self.branch.ref)
            after = append(self._joined(before, refs.get(self.branch.tracking_ref)), refs)
            if after is None or after == before:
                return
            try:
                move = ("update-ref", "-m", "mlflow-gitops", self.branch.ref, after, before or "")
                self.git.output(*move)
                return
            except GitFailure as failure:
                fault = str(failure)
            _pause(attempt)
        raise GitFailure(
            f"The receipts could not be written to {self.branch.name} in {self.tries} tries:"
            f" {fault}"
        )

    def _joined(self, local: str | None, tracked: str | None) -> str | None:
        """The commit that has the receipts of this clone's branch and of the remote's."""
        if local is None or tracked is None or local == tracked:
            return local or tracked
        if self.git.contains(local, tracked):
            return local
        return replay(self.git, local, tracked, self._rule().allowed_signers)

    def _rule(self) -> SignatureRule:
        return self.branch.rule() if self.branch.rule is not None else SignatureRule()

    def _check_signature(self, commit: str, rule: SignatureRule) -> None:
        fault = signature_faults(self.git, [commit], rule.allowed_signers).get(commit)
        if fault is not None:
            raise GitFailure(
                f"The policy asks for signed receipts, and the one of this run {fault}.",
                fix="Add the key to allowed_signers in the registry folder of the main branch.",
            )

    def _stored(self, receipts: list[Receipt]) -> dict[str, str]:
        """The blobs of receipts, by the paths of their files."""
        blobs = store_texts(self.git, [receipt.text for receipt in receipts])
        return dict(zip(map(path_of, receipts), blobs, strict=True))

    def _fetch(self, refspec: str) -> None:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        self.git.exchange("fetch", *options, str(self.branch.remote), refspec, seconds=PATIENCE)


def _pause(attempt: int) -> None:
    """Wait a random time, longer each time, so that two who collided do not collide again."""
    time.sleep(random.uniform(0.0, 0.2 * 2**attempt))
