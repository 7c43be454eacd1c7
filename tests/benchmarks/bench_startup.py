"""`--help` compared with that of gto, the closest tool: the wait before every command."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.measure import Row, compare, process, program
from tests.benchmarks.sizes import Sizes


def rows(sizes: Sizes) -> Iterator[Row]:
    ours, theirs = process(program("mlflow-gitops"), "--help"), process(program("gto"), "--help")
    yield compare("`--help`", ours, "`gto --help`", theirs, 0.25, sizes.runs)
