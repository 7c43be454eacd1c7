"""Measuring two things in turn, A B A B …, so that their ratio holds on a machine whose speed
drifts.

Beside the time on the clock stands the time that processors spent, of this process and of all that
it started and waited for: it hardly changes where other work takes turns on the same machine. A
server's own is not in it.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = 5

Work = Callable[[], object]


@dataclass(frozen=True)
class Took:
    """Seconds on the clock, and of processors."""

    clock: float
    processor: float


@dataclass(frozen=True)
class Row:
    """One measured ratio: medians of both sides, and the ratio's median, least and greatest, pair
    by pair. `processor` is the ratio of processor time, and `processor_spread` its least and
    greatest; None where most of it is a server's.
    `target` is what the ratio may be at most, `ours` being so much of `theirs`."""

    work: str
    ours: Took
    anchor: str
    theirs: Took
    ratio: tuple[float, float, float]
    processor: float | None
    target: float
    runs: int
    unit: str = "s"
    """What the two sides are counted in; "" for what is not timed."""
    processor_spread: tuple[float, float] | None = None

    @property
    def reached(self) -> bool:
        return self.ratio[0] <= self.target


def compare(
    work: str,
    ours: Work,
    anchor: str,
    theirs: Work,
    target: float,
    runs: int = RUNS,
    *,
    shares: tuple[int, int] = (1, 1),
    server: bool = False,
) -> Row:
    """Measure `ours` against `theirs`, after one warm-up of each where there are several runs.

    `shares` says how many pieces each side's work has, where what one piece takes is compared;
    `server` that a server does most of it.
    """
    if runs > 1:
        ours()
        theirs()
    pairs = [(_share(took(ours), shares[0]), _share(took(theirs), shares[1])) for _ in range(runs)]
    ratios = sorted(a.clock / b.clock for a, b in pairs)
    used = sorted(a.processor / b.processor for a, b in pairs if not server)
    a, b = (_median(side) for side in zip(*pairs, strict=True))
    return Row(
        work, a, anchor, b, (statistics.median(ratios), ratios[0], ratios[-1]),
        statistics.median(used) if used else None, target, runs,
        processor_spread=(used[0], used[-1]) if used else None,
    )  # fmt: skip


def took(work: Work) -> Took:
    clock, processor = time.perf_counter(), _processor()
    work()
    return Took(time.perf_counter() - clock, _processor() - processor)


def process(*command: str, expect: Sequence[int] = (0,), cwd: Path | None = None) -> Work:
    """A whole process to measure; its output is discarded and its exit code is checked."""

    def run() -> None:
        done = subprocess.run(command, capture_output=True, cwd=cwd)
        if done.returncode not in expect:
            raise RuntimeError(f"{command} exited {done.returncode}: {done.stderr.decode()[-500:]}")

    return run


def program(name: str) -> str:
    """A program that stands beside this Python."""
    return str(Path(sys.executable).parent / name)


def anchor_program(name: str) -> str:
    """A program to measure against: the one in the folder that MLFLOW_GITOPS_ANCHORS names. There
    it stands in a venv of its own, where it loads nothing that only others in this one need."""
    folder = os.environ.get("MLFLOW_GITOPS_ANCHORS", "")
    return str(Path(folder) / name) if folder else program(name)


def table(rows: Sequence[Row]) -> str:
    """Ratios as Markdown."""
    lines = [
        "| work | ours | anchor | theirs | ratio (least–greatest) | processor time | target |",
        "| --- | --: | --- | --: | --: | --: | --: |",
    ]
    for row in rows:
        median, least, greatest = row.ratio
        spread = f"**{number(median)}** ({number(least)}–{number(greatest)})"
        used = number(row.processor) if row.processor is not None else "–"
        if row.processor_spread is not None:
            used += f" ({'–'.join(map(number, row.processor_spread))})"
        shown = seconds if row.unit == "s" else "{:g}".format
        sides = f"{shown(row.ours.clock)} | {row.anchor} | {shown(row.theirs.clock)}"
        lines.append(f"| {row.work} | {sides} | {spread} | {used} | ≤ {number(row.target)} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """A ratio to two digits, more where it is small."""
    return (
        f"{value:.2f}"
        if value >= 0.095
        else f"{value:.4f}".rstrip("0")
        if value < 0.0095
        else f"{value:.3f}"
    )


def seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.2g} µs"


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _share(whole: Took, pieces: int) -> Took:
    return Took(whole.clock / pieces, whole.processor / pieces)


def _median(side: Sequence[Took]) -> Took:
    return Took(
        statistics.median(one.clock for one in side),
        statistics.median(one.processor for one in side),
    )
