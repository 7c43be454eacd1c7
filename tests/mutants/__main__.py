"""`make mutants`: change the core in one small way after the other, and count what the tests in
tests/core/ notice.

`[tool.mutmut]` in pyproject.toml says what is changed and which tests are asked. mutmut rewrites
files, so it works on a copy in build/mutants/, where `tools/` is called `src/`: mutmut takes a
package's name from there alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

COPY = Path("build/mutants")
# What mutmut writes for a mutant is pytest's exit code, or what ended the process.
KILLED = {1, 3}
TIMED_OUT = {36, 24, -24, 152, 255}
NO_TESTS = {5, 33}
# Sets of text are walked in the same order in every run; the histories and other seeds of the tests
# are as many.
REPEATABLE = {"PYTHONHASHSEED": "0", "MLFLOW_GITOPS_TEST_EXAMPLES": "12"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="mutants, as mlflow_gitops.core.plan.refusals*; else all",
    )
    parser.add_argument(
        "--survivors", action="store_true", help="show what no test noticed, of the last run"
    )
    parser.add_argument("--again", action="store_true", help="go on in the copy of the last run")
    parser.add_argument("--processes", type=int, default=2, help="how many mutants at a time (2)")
    options = parser.parse_args(arguments)
    if not options.survivors:
        copy(again=options.again)
        mutmut = Path(sys.executable).parent / "mutmut"
        run = [mutmut, "run", "--max-children", str(options.processes), *options.names]
        if code := subprocess.run(
            run, cwd=COPY, env={**os.environ, **REPEATABLE}, stdout=sys.stderr
        ).returncode:
            return code
    os.chdir(COPY)
    results = dict(outcomes())
    if options.survivors:
        print("\n".join(shown(results)))
    print(table(results))
    print(f"\n{'; '.join(f'{key} {value}' for key, value in about().items())}")
    return 0


def copy(*, again: bool) -> None:
    """Copy what git tracks, and new files that it does not ignore, to where mutmut may rewrite
    them."""
    if not again:
        shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        file, place = (
            Path(name),
            COPY / ("src/" + name.removeprefix("tools/") if name.startswith("tools/") else name),
        )
        if (
            name
            and file.is_file()
            and not (place.is_file() and place.stat().st_mtime == file.stat().st_mtime)
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place)


def outcomes() -> Iterator[tuple[Path, dict[str, int | None]]]:
    """Each mutated file, below the package's folder, with mutmut's exit code for each mutant."""
    root = Path("mutants/src/mlflow_gitops")
    for file in sorted(root.rglob("*.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        if any(code is not None for code in codes.values()):
            yield file.relative_to(root).with_suffix(""), codes


def table(results: dict[Path, dict[str, int | None]]) -> str:
    """The score of each file, as Markdown; a mutant that never ends has been noticed; what was not
    tried is left out."""
    rows = [
        "| file | tried | killed | of them by time | survived | score |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows += [_row(f"`{file.as_posix()}`", codes.values()) for file, codes in results.items()]
    return "\n".join(
        [*rows, _row("all", [code for codes in results.values() for code in codes.values()])]
    )


def _row(name: str, codes: Iterable[int | None]) -> str:
    kinds = Counter(
        "killed" if c in KILLED else "time" if c in TIMED_OUT else "lived"
        for c in codes
        if c is not None
    )
    killed, total = kinds["killed"] + kinds["time"], kinds.total()
    return (
        f"| {name} | {total} | {killed} | {kinds['time']} | {kinds['lived']} |"
        f" {100 * killed / total:.1f} % |"
    )


def shown(results: dict[Path, dict[str, int | None]]) -> Iterator[str]:
    """Each survivor's name and the lines that it changes."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    for file, codes in results.items():
        for name, code in codes.items():
            if code is not None and code not in KILLED | TIMED_OUT:
                diff = get_diff_for_mutant(name, path=Path("src/mlflow_gitops") / file).splitlines()
                changed = [line for line in diff[2:] if line.startswith(("-", "+"))]
                yield "\n".join([name + (" (no test)" if code in NO_TESTS else ""), *changed, ""])


def about() -> dict[str, str]:
    """When and with what it was measured."""
    packages = ("mutmut", "pytest", "hypothesis")
    return {"measured": date.today().isoformat(), "Python": platform.python_version()} | {
        p: version(p) for p in packages
    }


if __name__ == "__main__":
    raise SystemExit(main())
