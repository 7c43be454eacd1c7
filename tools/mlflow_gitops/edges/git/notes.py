"""Receipts as git notes: reading them, adding one, and exchanging them with the remote without
losing any."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlflow_gitops.core.audit.receipts import (
    MAX_MEMORY,
    NOTES_REF,
    Receipt,
    TooManyReceipts,
    read_each,
)
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure

PATIENCE = 60.0
"""Seconds that each exchange with the remote may take: receipts are small."""
MAX_NOTE = 32 << 20
"""Bytes of one commit's note. A run over 10,000 models writes about five million."""
MAX_NOTES = 128 << 20
"""Bytes of all notes together."""
UNREADABLE = "receipts_unreadable"
"""The code of a failure if the receipts in this clone cannot be read."""

_MAX_LISTING = 32 << 20  # bytes: about 300,000 notes


@dataclass(frozen=True, slots=True)
class Notes:
    """The receipts of one repository. `remote` is None if there is none to exchange them with."""

    git: Git
    remote: str | None
    tries: int = 5
    """How often the receipts are written or pushed if others do the same at that moment."""

    @classmethod
    def of_repository(cls, git: Git, tries: int = 5) -> Notes:
        return cls(git, git.remote(), tries)

    @property
    def fetch_command(self) -> str:
        """The command that fetches the remote's receipts: no clone fetches notes by itself."""
        return f"git fetch {self.remote} {NOTES_REF}:{NOTES_REF}"

    @property
    def fetch_hint(self) -> str | None:
        """How to fetch receipts that may be missing in this clone; None without a remote."""
        return f"fetch receipts with: {self.fetch_command}" if self.remote is not None else None

    def receipts(self) -> list[Receipt]:
        """Every receipt in this clone, oldest first.

        Anybody who may push notes may push any number of any size, so they are read one after the
        other and up to limits. Raises GitFailure with the code UNREADABLE if one cannot be read, or
        if all of them are over a limit.
        """
        if not self.git.ref(NOTES_REF):
            return []

        listing = self.git.limited_output(_MAX_LISTING, "notes", f"--ref={NOTES_REF}", "list")
        if listing is None:
            raise _unreadable(f"There are receipts on more than {_MAX_LISTING // 100:,} commits")
        try:
            return read_each(_texts(self.git, listing))
        except TooManyReceipts:
            raise _unreadable(
                f"The receipts need more than {MAX_MEMORY >> 20} MiB of memory"
            ) from None

    def readable_receipts(self) -> list[Receipt] | None:
        """Every receipt in this clone, oldest first; None if they cannot be read. For what goes on
        without them."""
        try:
            return self.receipts()
        except GitFailure as failure:
            if failure.code == UNREADABLE:
                return None
            raise

    def commits(self) -> set[str]:
        """The commits that have notes; empty if there are too many to list."""
        if not self.git.ref(NOTES_REF):
            return set()
        listing = self.git.limited_output(_MAX_LISTING, "notes", f"--ref={NOTES_REF}", "list")
        return {line.split()[1] for line in (listing or "").splitlines()}

    def add(self, commit: str, line: str) -> None:
        """Append a line to a commit's note. Raises GitFailure."""

        def append(ref: str) -> None:
            note = self.git.query("notes", f"--ref={ref}", "show", commit)
            text = f"{note}\n{line}\n" if note else f"{line}\n"
            blob = self.git.output("hash-object", "-w", "--stdin", feed=text)
            self.git.output("notes", f"--ref={ref}", "add", "-f", "-C", blob, commit, identity=True)

        self._update(append)

    def fetch(self) -> None:
        """Fetch the remote's receipts and merge them with this clone's. Raises GitFailure if the
        remote cannot be read."""
        if self.remote is None:
            return

        tracking_ref = f"{NOTES_REF}-{self.remote}"
        if not self.git.exchange("ls-remote", self.remote, NOTES_REF, seconds=PATIENCE):
            # The remote has lost what it once had, so it must be pushed again.
            self.git.output("update-ref", "-d", tracking_ref)
            return

        refspec = f"+{NOTES_REF}:{tracking_ref}"
        self.git.exchange(
            "fetch", "--no-tags", "--no-write-fetch-head", self.remote, refspec, seconds=PATIENCE
        )

        def merge(ref: str) -> None:
            if self.git.ref(ref):
                strategy = ("-q", "-s", "cat_sort_uniq")
                self.git.output(
                    "notes", f"--ref={ref}", "merge", *strategy, tracking_ref, identity=True
                )
            else:
                self.git.output("update-ref", ref, tracking_ref)

        self._update(merge)

    def is_ahead(self) -> bool:
        """Whether this clone has receipts that the remote did not have when it was last read."""
        our_ref = self.git.ref(NOTES_REF)
        return our_ref is not None and our_ref != self.git.ref(f"{NOTES_REF}-{self.remote}")

    def push(self) -> None:
        """Push the receipts, merging what others pushed meanwhile, in up to `tries` tries.
        Raises GitFailure."""
        if self.remote is None:
            raise GitFailure("There is no remote to push the receipts to.")

        fault = ""
        for attempt in range(self.tries):
            try:
                pushed = self.git.ref(NOTES_REF) or NOTES_REF
                refspec = f"{pushed}:{NOTES_REF}"
                self.git.exchange(
                    "push", "--quiet", "--no-verify", self.remote, refspec, seconds=PATIENCE
                )
                self.git.output("update-ref", f"{NOTES_REF}-{self.remote}", pushed)
                return
            except GitFailure as failure:
                fault = str(failure)
            _pause(attempt)
            self.fetch()
        raise GitFailure(
            f"The receipts could not be pushed to {self.remote} in {self.tries} tries: {fault}"
        )

    def _update(self, change: Callable[[str], None]) -> None:
        """Change the notes. `change` gets the ref of a copy to work on. Other processes may be
        changing them too, so the notes move in one step from the state that was read to the new
        one; if they moved meanwhile, all of it is done again."""
        for attempt in range(self.tries):
            before = self.git.ref(NOTES_REF)
            copy = f"{NOTES_REF}-{os.getpid()}-{random.randrange(1 << 30):x}"
            try:
                if before:
                    self.git.output("update-ref", copy, before)
                change(copy)
                after = self.git.ref(copy)
                if after and (after == before or self.git.move_ref(NOTES_REF, after, before)):
                    return
            finally:
                with contextlib.suppress(GitFailure):  # nobody reads a copy that is left behind
                    self.git.output("update-ref", "-d", copy)
            _pause(attempt)
        raise GitFailure(f"The receipts could not be written: {NOTES_REF} kept moving.")


def _texts(git: Git, listing: str) -> Iterator[tuple[str, str]]:
    """Yield commit and text of each note in what `git notes list` prints."""
    commits: dict[str, list[str]] = {}
    for line in listing.splitlines():
        note, commit = line.split()
        commits.setdefault(note, []).append(commit)

    total = 0
    for note, content in git.each_blob(commits, limit=MAX_NOTE):
        if content is None:
            raise _unreadable(
                f"The receipts of {commits[note][0][:12]} are missing in this clone, or longer"
                f" than {MAX_NOTE >> 20} MiB"
            )
        total += len(content)
        if total > MAX_NOTES:
            raise _unreadable(f"The receipts are longer than {MAX_NOTES >> 20} MiB")
        text = content.decode("utf-8", "replace")
        yield from ((commit, text) for commit in commits[note])


def _unreadable(reason: str) -> GitFailure:
    return GitFailure(
        f"{reason}, so they are not read.",
        fix=f"Fetch them again, or see what was pushed there: git log -p {NOTES_REF}.",
        code=UNREADABLE,
    )


def _pause(attempt: int) -> None:
    """Wait a random time, longer each time, so that two who collided do not collide again."""
    time.sleep(random.uniform(0.0, 0.2 * 2**attempt))
