"""The command line: the commands, and the script that runs one of them."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading

from mlflow_gitops.cli.app import app as app
from mlflow_gitops.cli.command_line import main as main
from mlflow_gitops.settings import THIS_PROCESS

# Each module registers its commands; `--help` lists them in this order.
# isort: off
from mlflow_gitops.cli import setup, inspect, authoring, reconcile  # noqa: F401
from mlflow_gitops.cli import audit, report, serving, github, reference  # noqa: F401

# isort: on


def entry() -> None:
    """The `mlflow-gitops` script."""
    # Ten thousand manifests are millions of objects that stay alive. With Python's default
    # thresholds, looking for garbage among them takes a fifth of the time and finds none.
    gc.set_threshold(200_000, 50, 50)
    THIS_PROCESS.is_command = True
    code = main()
    gc.freeze()  # at exit there is no garbage to find, either
    _leave_threads_behind(code)
    raise SystemExit(code)


def _leave_threads_behind(code: int) -> None:
    """Exit at once if threads are left that Python would wait for: MLflow's downloads run in such
    threads, and a storage that is silent may hold one for minutes."""
    threads = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    if all(thread.daemon for thread in threads):
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
