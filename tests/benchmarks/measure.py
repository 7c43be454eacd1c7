"""Timing two things in turn, A B A B …, so that their ratio holds on a machine whose speed drifts."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RUNS = 5


@dataclass(frozen=True)
class Row:
    """One measured ratio: medians in seconds, and the ratio's median, least and greatest, pair by pair."""

    work: str
    ours: float
    anchor: str
    theirs: float
    ratio: tuple[float, float, float]
    target: str


def compare(
    work: str, ours: Callable[[], object], anchor: str, theirs: Callable[[], object], target: str, runs: int = RUNS
) -> Row:
    """Time `ours` against `theirs`, after one warm-up of each."""
    ours()
    theirs()
    pairs = [(timed(ours), timed(theirs)) for _ in range(runs)]
    ratios = sorted(a / b for a, b in pairs)
    return Row(
        work,
        statistics.median(a for a, _ in pairs),
        anchor,
        statistics.median(b for _, b in pairs),
        (statistics.median(ratios), ratios[0], ratios[-1]),
        target,
    )


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def process(*command: str, expect: Sequence[int] = (0,)) -> Callable[[], None]:
    """A whole process as a thing to time; its output is thrown away, its exit code is checked."""

    def run() -> None:
        done = subprocess.run(command, capture_output=True)
        if done.returncode not in expect:
            raise RuntimeError(f"{command} exited {done.returncode}: {done.stderr.decode()[-500:]}")

    return run


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| work | ours | anchor | theirs | ratio (least–greatest) | target |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        median, least, greatest = row.ratio
        spread = f"**{median:.2f}** ({least:.2f}–{greatest:.2f})"
        lines.append(f"| {row.work} | {row.ours:.2f} s | {row.anchor} | {row.theirs:.2f} s | {spread} | {row.target} |")
    return "\n".join(lines)
