"""How much data each benchmark works on: the targets' sizes, or just enough to see that it runs."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.measure import RUNS


@dataclass(frozen=True)
class Sizes:
    """`manifests` to validate; `commits` over `history` models for the log; `events` for gto;
    `models` of `versions` each to plan; `changed` models to reconcile; `wait` seconds in which a
    dead server must be reported, None: not tried. `postgresql`: whether to start one; `megabytes`
    of files to digest."""

    manifests: int = 10_000
    commits: int = 10_000
    history: int = 1_000
    events: int = 400
    models: int = 2_000
    versions: int = 5
    changed: int = 200
    wait: float | None = 15
    runs: int = RUNS
    postgresql: bool = True
    megabytes: int = 1_024


FULL = Sizes()
LARGE = Sizes(commits=100_000, models=10_000, versions=10)
SHORT = Sizes(
    manifests=40,
    commits=60,
    history=12,
    events=20,
    models=20,
    changed=3,
    wait=None,
    runs=1,
    postgresql=False,
    megabytes=2,
)
