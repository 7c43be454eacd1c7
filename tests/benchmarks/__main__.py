"""`make bench`: run every benchmark, or those whose names are given, and print one table of ratios."""

from __future__ import annotations

import sys

from tests.benchmarks import bench_log, bench_reconcile, bench_validate
from tests.benchmarks.measure import Row, table

ALL = {"validate": bench_validate.rows, "log": bench_log.rows, "reconcile": bench_reconcile.rows}


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        print(f"There is no benchmark {unknown[0]}; there are {', '.join(ALL)}.", file=sys.stderr)
        return 64
    rows: list[Row] = []
    for name in wanted or ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += ALL[name]()
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
