"""What one round of the loop costs that has nothing to do, by the versions in the registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.bench_plan import prepared
from tests.benchmarks.capacity.servers import listening, used
from tests.benchmarks.measure import program
from tests.support.servers import mlflow_server
from tests.support.team import GIT_ENVIRONMENT

_CHILD = """
import resource, subprocess, sys, json
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stderr, spent.ru_utime + spent.ru_stime, spent.ru_maxrss]))
"""


@dataclass(frozen=True)
class Round:
    """A `plan` with nothing to do, as a process of its own: seconds on the clock, processor seconds
    of it and of the server, and MB that it held."""

    versions: int
    clock: float
    client: float
    server: float
    memory: float


def measured(versions: int, runs: int) -> list[Round]:
    """Ten versions of each model, SQLite, one worker; after a warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        team, backend = prepared(Path(folder), versions // 10, 10)
        with mlflow_server(Path(folder) / "server", backend) as address:
            command = [program("mlflow-gitops"), "-q", "--repo", str(team.folder)]
            command += ["--tracking-uri", address, "plan"]
            return [_once(versions, address, command) for _ in range(runs + 1)][1:]


def _once(versions: int, address: str, command: list[str]) -> Round:
    server = listening(address)
    before, began = used(server), time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, *command],
        env=os.environ | GIT_ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    clock = time.perf_counter() - began
    code, message, client, most = json.loads(child.stdout)
    if code:
        raise RuntimeError(f"{command} exited {code}: {message[-500:]}")
    return Round(versions, clock, client, used(server) - before, most / 1024)
