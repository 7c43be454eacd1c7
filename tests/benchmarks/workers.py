"""Where the time of a reconcile goes: in the client, in the server, in the database, or in waiting
for one of them; by how many workers the server has and how many models are written side by side.
PostgreSQL, as where there are many workers.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.bench_reconcile import register
from tests.benchmarks.measure import seconds
from tests.support.servers import mlflow_server, postgresql
from tests.support.team import Team

WORKERS = (1, 2, 4)
JOBS = (1, 2, 4, 8, 16)
MODELS = 60


@dataclass(frozen=True)
class Spent:
    """One reconcile: seconds on the clock, and processor seconds of the three."""

    workers: int
    jobs: int
    clock: float
    client: float
    server: float
    database: float

    @property
    def busy(self) -> float:
        """How many processors were busy on average."""
        return (self.client + self.server + self.database) / self.clock


def main(*, short: bool = False) -> int:
    """Print a table."""
    print(
        table(
            list(_measured((1,), (1, 2), 3) if short else _measured(WORKERS, JOBS, MODELS)),
            3 if short else MODELS,
        )
    )
    return 0


def table(found: Iterable[Spent], models: int) -> str:
    lines = [
        (
            f"| server workers | models at once | time of {models} models | client | server |"
            " database | processors busy |"
        ),
        "| --: | --: | --: | --: | --: | --: | --: |",
    ]
    for one in found:
        parts = " | ".join(map(seconds, (one.clock, one.client, one.server, one.database)))
        lines.append(f"| {one.workers} | {one.jobs} | {parts} | {one.busy:.1f} |")
    return "\n".join(lines)


def _measured(workers: Iterable[int], jobs: Iterable[int], models: int) -> Iterator[Spent]:
    names = [f"model-{i:03}" for i in range(models)]
    for count in workers:
        strangers = {process.pid for process in _named("postgres")}
        with (
            tempfile.TemporaryDirectory() as folder,
            postgresql() as backend,
            mlflow_server(Path(folder) / "server", backend, workers=count) as address,
        ):
            team = Team(Path(folder) / "repo", address)
            register(address, names)
            parts: tuple[Callable[[], list[psutil.Process]], ...] = (
                lambda: [psutil.Process()],
                lambda address=address: _listening(address),  # type: ignore[misc]
                lambda strangers=strangers: [
                    p for p in _named("postgres") if p.pid not in strangers
                ],  # type: ignore[misc]
            )
            versions = iter(range(1_000))

            def reconcile(
                at_once: int, team: Team = team, versions: Iterator[int] = versions
            ) -> None:
                version = next(versions) % 2 + 1
                team.commit(**{name: f"stages: {{Production: {version}}}\n" for name in names})
                team.reconcile("--jobs", str(at_once))

            reconcile(max(jobs := list(jobs)))  # connections are made, and kept
            for at_once in jobs:
                print(f"{count} workers, {at_once} models at once …", file=sys.stderr, flush=True)
                before, start = [_used(part()) for part in parts], time.perf_counter()
                reconcile(at_once)
                clock, after = time.perf_counter() - start, [_used(part()) for part in parts]
                yield Spent(
                    count, at_once, clock, *(b - a for a, b in zip(before, after, strict=True))
                )


def _named(name: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["name"]) if process.info["name"] == name]


def _listening(address: str) -> list[psutil.Process]:
    """The server that was started at an address, and its workers."""
    port = address.rpartition(":")[2]
    top = next(
        p
        for p in psutil.Process().children(recursive=True)
        if port in p.cmdline() and "server" in p.cmdline()
    )
    return [top, *top.children(recursive=True)]


def _used(processes: Iterable[psutil.Process]) -> float:
    """Processor seconds of processes that still run, and of what they started and waited for."""
    used = 0.0
    for process in processes:
        try:
            used += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:  # a connection's that was closed
            continue
    return used
