"""`python -m tests.benchmarks.capacity`: write the tables of the README from parts.json; with
`--measure`, measure the parts first, in about half an hour."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from tests.benchmarks.capacity.figures import tables

PARTS = Path(__file__).with_name("parts.json")
PAGE = Path(__file__).with_name("README.md")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.capacity", description=__doc__
    )
    parser.add_argument(
        "--measure",
        nargs="*",
        choices=list(MEASUREMENTS),
        metavar="PART",
        help="measure the parts first: servers and rounds, or the one that is named",
    )
    parser.add_argument(
        "--short", action="store_true", help="with --measure: little of each, and write nothing"
    )
    options = parser.parse_args(arguments)
    if options.measure is not None:
        for part in options.measure or MEASUREMENTS:
            before = os.getloadavg()[0]
            found = MEASUREMENTS[part](options.short)
            found["load"] = [round(before, 1), round(os.getloadavg()[0], 1)]
            if options.short:
                print(f"{part}: {json.dumps(found)[:200]}")
            else:
                keep(part, found)
    if not options.short:
        content = json.loads(PARTS.read_text("utf-8"))
        PAGE.write_text(filled(PAGE.read_text("utf-8"), content), encoding="utf-8")
    return 0


def keep(part: str, found: dict[str, Any]) -> None:
    """Write a part at once, so that it is not lost if measuring the next one fails."""
    content = json.loads(PARTS.read_text("utf-8"))
    load = {**content.get("load", {}), part: found.pop("load")}
    about = {
        "measured": date.today().isoformat(),
        "python": f"Python {sys.version.split()[0]}",
        "load": load,
    }
    PARTS.write_text(json.dumps(content | about | found, indent=1) + "\n", encoding="utf-8")


def _servers(short: bool) -> dict[str, Any]:
    from tests.benchmarks.capacity import servers

    found = servers.measured(1, 2) if short else servers.measured(7, 25)
    answers = {
        name: {kind: asdict(values) for kind, values in kinds.items()}
        for name, kinds in found.items()
    }
    return {"answers": answers}


def _rounds(short: bool) -> dict[str, Any]:
    from tests.benchmarks.capacity import rounds

    sizes = ((20, 1), (100, 1)) if short else ((100, 3), (10_000, 5), (30_000, 3), (100_000, 1))
    taken = [asdict(one) for versions, runs in sizes for one in rounds.measured(versions, runs)]
    return {"rounds": taken}


MEASUREMENTS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "servers": _servers,
    "rounds": _rounds,
}


def filled(page: str, content: dict[str, Any]) -> str:
    """The page with its tables in their places."""
    for name, table in tables(content).items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page has no place for {name}")
        page = pattern.sub(lambda _, text=f"{begin}\n\n{table}\n\n{end}": text, page)
    return page


if __name__ == "__main__":
    raise SystemExit(main())
