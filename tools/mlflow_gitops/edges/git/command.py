"""Running git: the one way in which its commands are started here, whatever the user's settings and
environment say."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile

from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.errors import GitFailure

# A remote that is silent so long is given up. Over HTTP git sees that by itself; over ssh nobody
# does, so there all of it must be done by then.
_SILENT = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=30")
PATIENCE = 600.0

# What would make git look at another repository than the folder's own, or take paths for patterns.
_NOT_OURS = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE",
    "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
)  # fmt: skip
UNSAFE_FOLDER = "git_unsafe_folder"
"""The code of a failure if git refuses to read a repository that another user owns."""

_NO = (1, 2)
"""Exit codes with which git answers a question: there is none. Where it fails it is 128 or more
(git 2.39)."""
_OWN_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "mlflow-gitops"), ("EMAIL", "mlflow-gitops@localhost"))
}


class GitCommand:
    """Starts git in one repository, named by its top-level folder."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def output(
        self,
        *args: str,
        feed: str | None = None,
        check: bool = True,
        identity: bool = False,
        index: Path | None = None,
    ) -> str:
        """What a git command prints; nothing where it fails and `check` is False, unless it was
        killed. With `identity`, a commit can be made even where git knows no user; `index` is one
        that takes the place of the checkout's own. Raises GitFailure."""
        known = not identity or self._run("var", "GIT_COMMITTER_IDENT", check=False)
        extra = {} if known else dict(_OWN_IDENTITY)
        if index is not None:
            extra["GIT_INDEX_FILE"] = str(index)
        return (
            self._run(*args, feed=feed, check=check, extra=extra)
            .decode("utf-8", "surrogateescape")
            .strip()
        )

    def query(self, *args: str) -> str:
        """What git answers to a question; empty where its exit code says no. A git that fails or is
        killed has not said no: what is there, receipts and branches alike, would be taken for
        absent. Raises GitFailure."""
        done = self._execute(*args)
        if done.returncode in _NO:
            return ""
        return self._checked(done, args).decode("utf-8", "surrogateescape").strip()

    def exchange(
        self,
        *args: str,
        failure: str | None = None,
        seconds: float = PATIENCE,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> str:
        """What a git command that speaks to a remote prints. One that stalls is ended: over HTTP
        after 30 seconds without a byte, in any other way after `seconds` in all, and as soon as
        there was `enough` waiting. Raises GitFailure."""
        # Where nobody sits whom ssh could ask for a passphrase, git and what it starts can be ended
        # together.
        together = sys.stdin is None or not sys.stdin.isatty()
        with contextlib.ExitStack() as kept:
            with _starting():
                out, err = (kept.enter_context(TemporaryFile()) for _ in range(2))
                process = subprocess.Popen(
                    self._command((*_SILENT, *args)), env=_environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                    start_new_session=together,
                )  # fmt: skip
            try:
                last = time.monotonic() + seconds
                while process.poll() is None and time.monotonic() < last and not should_stop():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
                ended = process.poll() is not None
            finally:
                if process.poll() is None:
                    _end(process, together)
            what = failure or f"git {args[0]} failed"
            if not ended:
                raise GitFailure(f"{what}: the remote did not answer in time.")
            out.seek(0)
            err.seek(0)
            if process.returncode:
                raise GitFailure(f"{what}: {_reason(err.read(), process.returncode)}.")
            return out.read().decode("utf-8", "surrogateescape").strip()

    def attempt(self, *args: str, feed: str | None = None) -> str | None:
        """Run a git command that the user's hooks, their signing or a remote may refuse: None if it
        went well, else what they said. Hooks find git's own reading of paths."""
        done = self._execute(*args, feed=feed, extra={"GIT_LITERAL_PATHSPECS": "0"})
        if done.returncode == 0:
            return None
        lines = (done.stderr + done.stdout).decode("utf-8", "replace").splitlines()
        said = redact(" / ".join(line.strip() for line in lines if line.strip()))[:2000]
        return said or _reason(b"", done.returncode)

    def _text(self, *args: str, failure: str | None = None) -> str:
        return self._run(*args, failure=failure).decode("utf-8", "surrogateescape").strip()

    def _command(self, args: tuple[str, ...]) -> list[str]:
        # Replace refs and grafts would let a clone see another history than the one that was
        # approved.
        config = (
            "-c",
            "core.quotePath=false",
            "-c",
            "log.follow=false",
            "-c",
            "advice.graftFileDeprecated=false",
        )
        return ["git", "--no-replace-objects", "--no-pager", "-C", str(self.top), *config, *args]

    def _popen(self, *args: str) -> subprocess.Popen[bytes]:
        with _starting():
            return subprocess.Popen(
                self._command(args),
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def _execute(
        self, *args: str, feed: str | None = None, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        environment = _environment() | dict(extra or {})
        with _starting():
            return subprocess.run(
                self._command(args),
                env=environment,
                capture_output=True,
                input=(feed or "").encode("utf-8", "surrogateescape"),
            )

    def _run(
        self,
        *args: str,
        check: bool = True,
        failure: str | None = None,
        feed: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> bytes:
        done = self._execute(*args, feed=feed, extra=extra)
        if check or done.returncode < 0:
            return self._checked(done, args, failure)
        return done.stdout if done.returncode == 0 else b""

    @staticmethod
    def _checked(
        process: subprocess.CompletedProcess[bytes],
        args: tuple[str, ...],
        failure: str | None = None,
    ) -> bytes:
        if process.returncode:
            what = failure or f"git {args[0]} failed"
            # git has no exit code of its own for this (2.39), only a text.
            unsafe = b"dubious ownership" in process.stderr
            raise GitFailure(
                f"{what}: {_reason(process.stderr, process.returncode)}.",
                code=UNSAFE_FOLDER if unsafe else None,
            )
        return process.stdout


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """What keeps git from starting, as a GitFailure: it is not there, or the machine has no room
    for another process."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename == "git":
            raise GitFailure("git is not installed, or not on the PATH.") from None
        raise GitFailure(f"git cannot be started: {error.strerror or error}.") from None


def _reason(said: bytes, code: int) -> str:
    """The first line of what git said; where it said nothing, how it ended."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return (
        redact(lines[0])
        if lines
        else f"it was ended by signal {-code}"
        if code < 0
        else f"exit code {code}"
    )


def _end(process: subprocess.Popen[bytes], together: bool) -> None:
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            if together:
                os.killpg(process.pid, wanted)
            else:
                process.send_signal(wanted)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in _NOT_OURS}
    return kept | {
        "LC_ALL": "C.UTF-8",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_GRAFT_FILE": os.devnull,
    }
