"""The `mlflow-gitops` script, which is `python -m mlflow_gitops`, too."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import threading
from typing import NoReturn


def entry() -> NoReturn:
    """Run this process's command line, and end the process."""
    # Modules, and ten thousand manifests, are millions of objects that stay alive. With Python's
    # default thresholds, looking for garbage among them takes a fifth of the time and finds none:
    # a sixteenth of the start alone, so this comes before the imports.
    gc.set_threshold(200_000, 50, 50)
    from mlflow_gitops.cli import main
    from mlflow_gitops.settings import THIS_PROCESS

    THIS_PROCESS.is_command = True
    _end(main())


def _end(code: int) -> NoReturn:
    """End the process without taking apart what it loaded: the system frees its memory faster, and
    by then every file is closed. What other libraries do at exit is done, as by Python.

    If threads are left that Python would wait for, the process ends at once: MLflow's downloads run
    in such threads, and a storage that is silent may hold one for minutes."""
    threads = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    if all(thread.daemon for thread in threads):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    entry()
