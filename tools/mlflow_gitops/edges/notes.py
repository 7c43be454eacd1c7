"""Receipts as git notes: reading them, adding one, and exchanging them with the remote without losing any."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass

from mlflow_gitops.core.receipts import NOTES_REF, Receipt, read
from mlflow_gitops.edges.git import Git
from mlflow_gitops.errors import GitFailure

TRIES = 5
MAX_NOTE = 64 << 20
"""Bytes of one commit's note. A run over 10,000 models writes about five million."""


@dataclass(frozen=True, slots=True)
class Notes:
    """The receipts of one repository. `remote` is None where there is none to exchange them with."""

    git: Git
    remote: str | None

    @classmethod
    def of(cls, git: Git) -> Notes:
        return cls(git, git.remote())

    def receipts(self) -> list[Receipt]:
        """Every receipt that is here, oldest first."""
        if not self.git.ref(NOTES_REF):
            return []
        listed = [line.split() for line in self.git.output("notes", f"--ref={NOTES_REF}", "list").splitlines()]
        blobs = self.git.blobs((note for note, _ in listed), limit=MAX_NOTE)
        if lost := [commit for note, commit in listed if note not in blobs]:
            raise GitFailure(
                f"The receipts of {lost[0][:12]} are missing in this clone, or longer than {MAX_NOTE >> 20} MiB. Fetch them "
                f"again, or look at what was pushed there: git log -p {NOTES_REF}."
            )
        return read({commit: blobs[note].decode("utf-8", "replace") for note, commit in listed if note in blobs})

    def add(self, commit: str, line: str) -> None:
        """Append a line to a commit's note. Other processes may be doing the same: the notes move from what was read to
        what was made of it in one step, or it is done again. Raises GitFailure when it cannot be done."""
        for attempt in range(TRIES):
            before = self.git.ref(NOTES_REF)
            mine = f"{NOTES_REF}-{os.getpid()}-{random.randrange(1 << 30):x}"
            try:
                if before:
                    self.git.output("update-ref", mine, before)
                held = self.git.output("notes", f"--ref={mine}", "show", commit, check=False)
                text = "".join(f"{one}\n" for one in [*held.splitlines(), line] if one)
                blob = self.git.output("hash-object", "-w", "--stdin", feed=text)
                self.git.output("notes", f"--ref={mine}", "add", "-f", "-C", blob, commit, identity=True)
                made = self.git.ref(mine)
                if made and self.git.move(NOTES_REF, made, before):
                    return
            finally:
                self.git.output("update-ref", "-d", mine, check=False)
            _pause(attempt)
        raise GitFailure(f"The receipt could not be written: {NOTES_REF} kept moving.")

    def fetch(self) -> None:
        """Bring in the remote's receipts and merge them with those here. Raises GitFailure when the remote cannot be read."""
        if self.remote is None:
            return
        theirs = f"{NOTES_REF}-{self.remote}"
        if not self.git.output("ls-remote", self.remote, NOTES_REF):
            return
        self.git.output("fetch", "--no-tags", "--no-write-fetch-head", self.remote, f"+{NOTES_REF}:{theirs}")
        ours = self.git.ref(NOTES_REF)
        if not ours:
            self.git.move(NOTES_REF, self.git.ref(theirs) or "", None)
        else:
            self.git.output("notes", f"--ref={NOTES_REF}", "merge", "-q", "-s", "cat_sort_uniq", theirs, identity=True)

    def ahead(self) -> bool:
        """Whether there are receipts here that the remote was not seen to have."""
        ours = self.git.ref(NOTES_REF)
        return ours is not None and ours != self.git.ref(f"{NOTES_REF}-{self.remote}")

    def push(self) -> None:
        """Send the receipts to the remote, merging what others sent meanwhile; five tries. Raises GitFailure."""
        if self.remote is None:
            raise GitFailure("There is no remote to push the receipts to.")
        said = ""
        for attempt in range(TRIES):
            try:
                sent = self.git.ref(NOTES_REF) or NOTES_REF
                self.git.output("push", "--quiet", "--no-verify", self.remote, f"{sent}:{NOTES_REF}")
                self.git.output("update-ref", f"{NOTES_REF}-{self.remote}", sent)
                return
            except GitFailure as failure:
                said = str(failure)
            _pause(attempt)
            self.fetch()
        raise GitFailure(f"The receipts could not be pushed to {self.remote} in {TRIES} tries: {said}")


def _pause(attempt: int) -> None:
    """Wait a random while, longer each time, so that two who met do not meet again."""
    time.sleep(random.uniform(0.0, 0.2 * 2**attempt))
