"""How time, memory and requests grow with the work: each command as a process of its own, at ten
times as much each time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.bench_plan import prepared
from tests.benchmarks.corpora import manifest, name, write_history, write_manifests
from tests.benchmarks.measure import seconds
from tests.benchmarks.spent import Point, spent
from tests.support.proxy import proxy
from tests.support.servers import mlflow_server
from tests.support.team import Team

PICTURE = Path(__file__).with_name("growth.svg")


@dataclass(frozen=True)
class Growing:
    """A command, what its work is counted in, and how much of it is tried."""

    command: str
    pieces: str
    sizes: Sequence[int]
    measure: Callable[[int], Point]


def main(*, short: bool = False) -> int:
    """Print a table; where it is not a short run, draw the picture, too."""
    points: dict[str, list[Point]] = {}
    for growing in ALL:
        for size in growing.sizes[:1] if short else growing.sizes:
            print(f"{growing.command}, {size:,} {growing.pieces} …", file=sys.stderr, flush=True)
            points.setdefault(growing.command, []).append(growing.measure(size))
    print(table(points))
    if not short:
        from tests.benchmarks.picture import drawn

        PICTURE.write_text(
            drawn(points, {one.command: one.pieces for one in ALL}), encoding="utf-8"
        )
        print(f"\nDrawn: {PICTURE.relative_to(Path.cwd())}", file=sys.stderr)
    return 0


def table(points: dict[str, list[Point]]) -> str:
    pieces = {one.command: one.pieces for one in ALL}
    lines = [
        "| command | work | time | processor time | memory | requests |",
        "| --- | --- | --: | --: | --: | --: |",
    ]
    for point in (point for found in points.values() for point in found):
        asked = "–" if point.requests is None else f"{point.requests:,}"
        work = f"{point.size:,} {pieces[point.command]}"
        took = f"{seconds(point.clock)} | {seconds(point.processor)} | {point.memory:.0f} MB"
        lines.append(f"| `{point.command}` | {work} | {took} | {asked} |")
    return "\n".join(lines)


def _validate(size: int) -> Point:
    with tempfile.TemporaryDirectory() as folder:
        write_manifests(Path(folder), size)
        return spent("validate", size, "--repo", folder, "validate")


def _log(size: int) -> Point:
    with tempfile.TemporaryDirectory() as folder:
        write_history(Path(folder), size, max(10, size // 10))
        return spent("log", size, "--repo", folder, "log")


def _plan(size: int) -> Point:
    """Versions, ten of each model."""
    with tempfile.TemporaryDirectory() as folder:
        team, backend = prepared(Path(folder), size // 10, 10)
        with mlflow_server(Path(folder) / "server", backend) as address:
            return _asking("plan", size, team, address, "plan")


def _reconcile(size: int) -> Point:
    """Models whose Production goes back by one version: a new commit each time."""
    with tempfile.TemporaryDirectory() as folder:
        team, backend = prepared(Path(folder), size, 5)
        versions = iter((2, 3, 2))

        def change() -> None:
            version = next(versions)
            for i in range(size):
                team.write(f"models/{name(i)}.yaml", manifest(i, production=version))
            team.commit()

        with mlflow_server(Path(folder) / "server", backend) as address:
            return _asking("reconcile", size, team, address, "reconcile", "--yes", before=change)


def _asking(
    command: str,
    size: int,
    team: Team,
    address: str,
    *arguments: str,
    before: Callable[[], None] = lambda: None,
) -> Point:
    """Measured straight at the server, then once more through a proxy that counts."""
    repo = ("--repo", str(team.folder))
    before()
    point = spent(command, size, *repo, "--tracking-uri", address, *arguments)
    if size > _COUNTED:
        return point
    with proxy(address) as between:
        before()
        spent(command, size, *repo, "--tracking-uri", between.address, *arguments)
        return Point(
            command, size, point.clock, point.processor, point.memory, len(between.requests)
        )


_COUNTED = 100_000
"""Up to which size requests are counted, which takes the same again."""

ALL = (
    Growing("validate", "manifests", (100, 1_000, 10_000, 100_000), _validate),
    Growing("log", "commits", (100, 1_000, 10_000), _log),
    Growing("plan", "versions", (100, 1_000, 10_000, 100_000), _plan),
    Growing("reconcile", "changed models", (100, 1_000), _reconcile),
)
