"""The figures of the page, computed from measured parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

WRITES, READS_ALONE, SIDE_BY_SIDE = 7, 6, 8
"""Requests for a model whose stage changes: seven writes, and three readings of two requests each,
which as many models as are written side by side share (RULES R5)."""

VERSIONS = (10_000, 100_000, 1_000_000)
A_TENTH = 0.1
"""The share of one of the server's processors that looking at everything may take."""

DAY, WORKING_DAY = 86_400, 8 * 3_600
SECOND = 1_000
"""Milliseconds."""
REGISTRIES = 100
PROMOTIONS = 1_000
ONE_MERGE = 100
"""Promotions that are merged at once."""

REFERENCE = "SQLite, 1 worker"
PRODUCTION = "PostgreSQL, 2 workers"
BOTH = ("server", "database")


@dataclass(frozen=True)
class Parts:
    """What was measured. `answers` has for each setting and kind the values of each round, as
    `servers.Answers`; `rounds` are values of `rounds.Round`."""

    answers: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
    rounds: Sequence[Mapping[str, float]]

    def cost(self, setting: str, kind: str, of: str) -> float:
        """The median of milliseconds of processor time of `server` or `database`."""
        return median(self.answers[setting][kind][f"{of}_ms"])

    def line(self, field: str) -> tuple[float, float]:
        """What a round takes at no version, and for each version, by the smallest and the largest
        number of versions that was measured."""
        by_size: dict[float, list[float]] = {}
        for one in self.rounds:
            by_size.setdefault(one["versions"], []).append(one[field])
        small, large = min(by_size), max(by_size)
        low, high = median(by_size[small]), median(by_size[large])
        each = (high - low) / (large - small)
        return low - each * small, each

    def of_versions(self, field: str, versions: int) -> float:
        """What a round over so many versions takes: the median if that was measured, else by the
        line."""
        measured = [one[field] for one in self.rounds if one["versions"] == versions]
        if measured:
            return median(measured)
        at_none, each = self.line(field)
        return at_none + each * versions


def tables(content: Mapping[str, Any]) -> dict[str, str]:
    """The page's tables by name, as Markdown."""
    parts = Parts(content["answers"], content["rounds"])
    return {
        "settings": "\n".join(settings_table(parts)),
        "rounds": "\n".join(rounds_table(parts)),
        "load": "\n".join(load_table(parts)),
    }


def settings_table(parts: Parts) -> Iterator[str]:
    """Requests a second as ratios to one worker on SQLite, and processor time."""
    yield (
        "| server | reads (least–greatest) | writes (least–greatest) | server, a write |"
        " database, a write |"
    )
    yield "| --- | --: | --: | --: | --: |"
    for setting, kinds in parts.answers.items():
        reads, writes = (
            _ratio(kinds[kind]["a_second"], parts.answers[REFERENCE][kind]["a_second"])
            for kind in ("reads", "writes")
        )
        server = parts.cost(setting, "writes", "server")
        database = parts.cost(setting, "writes", "database")
        shown = f"{database:.1f} ms" if setting.startswith("PostgreSQL") else "in the server"
        yield f"| {setting} | {reads} | {writes} | {server:.1f} ms | {shown} |"


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    each = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    return f"**{median(each):.2f}** ({each[0]:.2f}–{each[-1]:.2f})"


def rounds_table(parts: Parts) -> Iterator[str]:
    """A round that has nothing to do, and how seldom it has to come."""
    yield (
        "| versions in one registry | the loop's processor | the server's | a round, at least |"
        " memory | at most a tenth of a server's processor |"
    )
    yield "| --: | --: | --: | --: | --: | --- |"
    measured = {one["versions"] for one in parts.rounds}
    for versions in VERSIONS:
        client, server, memory = (
            parts.of_versions(field, versions) for field in ("client", "server", "memory")
        )
        note = "" if versions in measured else " (computed)"
        yield (
            f"| {versions:,}{note} | {client:.1f} s | {server:.1f} s | {client + server:.0f} s |"
            f" {memory:.0f} MB | `--interval {interval(server)}` |"
        )


def interval(server_seconds: float) -> str:
    """The shortest interval in whole minutes that leaves nine tenths of a processor."""
    minutes = max(1, math.ceil(round(server_seconds / A_TENTH) / 60))
    return f"{minutes}m"


def load_table(parts: Parts) -> Iterator[str]:
    """What a day asks for."""
    yield "| work | takes |"
    yield "| --- | --- |"
    for work, takes in (*_promotions(parts), _worker(parts), *_looks(parts)):
        yield f"| {work} | {takes} |"


def _promotions(parts: Parts) -> Iterator[tuple[str, str]]:
    shared = READS_ALONE / SIDE_BY_SIDE
    for what, reads in (
        ("one promotion by itself", READS_ALONE),
        (f"one of {SIDE_BY_SIDE} side by side", shared),
    ):
        server, database = (SECOND * _of_a_promotion(parts, reads, of) for of in BOTH)
        yield (
            what,
            f"{WRITES + reads:.3g} requests; {server:.0f} ms of the server's processors,"
            f" {database:.0f} ms of the database's",
        )

    a_day = PROMOTIONS * (WRITES + READS_ALONE)
    share = PROMOTIONS * _of_a_promotion(parts, READS_ALONE, "server") / WORKING_DAY
    yield (
        f"{PROMOTIONS:,} promotions a day, in eight hours, each by itself",
        f"{a_day:,.0f} requests, {a_day / WORKING_DAY:.2f} a second; {100 * share:.1f} % of one of"
        " the server's processors",
    )
    a_second = median(parts.answers[PRODUCTION]["writes"]["a_second"])
    requests = ONE_MERGE * (WRITES + shared)
    yield (
        f"{ONE_MERGE} promotions in one merge",
        f"{requests:,.0f} requests, {requests / a_second:.0f} s at the {a_second:.0f} writes a"
        " second that were measured beside other work",
    )


def _of_a_promotion(parts: Parts, reads: float, of: str) -> float:
    """Processor seconds of the server or the database."""
    writing, reading = (parts.cost(PRODUCTION, kind, of) for kind in ("writes", "reads"))
    return (WRITES * writing + reads * reading) / SECOND


def _worker(parts: Parts) -> tuple[str, str]:
    """The most that a worker answers, by the processor time that an answer takes."""
    writing, reading = (parts.cost(PRODUCTION, kind, "server") for kind in ("writes", "reads"))
    workers = writing / parts.cost(PRODUCTION, "writes", "database")
    return (
        "one server worker with a processor of its own (computed)",
        f"at most {SECOND / writing:.0f} writes a second, or {SECOND / reading:.0f} readings of one"
        f" version; {workers:.0f} such keep one processor of the database busy",
    )


def _looks(parts: Parts) -> Iterator[tuple[str, str]]:
    each, every = VERSIONS[0], 300
    server, client, memory = (
        parts.of_versions(field, each) for field in ("server", "client", "memory")
    )
    yield (
        f"looking at {each:,} versions every 5 minutes",
        f"{DAY // every} rounds a day; {100 * server / every:.1f} % of one of the server's"
        " processors",
    )
    yield (
        f"{REGISTRIES} registries of {each:,} versions, a loop each, every 5 minutes",
        f"{REGISTRIES * client / every:.1f} processors and {REGISTRIES * memory / 1024:.0f} GB for"
        f" all loops; {REGISTRIES / every:.2f} fetches a second from the git server, or twice that"
        " with receipts",
    )
