"""An unexpected exception while one model is read, judged, planned or written stops that model
alone: it becomes a refusal with the code `internal`."""

from __future__ import annotations

import contextlib
import sys
import traceback
from typing import TYPE_CHECKING

from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.errors import Failure, shortage
from mlflow_gitops.settings import Settings

if TYPE_CHECKING:
    from mlflow_gitops.core.verdicts.verdict import Refusal

CODE = "internal"

_LONGEST_TEXT = 300
_REPORT = (
    "this is a fault of mlflow-gitops or of a plug-in; run the same command with -v and report what"
    " it prints. Other models are not affected"
)


def is_unexpected(error: Exception) -> bool:
    """Whether an exception is about one model only. A failure that users can cause, and a machine
    that has run out of something, are reported as they are."""
    if isinstance(error, MemoryError):  # one model's data may be too large
        return True
    return not isinstance(error, Failure) and shortage(error) is None


def describe(error: BaseException) -> str:
    """The exception's type and text, without secrets, on one line: `ValueError: no such thing`."""
    try:
        text = " ".join(redact(str(error)).split())
    except Exception:  # a class of another package may fail to describe itself
        text = "(no text)"
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def unexpected_refusal(name: str, error: BaseException, settings: Settings) -> Refusal:
    """The refusal of the model whose planning raised `error`. With --verbose, the traceback goes to
    stderr, without secrets."""
    from mlflow_gitops.core.verdicts.verdict import Refusal  # `log` imports this module, too

    print_traceback(name, error, settings)
    return Refusal(CODE, f"{name} cannot be judged: unexpected {describe(error)}", _REPORT)


def print_traceback(name: str, error: BaseException, settings: Settings) -> None:
    """With --verbose, print to stderr where an exception came from, without secrets."""
    if settings.verbosity <= 0:
        return
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    text = redact("".join(lines)).encode("ascii", "backslashreplace").decode()
    with contextlib.suppress(OSError):
        print(f"{name!a}:\n{text}", file=sys.stderr, flush=True)
