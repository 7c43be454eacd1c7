"""`plan` with nothing to do, over HTTP, against the bare listing calls that nobody gets around; and
a server that is dead."""

from __future__ import annotations

import gc
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.corpora import fill_store, write_manifests, write_stamps
from tests.benchmarks.measure import Row, Took, compare, took
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.spent import spent
from tests.support.proxy import Proxy, proxy
from tests.support.servers import free_port, mlflow_server
from tests.support.team import Team

MODELS_A_PAGE, VERSIONS_A_PAGE = 1_000, 200_000
"""What MLflow 3 allows."""
LARGE = 100_000
"""From so many versions on, reading them is nearly all of the work."""


def rows(sizes: Sizes) -> Iterator[Row]:
    gc.set_threshold(200_000, 50, 50)  # as the script has it, here for both sides
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        team, backend = prepared(top, sizes.models, sizes.versions)
        what = f"{sizes.models:,} models × {sizes.versions} versions over HTTP"
        with mlflow_server(top / "server", backend) as address:
            yield compare(
                f"`plan` with nothing to do, {what}",
                lambda: plan(team, address), "the bare listing calls", lambda: listing(address),
                1.25 if sizes.models * sizes.versions < LARGE else 1.15, sizes.runs,
                server=True,
            )  # fmt: skip
            yield _memory(team, address, what)
            with proxy(address) as between:
                yield _requests(team, between, what)
        if sizes.wait is not None:
            yield from _dead(team, sizes.wait)


def prepared(top: Path, models: int, versions: int) -> tuple[Team, str]:
    """A team's repository and a SQLite store that agree, stamps and all."""
    from mlflow_gitops.app.planning.planner import Planner
    from mlflow_gitops.app.planning.target import Target
    from mlflow_gitops.app.workspace import Workspace
    from mlflow_gitops.edges.mlflow.registry import Registry
    from mlflow_gitops.settings import Settings

    backend = f"sqlite:///{top}/store.db"
    (top / "repo").mkdir()
    write_manifests(top / "repo", models)
    fill_store(backend, models, versions)
    workspace = Workspace(Settings(repo=top / "repo"))
    target = Target.of_tree(workspace, workspace.tree())
    write_stamps(backend, Planner(workspace, Registry(backend), target).plan().plan)
    return Team(top / "repo", backend), backend


def plan(team: Team, address: str) -> None:
    ran = team.run("plan", "--detailed-exitcode", uri=address)
    assert ran.code == 0 and "nothing to change" in ran.out, (ran.out + ran.err)[-2000:]


def listing(address: str) -> int:
    """What any reader of a whole registry must ask. Returns the number of requests."""
    from mlflow import MlflowClient

    client, asked = MlflowClient(address), 0
    for search, size in (
        (client.search_registered_models, MODELS_A_PAGE),
        (client.search_model_versions, VERSIONS_A_PAGE),
    ):
        token: str | None = ""
        while token is not None:
            page = search(max_results=size, order_by=["name ASC"], page_token=token or None)
            asked, token = asked + 1, page.token or None
    return asked


def _memory(team: Team, address: str, what: str) -> Row:
    """The most that a process held, in MB."""
    point = spent("plan", 1, "--repo", str(team.folder), "--tracking-uri", address, "plan")
    ours, limit = round(point.memory), 300
    return Row(
        f"MB of memory of `plan`, {what}", Took(ours, 0), "the limit", Took(limit, 0),
        (ours / limit,) * 3, None, 1, 1,
        unit="",
    )  # fmt: skip


def _requests(team: Team, between: Proxy, what: str) -> Row:
    """Counted, not timed: requests of `plan` for each page that there is, and not one of them a
    write."""
    pages = listing(between.address)
    between.reset()
    plan(team, between.address)
    assert not between.writes, between.writes
    asked = len(between.requests)
    ours, theirs = Took(asked, 0), Took(pages, 0)
    return Row(
        f"requests of `plan`, {what}",
        ours,
        "pages",
        theirs,
        (asked / pages,) * 3,
        None,
        1,
        1,
        unit="",
    )


def _dead(team: Team, limit: float) -> Iterator[Row]:
    """One where nobody listens, and one that takes the question and never answers."""
    with _silent() as silent:
        for kind, address in (
            ("refuses", f"http://127.0.0.1:{free_port()}"),
            ("is silent", silent),
        ):
            spent = took(lambda address=address: _told(team, address))  # type: ignore[misc]
            ratio = spent.clock / limit
            yield Row(
                f"a server that {kind} is reported",
                spent,
                "the limit",
                Took(limit, 0),
                (ratio,) * 3,
                None,
                1,
                1,
            )


def _told(team: Team, address: str) -> None:
    ran = team.run("plan", uri=address)
    assert ran.code == 1 and "error" in ran.err, ran.err


@contextmanager
def _silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        held: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                pass

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
