"""`make bench`: run every benchmark, or those that are named, and print one table of ratios.

Nothing here fails for being slow: it fails where what is measured does not do its work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks import (
    bench_digest,
    bench_log,
    bench_plan,
    bench_reconcile,
    bench_startup,
    bench_validate,
    growth,
)
from tests.benchmarks.measure import Row, table
from tests.benchmarks.sizes import FULL, LARGE, SHORT, Sizes

ALL: dict[str, Callable[[Sizes], Iterator[Row]]] = {
    "startup": bench_startup.rows,
    "validate": bench_validate.rows,
    "plan": bench_plan.rows,
    "log": bench_log.rows,
    "reconcile": bench_reconcile.rows,
    "digest": bench_digest.rows,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; all where none is named"
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="little of everything, once: that the benchmarks still run",
    )
    parser.add_argument(
        "--large", action="store_true", help="log 100,000 commits, plan 10,000 models × 10 versions"
    )
    parser.add_argument(
        "--growth", action="store_true", help="how time, requests and memory grow, instead"
    )
    parser.add_argument(
        "--workers",
        action="store_true",
        help="where a reconcile's time goes, by workers and writers, instead",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in ALL]:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(ALL)}")
    if options.growth:
        return growth.main(short=options.short)
    if options.workers:
        from tests.benchmarks import workers  # which needs psutil, as nothing else does

        return workers.main(short=options.short)
    sizes = SHORT if options.short else LARGE if options.large else FULL
    rows: list[Row] = []
    for name in options.names or ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        for row in ALL[name](sizes):
            rows.append(row)
            print(f"  {row.work}: {row.ratio[0]:.3f}", file=sys.stderr, flush=True)
    if options.json:
        found = [asdict(row) | {"reached": row.reached} for row in rows]
        options.json.write_text(
            json.dumps({"about": about(), "rows": found}, indent=2) + "\n", encoding="utf-8"
        )
    print(table(rows))
    print(f"\n{'; '.join(f'{key} {value}' for key, value in about().items())}")
    return 0


def about() -> dict[str, str]:
    """When, where and with what it was measured."""
    git = subprocess.run(
        ["git", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[2]
    packages = ("mlflow-gitops", "mlflow", "check-jsonschema", "gto")
    return {
        "measured": date.today().isoformat(),
        "processors": str(
            len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
        ),
        "Python": platform.python_version(),
        "git": git,
    } | {name: _version(name) for name in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    raise SystemExit(main())
