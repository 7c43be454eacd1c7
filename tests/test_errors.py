"""The fields of a failure, exit codes of several outcomes at once (RULES R8), and what a machine
has run out of."""

from __future__ import annotations

import errno
import pickle
import tempfile
import threading
from itertools import permutations

import pytest

from mlflow_gitops.errors import (
    CHANGES,
    ERROR,
    INTERRUPTED,
    INVALID,
    OK,
    PARTIAL,
    REFUSED,
    Failure,
    ForgeFailure,
    InvalidFiles,
    shortage,
    worst,
)


def test_a_failure_has_its_next_step_as_a_field() -> None:
    failure = ForgeFailure("GitHub is down.", 503, fix="Try again.", transient=True)
    assert (failure.message, failure.fix, failure.transient) == (
        "GitHub is down.",
        "Try again.",
        True,
    )
    assert str(failure) == "GitHub is down. Try again."
    assert (failure.status, failure.code, failure.exit_code) == (503, "forge", ERROR)
    again = pickle.loads(pickle.dumps(failure))
    assert (str(again), again.status, again.fix) == (str(failure), 503, "Try again.")


def test_a_failure_with_nothing_to_add_prints_only_its_message() -> None:
    assert str(Failure("It is gone.")) == "It is gone."
    assert str(InvalidFiles()) == "" and InvalidFiles().exit_code == INVALID
    assert Failure("It is gone.", code="gone").code == "gone" and Failure.code == "error"


def test_the_first_that_applies() -> None:
    order = [INTERRUPTED, ERROR, INVALID, PARTIAL, REFUSED, CHANGES, OK]
    assert order == [130, 1, 3, 5, 4, 2, 0]
    for i, one in enumerate(order):
        for other in order[i:]:
            assert {worst(*pair) for pair in permutations([one, other])} == {one}
    assert worst() == OK


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "The output could not be written: No space left on device.",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/tmp/a"),
            "/tmp/a could not be written: Read-only file system.",
        ),
        (
            OSError(errno.EMFILE, "Too many open files"),
            "This machine cannot continue: Too many open files.",
        ),
        (
            BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
            "This machine cannot continue: Resource temp",
        ),
        (MemoryError(), "This machine cannot continue: out of memory."),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), None),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), None),
        (RuntimeError("dictionary changed size during iteration"), None),
    ],
)
def test_what_the_machine_lacks(error: Exception, said: str | None) -> None:
    told = shortage(error)
    assert told is None if said is None else str(told).startswith(said)


def test_nowhere_to_keep_a_file_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    with pytest.raises(FileNotFoundError) as raised:
        tempfile.mkdtemp()
    assert "No usable temporary directory found in ['/nowhere']" in str(shortage(raised.value))


def test_no_thread_can_be_started() -> None:
    kept = threading.stack_size(1 << 50)
    try:
        with pytest.raises(RuntimeError) as raised:
            threading.Thread(target=lambda: None).start()
    finally:
        threading.stack_size(kept)
    assert str(shortage(raised.value)) == "This machine cannot continue: can't start new thread."
