"""Receipts as git notes: reading them, adding one, and exchanging them with the remote without
losing any."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from mlflow_gitops.core.audit.receipts import NOTES_REF, Receipt, read
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure

TRIES = 5
PATIENCE = 60.0
"""Seconds that each exchange with the remote may take: receipts are small."""
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
        listed = [
            line.split()
            for line in self.git.output("notes", f"--ref={NOTES_REF}", "list").splitlines()
        ]
        blobs = self.git.blobs((note for note, _ in listed), limit=MAX_NOTE)
        if lost := [commit for note, commit in listed if note not in blobs]:
            raise GitFailure(
                f"The receipts of {lost[0][:12]} are missing in this clone, or longer than"
                f" {MAX_NOTE >> 20} MiB. Fetch them again, or look at what was pushed there: git"
                f" log -p {NOTES_REF}."
            )
        return read(
            {
                commit: blobs[note].decode("utf-8", "replace")
                for note, commit in listed
                if note in blobs
            }
        )

    def add(self, commit: str, line: str) -> None:
        """Append a line to a commit's note. Raises GitFailure when it cannot be done."""

        def append(ref: str) -> None:
            held = self.git.query("notes", f"--ref={ref}", "show", commit)
            blob = self.git.output(
                "hash-object", "-w", "--stdin", feed=f"{held}\n{line}\n" if held else f"{line}\n"
            )
            self.git.output("notes", f"--ref={ref}", "add", "-f", "-C", blob, commit, identity=True)

        self._change(append)

    def fetch(self) -> None:
        """Bring in the remote's receipts and merge them with those here. Raises GitFailure when the
        remote cannot be read."""
        if self.remote is None:
            return
        theirs = f"{NOTES_REF}-{self.remote}"
        if not self.git.exchange("ls-remote", self.remote, NOTES_REF, seconds=PATIENCE):
            self.git.output("update-ref", "-d", theirs)  # what was there once is to be pushed again
            return
        refs = f"+{NOTES_REF}:{theirs}"
        self.git.exchange(
            "fetch", "--no-tags", "--no-write-fetch-head", self.remote, refs, seconds=PATIENCE
        )

        def merge(ref: str) -> None:
            if self.git.ref(ref):
                self.git.output(
                    "notes",
                    f"--ref={ref}",
                    "merge",
                    "-q",
                    "-s",
                    "cat_sort_uniq",
                    theirs,
                    identity=True,
                )
            else:
                self.git.output("update-ref", ref, theirs)

        self._change(merge)

    def _change(self, change: Callable[[str], None]) -> None:
        """Change the notes, in a copy whose ref `change` gets. Other processes may be doing the
        same: the notes move from what was read to what was made of it in one step, or it is done
        again."""
        for attempt in range(TRIES):
            before = self.git.ref(NOTES_REF)
            mine = f"{NOTES_REF}-{os.getpid()}-{random.randrange(1 << 30):x}"
            try:
                if before:
                    self.git.output("update-ref", mine, before)
                change(mine)
                made = self.git.ref(mine)
                if made and (made == before or self.git.move_ref(NOTES_REF, made, before)):
                    return
            finally:
                with contextlib.suppress(GitFailure):  # what is left of it then is read by nobody
                    self.git.output("update-ref", "-d", mine)
            _pause(attempt)
        raise GitFailure(f"The receipts could not be written: {NOTES_REF} kept moving.")

    def ahead(self) -> bool:
        """Whether there are receipts here that the remote was not seen to have."""
        ours = self.git.ref(NOTES_REF)
        return ours is not None and ours != self.git.ref(f"{NOTES_REF}-{self.remote}")

    def push(self) -> None:
        """Send the receipts to the remote, merging what others sent meanwhile; five tries. Raises
        GitFailure."""
        if self.remote is None:
            raise GitFailure("There is no remote to push the receipts to.")
        said = ""
        for attempt in range(TRIES):
            try:
                sent = self.git.ref(NOTES_REF) or NOTES_REF
                refs = f"{sent}:{NOTES_REF}"
                self.git.exchange(
                    "push", "--quiet", "--no-verify", self.remote, refs, seconds=PATIENCE
                )
                self.git.output("update-ref", f"{NOTES_REF}-{self.remote}", sent)
                return
            except GitFailure as failure:
                said = str(failure)
            _pause(attempt)
            self.fetch()
        raise GitFailure(
            f"The receipts could not be pushed to {self.remote} in {TRIES} tries: {said}"
        )


def _pause(attempt: int) -> None:
    """Wait a random while, longer each time, so that two who met do not meet again."""
    time.sleep(random.uniform(0.0, 0.2 * 2**attempt))
