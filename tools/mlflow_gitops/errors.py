"""What a user can run into, as exceptions; `cli.main` alone turns them into a message and an exit
code."""

from __future__ import annotations

import errno

# DESIGN §5, RULES R8.
OK, ERROR, CHANGES, INVALID, REFUSED, PARTIAL, USAGE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 64, 130


class Failure(Exception):
    """Something the user can understand and mend. The message is a sentence or two and names the
    way out."""

    exit_code = ERROR


class GitFailure(Failure):
    """git is missing, the repository is not what it should be, or a revision does not exist."""


class RegistryFailure(Failure):
    """MLflow could not be asked, or refused. `transient` says that it may well answer in a moment:
    too many requests, an error of the server's own, a lost connection."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class GitHubFailure(Failure):
    """GitHub could not be asked, or refused. `status` is the answer's number; None where there was
    no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Refused(Failure):
    """A guard stands against it: a protected stage, a pin, a version that is not there."""

    exit_code = REFUSED


class UsageFailure(Failure):
    """The command line makes no sense."""

    exit_code = USAGE


class InvalidFiles(Failure):
    """Manifests, the policy or the list of environments have errors; without a message they were
    printed already."""

    exit_code = INVALID


_PRECEDENCE = (INTERRUPTED, ERROR, INVALID, PARTIAL, REFUSED, CHANGES)


def worst(*codes: int) -> int:
    """The exit code of several outcomes at once: 130, 1, 3, 5, 4, 2, 0, the first that applies
    (RULES R8)."""
    return next((code for code in _PRECEDENCE if code in codes), OK)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EROFS)
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


def shortage(error: BaseException) -> str | None:
    """What the machine lacks, in a sentence, where that is what an error says: room on a disk,
    memory, open files, threads. None for any other error: then the fault is in here, and a
    traceback tells more."""
    said = str(getattr(error, "strerror", None) or error)
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"{error.filename or 'The output'} could not be written: {said}."
    if isinstance(error, OSError) and (error.errno in _SHORT or "temporary directory" in said):
        return f"This machine cannot go on: {said}."
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "start new thread" in said
    ):
        return f"This machine cannot go on: {said or 'out of memory'}."
    return None
