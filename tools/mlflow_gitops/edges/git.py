"""The one place that talks to git. Bulk reading goes through plain git commands, one process for many objects.

GitPython serves what navigates and writes; measured on histories of thousands of commits, its per-commit diffs cost 67 times
what one `git log --raw` and one `git cat-file --batch` do.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import IO, cast

from mlflow_gitops.core.mainline import Commit, Line, Merged
from mlflow_gitops.core.snapshot import LINK, SourceFile, matters, outside
from mlflow_gitops.core.yamldoc import MAX_BYTES
from mlflow_gitops.edges import gitlog
from mlflow_gitops.edges.blobs import BlobStream, Take, answer
from mlflow_gitops.edges.gitcommand import GitCommand
from mlflow_gitops.errors import GitFailure

_LINK_MODE = "120000"
_PIPE_HOLDS = 4096  # what a pipe takes at least before its writer waits
_SIGNATURES = {
    "B": "has a bad signature",
    "U": "is signed by a key that is not trusted here",
    "X": "has a signature that has expired",
    "Y": "is signed by a key that has expired",
    "R": "is signed by a key that was revoked",
    "E": "has a signature that cannot be checked: its key is not here",
    "N": "is not signed",
}


class Git(GitCommand):
    """One repository, named by its top-level folder."""

    @classmethod
    def find(cls, start: Path) -> Git:
        """The repository that `start` lies in. Raises GitFailure if there is none."""
        here = Git(start)
        try:
            top = here._run("rev-parse", "--show-toplevel", why=f"{start} is not in a git repository that can be read")
        except GitFailure as failure:
            if here._run("rev-parse", "--is-inside-work-tree", check=False).strip() == b"false":
                raise GitFailure(
                    f"{start} is a bare git repository or a .git folder; mlflow-gitops works in a checkout with files."
                ) from None
            if "dubious ownership" in str(failure):
                raise GitFailure(f"{failure} Trust it with: git config --global --add safe.directory FOLDER") from None
            raise
        return cls(Path(os.fsdecode(top.removesuffix(b"\n"))))

    # -- revisions --------------------------------------------------------------------------------------------------

    def has_commits(self) -> bool:
        return self._run("rev-parse", "--verify", "-q", "HEAD^{commit}", check=False) != b""

    def resolve(self, revision: str) -> str:
        """The full id of the commit that a revision names. Raises GitFailure if it names none."""
        if revision == "HEAD" and not self.has_commits():
            raise GitFailure(f"{self.top} has no commits yet. Commit the manifests first.")
        found = self._run("rev-parse", "--verify", "-q", "--end-of-options", revision + "^{commit}", check=False)
        if not found or found.startswith(b"^"):  # `^REV` is every commit but those of REV
            raise GitFailure(f"git knows no revision {revision!r}. Fetch it, or name another.")
        return found.decode().strip()

    def main_ref(self, wanted: str | None) -> str:
        """The main branch (RULES R1): the wanted one, the remote's HEAD, its `main` or `master`, else the local branch.

        A branch is meant even where a tag has the same name, which git would take first.
        """
        if wanted is not None:
            self.resolve(wanted)
            branches = (f"refs/{kind}/{wanted}" for kind in ("heads", "remotes"))
            return next((self._short(ref) for ref in branches if self._has(ref)), wanted)
        remote = self.remote()
        if remote is None:
            branch = self._run("symbolic-ref", "-q", "--short", "HEAD", check=False).decode().strip()
            local = (f"refs/heads/{name}" for name in ("main", "master"))
            return branch or next((self._short(ref) for ref in local if self._has(ref)), "HEAD")
        for ref in (f"refs/remotes/{remote}/{name}" for name in ("HEAD", "main", "master")):
            if self._has(ref):
                return self._short(ref)
        raise GitFailure(
            f"The main branch of {remote} is not known here. Run git fetch {remote} (git push -u {remote} HEAD where it is "
            "still empty), or name it with --main."
        )

    def first_parents(self, revision: str, without: str | None = None) -> list[str]:
        """The first-parent line up to a revision, the oldest commit first, less what `without` has; empty before the first
        commit."""
        less = [f"^{without}"] if without else []
        try:
            return self._text("rev-list", "--first-parent", "--reverse", revision, *less, "--").split()
        except GitFailure:
            if self.has_commits():
                raise
            return []

    def remote(self) -> str | None:
        """The remote that the main branch is taken from: `origin`, else the first; None where there is none."""
        remotes = self._text("remote").split()
        return "origin" if "origin" in remotes else remotes[0] if remotes else None

    def fetch(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Bring in the branches of the remote that the main branch is taken from; nothing where there is none. A remote that
        stalls is given up, and any as soon as there was `enough` waiting. Raises GitFailure."""
        from mlflow_gitops.core.receipts import NOTES_REF  # not needed to read

        if remote := self.remote():
            # Receipts are merged by `Notes`; a clone that is told to fetch all notes would put the remote's in their place.
            ours = ("-c", f"remote.{remote}.fetch=^{NOTES_REF}")
            told = ("--quiet", "--no-tags", "--no-write-fetch-head")
            self.exchange(*ours, "fetch", *told, remote, why="git fetch failed", enough=enough)

    def ref(self, name: str) -> str | None:
        """What a ref points at; None if it does not exist."""
        return self._run("rev-parse", "--verify", "-q", name, check=False).decode().strip() or None

    def move(self, name: str, new: str, old: str | None) -> bool:
        """Move a ref from `old` (None: it must not exist) to `new`, unless it moved meanwhile."""
        try:
            self._run("update-ref", "-m", "mlflow-gitops", name, new, old or "")
        except GitFailure:
            return False
        return True

    def is_shallow(self) -> bool:
        return self._text("rev-parse", "--is-shallow-repository") == "true"

    def merge(self, onto: str, revision: str) -> str:
        """The commit that merging a revision would make, as an object that no branch names (`git merge-tree`, 2.38).

        Raises GitFailure where the two conflict, naming the files.
        """
        done = self._start("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", onto, revision)
        if done.returncode == 1:
            files = done.stdout.decode("utf-8", "replace").split("\0")[1:]
            listed = ", ".join(sorted(file for file in files if file)[:5])
            raise GitFailure(f"{revision[:12]} conflicts with {onto[:12]} in {listed}. Merge or rebase first.")
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise GitFailure(f"git cannot merge these (it takes git 2.38): {said[0] if said else done.returncode}.")
        tree = done.stdout.decode().strip("\0\n")
        parents = ("-p", onto, "-p", revision)
        return self.output("commit-tree", tree, *parents, "-m", "a merge that is only planned", identity=True)

    def contains(self, revision: str, other: str) -> bool:
        """Whether `other` is `revision` or comes before it."""
        return self._start("merge-base", "--is-ancestor", other, revision).returncode == 0

    def after(self, start: str, revision: str) -> frozenset[str]:
        """The commits up to a revision that come after `start`, whatever lies beside it left out."""
        return frozenset(self._text("rev-list", "--ancestry-path", f"{start}..{revision}", "--").split())

    def describe(self, sha: str) -> Commit:
        """One commit, with its own committer's time."""
        seconds, author, subject = self._text(
            "show", "-s", "--no-show-signature", "--format=%ct%n%an <%ae>%n%s", sha
        ).split("\n")
        return Commit(sha, gitlog.utc(int(seconds or 0)), author, subject)

    def signature_fault(self, sha: str) -> str | None:
        """Why git does not take a commit's signature for good, by its own settings (GPG's keyring, SSH's allowed signers);
        None if it does."""
        status, _, who = self._text("show", "-s", "--no-show-signature", "--format=%G?%n%GS", sha).partition("\n")
        by = f" ({who})" if who else ""
        if status == "N" and "\ngpgsig" in self._text("cat-file", "commit", sha).partition("\n\n")[0]:
            return (
                "has a signature that cannot be checked: git knows no allowed signers here (gpg.ssh.allowedSignersFile)"
            )
        return None if status == "G" else _SIGNATURES.get(status, "cannot be judged") + by

    def exists(self, sha: str) -> bool:
        return self._run("cat-file", "-t", sha, check=False).strip() == b"commit"

    # -- files ------------------------------------------------------------------------------------------------------

    def files_at(self, revision: str, registry: str) -> Iterator[SourceFile]:
        """A registry folder's files straight from git's objects, without a checkout. Raises GitFailure if it has none."""
        listing = self._run("ls-tree", "-r", "-z", "-l", "--full-tree", revision, "--", registry, *outside(registry))
        if b"\t" + os.fsencode(registry) + b"/" not in listing:
            raise GitFailure(
                f"There is no {registry}/ folder in commit {revision[:12]}. Commit it first, or name it with --registry-dir."
            )
        entries = []
        for entry in listing.decode("utf-8", "surrogateescape").split("\0"):
            head, _, path = entry.partition("\t")
            if not path:
                continue
            mode, kind, blob, size = head.split()
            if matters(path, registry, link=mode == _LINK_MODE):
                entries.append((path, mode, kind, blob, size))
        plain = [
            blob
            for _, mode, kind, blob, size in entries
            if kind == "blob" and mode != _LINK_MODE and int(size) <= MAX_BYTES
        ]
        contents = self.blobs(plain)
        for path, mode, kind, blob, _ in entries:
            if mode == _LINK_MODE or kind != "blob":
                yield SourceFile(path, None, LINK if kind == "blob" else "is a submodule")
            else:
                # A file over the limit is not read; a byte too many says as much.
                yield SourceFile(path, contents[blob] if blob in contents else b" " * (MAX_BYTES + 1))

    def blobs(self, ids: Iterable[str], limit: int | None = MAX_BYTES) -> Mapping[str, bytes]:
        """The contents of many blobs in one process. An id that is unknown, or of more than `limit` bytes, is left out."""
        wanted = [blob for blob in dict.fromkeys(ids) if len(blob) >= 40]
        if not wanted:
            return {}
        found: dict[str, bytes] = {}
        with self._popen("cat-file", "--batch", "--buffer") as process:
            stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
            request = "\n".join(wanted).encode() + b"\n"
            if len(request) <= _PIPE_HOLDS:
                _feed(stdin, request)
            else:
                # git begins to answer before it has read all of it, so somebody has to listen meanwhile.
                Thread(target=_feed, args=(stdin, request), daemon=True).start()
            for blob in wanted:
                data = answer(stdout, limit)
                if data is not None:
                    found[blob] = data
        return found

    def line(
        self,
        revision: str,
        registry: str,
        wants: Callable[[str], bool] = lambda path: False,
        take: Take = lambda path, blob, data: None,
    ) -> Line:
        """The first-parent history of a revision with what it did to the registry folder.

        The contents of the files that `wants` names by their paths are handed to `take` meanwhile, the oldest first.
        """
        line = self.listed(revision)
        self.fill(line, registry, wants, take)
        return line

    def listed(self, revision: str) -> Line:
        """The first-parent history of a revision, from one `git rev-list`: no changes are in it yet."""
        return gitlog.listed(self._run("rev-list", *gitlog.LISTED, revision, "--"))

    def fill(self, line: Line, registry: str, wants: Callable[[str], bool], take: Take) -> None:
        """Add to a line what its commits did to the registry folder, from one `git diff-tree`; `line` says the rest."""
        blobs = BlobStream(lambda: self._popen("cat-file", "--batch", "--buffer"), take)
        try:
            gitlog.fill(line, self._logged(gitlog.compared(line), registry), wants, blobs)
        finally:
            blobs.close()

    def _logged(self, asked: str, registry: str) -> Iterator[gitlog.Logged]:
        """What each of the commits asked for did to the registry folder, as `git diff-tree` finds it."""
        command = ("diff-tree", *gitlog.LOGGED, "--", registry, *outside(registry))
        with self._popen(*command) as process:
            # It answers before it has read all of it, so somebody has to listen meanwhile.
            Thread(target=_feed, args=(process.stdin, asked.encode()), daemon=True).start()
            yield from gitlog.read(_chunks(process))
        if process.returncode:
            self._run(*command, feed=asked, why="git cannot tell what the commits changed")

    def merged(self, line: Line, wanted: Iterable[int], registry: str) -> dict[int, list[Merged]]:
        """The commits that these true merges of the line brought in, the newest first, without merges among them.

        Two processes for all: one for how the commits hang together, one for what they did.
        """
        merges = sorted(set(wanted) & line.merges.keys())
        if not merges:
            return {}
        first = merges[0]
        tips = [parent for i, others in line.merges.items() if i >= first for parent in others]
        before = [f"^{line.shas[first - 1]}"] if first else []
        listed = self._run("rev-list", "--date-order", "--parents", "--stdin", feed=_lines([*tips, *before]))
        parents = {sha: rest for sha, *rest in (entry.split() for entry in listed.decode().splitlines())}
        brought = line.brought_in(parents, first)
        found: dict[int, list[Merged]] = {i: [] for i in merges}
        asked = [sha for sha, rest in parents.items() if brought.get(sha) in found and len(rest) < 2]
        if asked:
            for sha, seconds, about, changes in self._logged(_lines(asked), registry):
                commit = Commit(sha, gitlog.utc(seconds), *about)
                found[brought[sha]].append(Merged(commit, tuple(path for path, _ in changes)))
        return found

    def messages(self, sha: str, path: str, before: str | None = None) -> list[str]:
        """The messages that speak for a commit's change of a file: its own, and in a true merge those of the merged commits
        that touch the file (RULES R3). They were merged into `before`, by default its first parent."""
        first, *others = self._text("rev-list", "--parents", "-n", "1", sha, "--").split()[1:] or [""]
        merged = others if before in (None, first) else [sha]
        form = ("log", "--no-show-signature", "--encoding=UTF-8", "-z", "--format=%B")
        said = self._run(*form, "-n", "1", sha, "--")
        for tip in merged:
            said += b"\0" + self._run(*form, "--no-merges", "--full-history", f"{before or first}..{tip}", "--", path)
        return [one.strip() for one in said.decode("utf-8", "replace").split("\0") if one.strip()]

    def dirty_paths(self, registry: str) -> list[str]:
        """Paths below the registry folder that differ from HEAD, new and deleted ones included."""
        return _status_paths(
            self._run(
                "status", "--porcelain", "-z", "--untracked-files=all", "--ignored", "--ignore-submodules=none",
                "--no-renames", "--", registry, *outside(registry),
            )
        )  # fmt: skip

    def changed_since(self, ref: str, registry: str) -> list[str]:
        """Paths below the registry folder that differ, in the working tree, from where this branch left `ref`."""
        start = self._run("merge-base", self.resolve(ref), "HEAD", check=False).decode().strip() or self.resolve(ref)
        places = (registry, *outside(registry))
        changed = self._run("diff", "--name-only", "-z", "--no-renames", start, "--", *places)
        paths = set(changed.decode("utf-8", "surrogateescape").split("\0"))
        new = self._run("ls-files", "-z", "--others", "--exclude-standard", "--full-name", "--", *places)
        return sorted((paths | set(new.decode("utf-8", "surrogateescape").split("\0"))) - {""})

    # -- running git ------------------------------------------------------------------------------------------------

    def _has(self, ref: str) -> bool:
        return self._run("rev-parse", "--verify", "-q", ref + "^{commit}", check=False) != b""

    def _short(self, ref: str) -> str:
        """The shortest form of a ref's name that can mean nothing else."""
        return self._text("rev-parse", "--abbrev-ref=strict", ref) or ref


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    stdout = cast(IO[bytes], process.stdout)
    while chunk := os.read(stdout.fileno(), 1 << 16):
        yield chunk


def _lines(words: Iterable[str]) -> str:
    return "".join(f"{word}\n" for word in words)


def _feed(stdin: IO[bytes], request: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # git ended; whoever reads its answers notices
        stdin.write(request)
        stdin.close()


def _status_paths(output: bytes) -> list[str]:
    return [entry[3:] for entry in output.decode("utf-8", "surrogateescape").split("\0") if entry]
