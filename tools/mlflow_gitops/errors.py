"""The errors that a user can cause, as exceptions. Only `cli.main` turns them into printed text and
an exit code."""

from __future__ import annotations

import errno

# DESIGN §5, RULES R8.
OK, ERROR, CHANGES, INVALID, REFUSED, PARTIAL, USAGE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 64, 130
UNREAD = 141
"""Nobody reads the output any more (`log | head`): 128 and the number of SIGPIPE, as for git."""


class Failure(Exception):
    """Something the user can understand and fix.

    `message` says what is wrong, `fix` is the next step, printed after it. `transient` is true if
    the same call may succeed in a moment. `code` is a stable word for programs, by default the
    class's. Programs decide by the class and by these fields, never by the text.
    """

    exit_code = ERROR
    code = "error"

    def __init__(
        self,
        message: str = "",
        *,
        fix: str = "",
        transient: bool = False,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.transient = transient
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        """The whole text for a person: the message, then the next step."""
        return " ".join(part for part in (self.message, self.fix) if part)


class GitFailure(Failure):
    """git is missing, the repository cannot be used, or a revision does not exist."""

    code = "git"


class RegistryFailure(Failure):
    """MLflow could not be reached, or refused a request. `transient` covers rate limits, server
    errors and lost connections."""

    code = "mlflow"


class UnfitFiles(RegistryFailure):
    """What is in the place of a version's files cannot be pinned by a digest, now or later: there
    are none, or there is a link among them."""


class ForgeFailure(Failure):
    """The forge (GitHub) could not be reached, or refused a request.

    `status` is the HTTP status of its answer; None if there was no answer. `is_lasting` means that
    further requests would fail as well: no connection, a rejected token, an exhausted rate limit.
    """

    code = "forge"

    def __init__(
        self,
        message: str = "",
        status: int | None = None,
        *,
        fix: str = "",
        transient: bool = False,
        code: str | None = None,
        is_lasting: bool = False,
    ) -> None:
        super().__init__(message, fix=fix, transient=transient, code=code)
        self.status = status
        self.is_lasting = is_lasting


class Refused(Failure):
    """A guard forbids it: a protected stage, a pin, a version that does not exist."""

    exit_code = REFUSED
    code = "refused"


class NameTaken(Refused):
    """A model cannot be created, because the registry takes another model's name for its own."""


class UsageFailure(Failure):
    """The command line is wrong."""

    exit_code = USAGE
    code = "usage"


class InvalidFiles(Failure):
    """Manifests, the policy or the list of environments have errors. Without a message, they were
    printed already."""

    exit_code = INVALID
    code = "invalid"


_PRECEDENCE = (INTERRUPTED, ERROR, INVALID, PARTIAL, REFUSED, CHANGES)


def worst(*codes: int) -> int:
    """The exit code of several outcomes at once: 130, 1, 3, 5, 4, 2, 0, the first that applies
    (RULES R8)."""
    return next((code for code in _PRECEDENCE if code in codes), OK)


_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EROFS)
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


def shortage(error: BaseException) -> str | None:
    """A sentence about what this machine has run out of, if `error` reports such a thing: disk
    space, memory, open files, threads. None for any other error, which is a bug of this program and
    deserves a traceback."""
    if not isinstance(error, (OSError, MemoryError, RuntimeError)):
        return None
    text = str(getattr(error, "strerror", None) or error)

    if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
        return f"{error.filename or 'The output'} could not be written: {text}."

    # Python gives these two no error number or class of their own (3.14), only a text.
    no_temporary_folder = isinstance(error, OSError) and "temporary directory" in text
    no_thread = isinstance(error, RuntimeError) and "start new thread" in text
    out_of_resources = isinstance(error, OSError) and error.errno in _OUT_OF_RESOURCES

    if no_temporary_folder or no_thread or out_of_resources or isinstance(error, MemoryError):
        return f"This machine cannot continue: {text or 'out of memory'}."
    return None
