"""The only place that starts git, independent of the user's settings and environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import IO, Any, cast

from mlflow_gitops.errors import GitFailure

PATIENCE = 600.0
"""Seconds that a command which talks to a remote may take in all.

Over HTTP, git itself gives up a remote that is silent for 30 seconds (`_STALL_LIMITS`). Over ssh
nothing notices a silent remote, so the total time is limited.
"""

_STALL_LIMITS = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=30")
_SMALLEST_PIPE = 4096  # bytes that every pipe holds before its writer has to wait
_MAX_ANSWER = 2000  # characters of what hooks and remotes print that a message quotes

_SAFE_OPTIONS = (
    "--no-replace-objects",  # with replace refs, a clone could show another history than approved
    "--no-pager",
    *("-c", "core.quotePath=false"),
    *("-c", "log.follow=false"),
    *("-c", "advice.graftFileDeprecated=false"),
    *("-c", "core.warnAmbiguousRefs=true"),  # else git shortens a name to an ambiguous one
)

_SCRUBBED_VARIABLES = frozenset(
    {
        # These make git work on another repository than the one in its folder.
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_PREFIX",
        # These make git read paths as patterns.
        "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
    }
)  # fmt: skip

_SAFE_VARIABLES = {
    "LC_ALL": "C.UTF-8",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_GRAFT_FILE": os.devnull,  # with grafts, a clone could show another history than approved
}

UNSAFE_FOLDER = "git_unsafe_folder"
"""The code of a failure if git refuses to read a repository that another user owns."""

_NEGATIVE_ANSWERS = (1, 2)
"""Exit codes by which git answers "there is none". If git fails, its code is 128 or more (2.39)."""

_OWN_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "mlflow-gitops"), ("EMAIL", "mlflow-gitops@localhost"))
}


class GitCommand:
    """Starts git in one repository, which is named by its top-level folder."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def output(
        self,
        *args: str,
        feed: str | None = None,
        check: bool = True,
        identity: bool = False,
        index: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Return what a git command prints.

        `feed` is its input. With `check=False`, a failing command returns "", unless it was killed.
        With `identity=True`, git may commit even if it knows no user. `index` replaces the index of
        the checkout. `variables` are added to the environment. Raises GitFailure.
        """
        variables = dict(variables or {})
        if identity and not self._run("var", "GIT_COMMITTER_IDENT", check=False):
            variables |= _OWN_IDENTITY
        if index is not None:
            variables["GIT_INDEX_FILE"] = str(index)
        return _text(self._run(*args, feed=feed, check=check, variables=variables))

    def limited_output(self, limit: int, *args: str) -> str | None:
        """Return what a git command prints; None if that is more than `limit` bytes. Raises
        GitFailure."""
        output = self.head_of_output(limit + 1, *args)
        return _text(output) if len(output) <= limit else None

    def head_of_output(self, limit: int, *args: str) -> bytes:
        """Return the first `limit` bytes that a git command prints. If it prints more, it is ended.
        Raises GitFailure."""
        with self._popen(*args) as process:
            output = cast(IO[bytes], process.stdout).read(limit)
            is_whole = len(output) < limit
            if not is_whole:
                process.kill()
        if process.returncode and is_whole:
            return self._run(*args)  # raises with git's own words
        return output

    def query(self, *args: str) -> str:
        """Return what git answers, or "" if its exit code says that there is nothing.

        Raises GitFailure if git fails or is killed: otherwise existing receipts and branches would
        be taken for missing ones.
        """
        process = self._execute(*args)
        if process.returncode in _NEGATIVE_ANSWERS:
            return ""
        return _text(checked_output(process, args))

    def exchange(
        self,
        *args: str,
        failure: str | None = None,
        seconds: float = PATIENCE,
        should_stop: Callable[[], bool] = lambda: False,
        feed: str = "",
    ) -> str:
        """Return what a git command that talks to a remote prints.

        A stalled command is ended: over HTTP after 30 silent seconds, otherwise after `seconds` in
        all, and as soon as `should_stop` returns True. `failure` begins the message of the
        GitFailure that is raised then. `feed` is the command's input.
        """
        from mlflow_gitops.edges.git.waiting import run  # slow to load, and only needed here

        what_failed = failure or f"git {args[0]} failed"

        def start(**options: Any) -> subprocess.Popen[bytes]:
            with _reported_start():
                command = self._command((*_STALL_LIMITS, *args))
                return subprocess.Popen(command, env=_environment(), **options)

        finished = run(start, feed, seconds, should_stop)
        if finished is None:
            raise GitFailure(f"{what_failed}: the remote did not answer in time.")
        if finished.returncode:
            reason = _reason(finished.stderr, finished.returncode)
            raise GitFailure(f"{what_failed}: {reason}.")
        return _text(finished.stdout)

    def attempt(self, *args: str, feed: str | None = None) -> str | None:
        """Run a git command that a hook, a signing program or a remote may refuse.

        Returns None if it succeeded, else what was printed. Hooks get git's usual reading of paths.
        """
        process = self._execute(*args, feed=feed, variables={"GIT_LITERAL_PATHSPECS": "0"})
        if process.returncode == 0:
            return None
        lines = (process.stderr + process.stdout).decode("utf-8", "replace").splitlines()
        printed = " / ".join(line.strip() for line in lines if line.strip())
        return _redacted(printed)[:_MAX_ANSWER] or _reason(b"", process.returncode)

    def _text(self, *args: str, failure: str | None = None) -> str:
        return _text(self._run(*args, failure=failure))

    def _command(self, args: tuple[str, ...]) -> list[str]:
        return ["git", *_SAFE_OPTIONS, "-C", str(self.top), *args]

    def _popen(self, *args: str) -> subprocess.Popen[bytes]:
        with _reported_start():
            return subprocess.Popen(
                self._command(args),
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def _execute(
        self, *args: str, feed: str | None = None, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        with _reported_start():
            return subprocess.run(
                self._command(args),
                env=_environment() | dict(variables or {}),
                capture_output=True,
                input=(feed or "").encode("utf-8", "surrogateescape"),
            )

    def _run(
        self,
        *args: str,
        check: bool = True,
        failure: str | None = None,
        feed: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> bytes:
        process = self._execute(*args, feed=feed, variables=variables)
        was_killed = process.returncode < 0
        if check or was_killed:
            return checked_output(process, args, failure)
        return process.stdout if process.returncode == 0 else b""


def feed_input(process: subprocess.Popen[bytes], request: bytes) -> None:
    """Write all input of a git process and close it, while the caller may read its output.

    git answers before it has read everything, so a request that does not fit into the pipe is
    written by a thread: otherwise each side would wait for the other.
    """

    def write() -> None:
        stdin = cast(IO[bytes], process.stdin)
        with contextlib.suppress(BrokenPipeError):  # git ended; the reader of its output finds out
            stdin.write(request)
            stdin.close()

    if len(request) <= _SMALLEST_PIPE:
        write()
    else:
        Thread(target=write, daemon=True).start()


@contextlib.contextmanager
def _reported_start() -> Iterator[None]:
    """Raise GitFailure if git cannot start: it is missing, or the machine allows no process."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename == "git":
            raise GitFailure("git is not installed, or not on the PATH.") from None
        raise GitFailure(f"git cannot be started: {error.strerror or error}.") from None


def checked_output(
    process: subprocess.CompletedProcess[bytes],
    args: tuple[str, ...],
    failure: str | None = None,
) -> bytes:
    """What a finished git process printed. Raises GitFailure if it failed; `failure` begins the
    message then."""
    if process.returncode:
        what_failed = failure or f"git {args[0]} failed"
        # git has no exit code of its own for this (2.39), only a text.
        is_unsafe = b"dubious ownership" in process.stderr
        raise GitFailure(
            f"{what_failed}: {_reason(process.stderr, process.returncode)}.",
            code=UNSAFE_FOLDER if is_unsafe else None,
        )
    return process.stdout


def _reason(stderr: bytes, exit_code: int) -> str:
    """Return the first line that git printed, or how it ended if it printed nothing."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    if lines:
        return _redacted(lines[0])
    if exit_code < 0:
        return f"it was ended by signal {-exit_code}"
    return f"exit code {exit_code}"


def _redacted(text: str) -> str:
    from mlflow_gitops.edges.system.redaction import redact  # needed for failures only

    return redact(text)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape").strip()


def _environment() -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in _SCRUBBED_VARIABLES
    }
    return inherited | _SAFE_VARIABLES
