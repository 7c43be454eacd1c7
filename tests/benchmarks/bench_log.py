"""`log` against the two git commands that any audit of git must run, and each of its events against
one of gto's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.corpora import name, write_history, write_tags
from tests.benchmarks.measure import Row, Took, anchor_program, compare, process, program
from tests.benchmarks.sizes import Sizes

_MEGABYTES = 200


def rows(sizes: Sizes) -> Iterator[Row]:
    """All models, one of them, and an event: each as a whole process."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as tagged:
        write_history(Path(folder), sizes.commits, sizes.history)
        write_tags(Path(tagged), sizes.events, models := min(100, sizes.history))
        ours = (program("mlflow-gitops"), "--no-index", "--repo", folder, "log")
        raw = (
            f"git -C {folder} log --first-parent -m --raw --no-renames --no-abbrev --format= main"
            " -- registry"
        )
        both = f"{raw} | awk '{{print $4}}' | git -C {folder} cat-file --batch"
        what = f"{sizes.commits:,} commits over {sizes.history:,} manifests"
        yield compare(
            f"`log`, {what}",
            process(*ours), "`git log --raw` piped into `git cat-file --batch`",
            process("sh", "-c", both), 1.5, sizes.runs,
        )  # fmt: skip
        one = name(sizes.history // 2)
        path = f"registry/models/{one}.yaml"
        yield compare(
            f"`log` of one model, {what}",
            process(*ours, one), "`git log -- path`",
            process("git", "-C", folder, "log", "main", "--", path), 3, sizes.runs,
        )  # fmt: skip
        told = subprocess.run(
            (*ours, "--format", "jsonl"), capture_output=True, text=True, check=True
        ).stdout.count("\n")
        theirs = process(anchor_program("gto"), "history", "--json", cwd=Path(tagged))
        yield compare(
            f"`log`, an event of {told:,} over {sizes.history:,} models",
            process(*ours), f"`gto history`, an event of {sizes.events:,} over {models} models",
            theirs, 0.01, sizes.runs,
            shares=(told, sizes.events),
        )  # fmt: skip
        yield from indexed_rows(sizes, Path(folder), what, both, one)


def indexed_rows(sizes: Sizes, folder: Path, what: str, both: str, one: str) -> Iterator[Row]:
    """The same with an index: as it is made, and once it is there. git reads the same each time;
    for the last commits and one model it need not read all, so that a ratio says what the index
    saves beside what an audit would have to read without one."""
    ours = (program("mlflow-gitops"), "--repo", str(folder), "log")
    plumbing = "`git log --raw` piped into `git cat-file --batch`"
    anchor = process("sh", "-c", both)
    fresh = f"rm -rf {folder}/.git/mlflow-gitops; {' '.join(ours)}"
    last = subprocess.run(
        ("git", "-C", str(folder), "rev-parse", f"main~{min(700, sizes.commits // 2)}"),
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    show = (*ours[:-1], "show", "--at", last)
    for work, command, target in (
        ("`log`, which makes the index", ("sh", "-c", fresh), 1.35),
        ("`log` with an index", ours, 0.6),
        ("`log` of one model with an index", (*ours, one), 0.35),
        ("`log --since` of the last 700 commits with an index", (*ours, "--since", last), 0.35),
        ("`show --at` of one model with an index", (*show, one), 0.35),
        ("`show --at` of all models with an index", show, 0.35),
    ):
        yield compare(f"{work}, {what}", process(*command), plumbing, anchor, target, sizes.runs)
    yield _memory("`log` with an index", folder, what)
    process("rm", "-rf", f"{folder}/.git/mlflow-gitops")()
    yield _memory("`log`, which makes the index", folder, what)


_MEASURED = """
import resource, sys
from mlflow_gitops.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def _memory(work: str, folder: Path, what: str) -> Row:
    """The megabytes that our own process held at most; git's two beside it are not in it."""
    # A small process between: on Linux, the most that a process held counts what its parent held.
    between = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    command = (sys.executable, "-c", between)
    command += (sys.executable, "-c", _MEASURED, "--repo", str(folder), "log")
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
    )
    used = int(done.stderr.split()[-1]) / (1024 if sys.platform != "darwin" else 1024**2)
    ratio = used / _MEGABYTES
    ours, limit = Took(round(used), 0), Took(_MEGABYTES, 0)
    work = f"megabytes of {work}, {what}"
    return Row(work, ours, "the limit", limit, (ratio,) * 3, None, 1, 1, unit="")
