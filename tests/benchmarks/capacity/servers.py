"""How many requests a second `mlflow server` answers, by its database, workers and pool, in turn.

Each setting is measured once in each round, so that a ratio compares neighbours in time; the
processor time of server and database is the steadier figure where a machine does other things too.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
import requests

from tests.support.servers import mlflow_server, postgresql

THREADS = 8
"""As many as `reconcile` writes models with."""


@dataclass(frozen=True)
class Setting:
    """One way to start the server. `pool` is MLFLOW_SQLALCHEMYSTORE_POOL_SIZE; 0: its default."""

    name: str
    database: str
    workers: int
    pool: int = 0


SETTINGS = (
    Setting("SQLite, 1 worker", "sqlite", 1),
    Setting("SQLite, 2 workers", "sqlite", 2),
    Setting("PostgreSQL, 1 worker", "postgresql", 1),
    Setting("PostgreSQL, 2 workers", "postgresql", 2),
    Setting("PostgreSQL, 1 worker, a pool of 1", "postgresql", 1, 1),
    Setting("PostgreSQL, 1 worker, a pool of 20", "postgresql", 1, 20),
)


@dataclass
class Answers:
    """What one setting did with one kind of request: for each round, requests a second, and
    milliseconds of processor time of server and database for each request."""

    a_second: list[float] = field(default_factory=list)
    server_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)


Found = dict[str, dict[str, Answers]]
"""By the setting's name and the kind of request: `reads`, `writes`."""


def measured(rounds: int, requests_each: int, settings: Sequence[Setting] = SETTINGS) -> Found:
    """Start all servers, and measure one after another, `rounds` times after a warm-up."""
    strangers = {process.pid for process in _postgres()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        backends = {"sqlite": "", "postgresql": ""}
        if any(setting.database == "postgresql" for setting in settings):
            backends["postgresql"] = stack.enter_context(postgresql())
        addresses = {}
        for number, setting in enumerate(settings):
            home = folder / str(number)
            backend = backends[setting.database] or f"sqlite:///{folder / f'{number}.db'}"
            env = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(setting.pool)} if setting.pool else {}
            addresses[setting.name] = stack.enter_context(
                mlflow_server(home, backend, workers=setting.workers, env=env)
            )
        for number, address in enumerate(addresses.values()):
            _fill(address, f"s{number}")

        found: Found = {name: {"reads": Answers(), "writes": Answers()} for name in addresses}
        for turn in range(rounds + 1):
            print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
            for number, (name, address) in enumerate(addresses.items()):
                for kind, send in (("reads", _read), ("writes", _write)):
                    answers = _once(address, f"s{number}", send, requests_each, strangers)
                    if turn:
                        for values, value in zip(
                            (
                                found[name][kind].a_second,
                                found[name][kind].server_ms,
                                found[name][kind].database_ms,
                            ),
                            answers,
                            strict=True,
                        ):
                            values.append(value)
        return found


def ratios(found: Found, kind: str, name: str, to: str) -> tuple[float, float, float]:
    """How many times as many requests a second a setting answers: median, least and greatest."""
    pairs = zip(found[name][kind].a_second, found[to][kind].a_second, strict=True)
    each = sorted(ours / theirs for ours, theirs in pairs)
    return median(each), each[0], each[-1]


Send = Callable[[requests.Session, str, str, int], None]


def _once(
    address: str, prefix: str, send: Send, count: int, strangers: set[int]
) -> tuple[float, float, float]:
    server, database = listening(address), [p for p in _postgres() if p.pid not in strangers]
    before = used(server), used(database)
    failures: list[Exception] = []

    def work(thread: int) -> None:
        try:
            with requests.Session() as session:
                for number in range(count):
                    send(session, address, f"{prefix}-{thread}", number)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock, total = time.perf_counter() - began, THREADS * count
    if failures:
        raise failures[0]
    after = used(server), used(database)
    return (
        total / clock,
        1000 * (after[0] - before[0]) / total,
        1000 * (after[1] - before[1]) / total,
    )


def _fill(address: str, prefix: str) -> None:
    with requests.Session() as session:
        for thread in range(THREADS):
            name = f"{prefix}-{thread}"
            _post(session, address, "registered-models/create", {"name": name})
            version = {"name": name, "source": "s3://models/1"}
            _post(session, address, "model-versions/create", version)


def _post(session: requests.Session, address: str, path: str, body: dict[str, str]) -> None:
    answer = session.post(f"{address}/api/2.0/mlflow/{path}", json=body, timeout=120)
    answer.raise_for_status()


def _write(session: requests.Session, address: str, model: str, number: int) -> None:
    body = {"name": model, "version": "1", "key": f"key-{number % 10}", "value": str(number)}
    _post(session, address, "model-versions/set-tag", body)


def _read(session: requests.Session, address: str, model: str, number: int) -> None:
    answer = session.get(
        f"{address}/api/2.0/mlflow/model-versions/get",
        params={"name": model, "version": "1"},
        timeout=120,
    )
    answer.raise_for_status()


def _postgres() -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            yield process


def listening(address: str) -> list[psutil.Process]:
    """The server at an address, and its workers."""
    port = address.rpartition(":")[2]
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that has ended, waited for or not
            if port in process.cmdline() and "server" in process.cmdline():
                return [process, *process.children(recursive=True)]
    raise RuntimeError(f"no server at {address}")


def used(processes: Sequence[psutil.Process]) -> float:
    used = 0.0
    for process in processes:
        try:
            used += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:  # a connection's that was closed
            continue
    return used
