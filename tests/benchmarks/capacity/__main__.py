"""`python -m tests.benchmarks.capacity`: write the tables of capacity.md from parts.json;
with `--measure`, measure the parts first, in about twenty minutes."""

from __future__ import annotations

import argparse
import json
import re
import sys
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
    parser.add_argument("--measure", action="store_true", help="measure the parts first")
    if parser.parse_args(arguments).measure:
        PARTS.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    content = json.loads(PARTS.read_text("utf-8"))
    PAGE.write_text(filled(PAGE.read_text("utf-8"), content), encoding="utf-8")
    return 0


def measured() -> dict[str, Any]:
    """The parts, as parts.json has them."""
    from tests.benchmarks.capacity import rounds, servers

    found = servers.measured(7, 25)
    answers = {
        name: {kind: asdict(values) for kind, values in kinds.items()}
        for name, kinds in found.items()
    }
    sizes = ((100, 3), (10_000, 5), (30_000, 1))
    taken = [asdict(one) for versions, runs in sizes for one in rounds.measured(versions, runs)]
    python = f"Python {sys.version.split()[0]}"
    return {
        "measured": date.today().isoformat(),
        "python": python,
        "answers": answers,
        "rounds": taken,
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
