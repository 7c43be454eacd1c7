"""The wait before a command does anything: `--help` compared with that of gto, the closest tool;
`status` and `plan` of a small registry compared with the same while all of MLflow is loaded."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.bench_plan import prepared
from tests.benchmarks.measure import Row, Took, anchor_program, compare, process, program
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.spent import spent
from tests.support.servers import mlflow_server

MODELS, VERSIONS = 3, 5
_MEGABYTES = 80

_ALL_OF_MLFLOW = """
import gc
import mlflow
from mlflow_gitops.cli import main
gc.set_threshold(200_000, 50, 50)
code = main()
gc.freeze()
raise SystemExit(code)
"""
"""The script as it was before anything was left out. Python's garbage collection runs while MLflow
is imported, and Python takes everything apart at the end."""


def rows(sizes: Sizes) -> Iterator[Row]:
    ours = process(program("mlflow-gitops"), "--help")
    theirs = process(anchor_program("gto"), "--help")
    yield compare("`--help`", ours, "`gto --help`", theirs, 0.22, sizes.runs)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        team, backend = prepared(top, MODELS, VERSIONS)
        with mlflow_server(top / "server", backend) as address:
            options = ("--repo", str(team.folder), "--tracking-uri", address)
            for command in ("status", "plan"):
                yield compare(
                    f"`{command}` of {MODELS} models over HTTP",
                    process(program("mlflow-gitops"), *options, command),
                    "the same after `import mlflow`",
                    process(sys.executable, "-c", _ALL_OF_MLFLOW, *options, command),
                    0.4, sizes.runs,
                )  # fmt: skip
                yield _memory(command, options)


def _memory(command: str, options: tuple[str, ...]) -> Row:
    """The most that a process held, in MB."""
    ours = round(spent(command, MODELS, *options, command).memory)
    return Row(
        f"MB of memory of `{command}` of {MODELS} models", Took(ours, 0), "the limit",
        Took(_MEGABYTES, 0), (ours / _MEGABYTES,) * 3, None, 1, 1,
        unit="",
    )  # fmt: skip
