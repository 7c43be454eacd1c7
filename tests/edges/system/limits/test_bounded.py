"""What a text may take of time and memory, and how a signal ends a command."""

from __future__ import annotations

import os
import resource
import signal
import sys

import pytest

from mlflow_gitops.edges.system.limits.bounded import bounded
from mlflow_gitops.edges.system.limits.unwinding import unwound_by_signals


def test_a_body_has_a_time_and_afterwards_there_is_none() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeoutError, match="it takes longer than"), bounded(seconds=0.05):
        while True:
            pass
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded on Linux")
def test_a_body_has_a_memory_and_afterwards_there_is_no_limit() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), bounded(memory=64 << 20):
        bytearray(256 << 20)
    with bounded(memory=64 << 20):
        assert bytearray(1 << 20)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_and_the_exit_code_is_that_of_a_shell(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup
    steps = []
    try:
        with pytest.raises(SystemExit) as ended, unwound_by_signals():
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            finally:
                steps.append("deleted")
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert ended.value.code == 128 + number and steps == ["deleted"]


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with unwound_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
