"""What one command takes as a process of its own: time, processor time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from tests.benchmarks.measure import program
from tests.support.team import GIT_ENVIRONMENT


@dataclass(frozen=True)
class Point:
    """What one command took on `size` pieces of work. `memory` is the most that one of its
    processes held, in MB; `requests` is None where nobody is asked."""

    command: str
    size: int
    clock: float
    processor: float
    memory: float
    requests: int | None = None


_WATCHED = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
clock, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = used.ru_utime + used.ru_stime
print(json.dumps([done.returncode, done.stderr, clock, cpu, used.ru_maxrss]))
"""
"""A small process between, since the most that a process held counts what its parent held when it
was started (Linux)."""


def spent(command: str, size: int, *arguments: str) -> Point:
    watched = subprocess.run(
        [sys.executable, "-c", _WATCHED, program("mlflow-gitops"), "-q", *arguments],
        env=os.environ | GIT_ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    code, said, clock, processor, most = json.loads(watched.stdout)
    if code:
        raise RuntimeError(f"{arguments} exited {code}: {said[-500:]}")
    return Point(
        command, size, clock, processor, most / (1024 if sys.platform != "darwin" else 1024**2)
    )
