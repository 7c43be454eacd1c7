"""git dies at each of its calls, or did its work and dies before it says so: no receipt is lost,
and the next run converges."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from mlflow_gitops.edges.git.index.head import FOLDER as INDEX_FOLDER
from mlflow_gitops.edges.git.repository import Git
from tests.faults.forks import Ended, Forks
from tests.faults.scenes import Stage
from tests.faults.undisturbed import settled
from tests.support.experiments.sampling import CountCases, case_params, sample
from tests.support.receipts import RECEIPTS_REF, receipts_in
from tests.support.team import GIT_ENVIRONMENT

_GIT = """\
#!/bin/sh
set -C  # a number is had by the one that makes its file
n=1
while ! { true > "$GIT_CALLS/$n"; } 2> /dev/null; do n=$((n + 1)); done
if [ "$n" = "$GIT_DIES_AT" ]; then
  case "$GIT_DIES" in
    killed) kill -9 $$ ;;
    memory) echo "fatal: Out of memory, malloc failed" >&2; exit 128 ;;
    after) "$GIT_ITSELF" "$@" > /dev/null; kill -9 $$ ;;
  esac
fi
exec "$GIT_ITSELF" "$@"
"""
DEATHS = ("killed", "memory", "after")
PLACES = {"alone": [], "with a remote": ["--push-receipts"]}


@pytest.fixture(scope="module")
def mortal(memory: Path) -> Path:
    """A folder with a git that counts its calls and dies on demand."""
    folder = memory / "mortal"
    folder.mkdir()
    (folder / "git").write_text(_GIT)
    (folder / "git").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def placed(scene: Callable[[str], Stage], memory: Path) -> Callable[[str], Stage]:
    """The scene, by where its receipts go."""

    @cache
    def get(place: str) -> Stage:
        copy = scene("promotion").copy(memory / f"git-{place}")
        if place != "alone":
            environment = os.environ | GIT_ENVIRONMENT
            for command in (
                ["clone", "-q", "--bare", str(copy.repo), str(copy.folder / "origin.git")],
                ["-C", str(copy.repo), "remote", "add", "origin", "../origin.git"],
                ["-C", str(copy.repo), "push", "-q", "origin", "main", RECEIPTS_REF],
                ["-C", str(copy.repo), "fetch", "-q", "origin"],
            ):
                subprocess.run(["git", *command], env=environment, check=True, capture_output=True)
        return copy

    return get


def _run(
    stage: Stage, forking: Forks, mortal: Path, *args: str, log: str, death: str, at: int = 0
) -> tuple[Ended, int]:
    """A run whose git dies at one of its calls, and how often it was called."""
    calls = stage.folder / f"{log}.calls"
    shutil.rmtree(calls, ignore_errors=True)
    calls.mkdir()
    env = {
        "PATH": f"{mortal}{os.pathsep}{os.environ['PATH']}",
        "GIT_ITSELF": str(shutil.which("git")),
        "GIT_CALLS": str(calls),
        "GIT_DIES_AT": str(at),
        "GIT_DIES": death,
    }
    ended, called = forking.run(stage.job(*args, log=log, env=env)), len(list(calls.iterdir()))
    assert called >= at, "it did not die"
    return ended, called


@pytest.mark.parametrize("place", case_params(PLACES, ("alone",)))
@pytest.mark.parametrize("death", case_params(DEATHS, ("killed",)))
def test_git_dies_at_each_call(
    place: str,
    death: str,
    placed: Callable[[str], Stage],
    mortal: Path,
    forking: Forks,
    room: Path,
    counted: CountCases,
) -> None:
    stage = placed(place)

    def run(copy: Stage, log: str, at: int = 0) -> tuple[Ended, int]:
        command = ("reconcile", "--yes", "--format", "json", *PLACES[place])
        return _run(copy, forking, mortal, *command, log=log, death=death, at=at)

    def copied(name: str) -> Stage:
        copy = stage.copy(room / name)
        if (stage.folder / "origin.git").is_dir():
            shutil.copytree(stage.folder / "origin.git", copy.folder / "origin.git")
        return copy

    whole = copied("whole")
    ended, calls = run(whole, "run")
    assert ended.code == 0
    wanted = settled(whole)
    before = {receipt.digest for receipt in receipts_in(stage.repo)}
    assert before and calls > 10
    tried = sample(range(1, calls + 1), f"{place} {death}", 3)
    for number in tried:
        copy = copied(str(number))
        ended, _ = run(copy, "run", number)
        assert before <= {receipt.digest for receipt in receipts_in(copy.repo)}, (number, ended)
        if ended.code == 0:
            assert settled(copy) == wanted, (number, ended)
        else:
            assert ended.code in (1, 4, 5) and ended.err, (number, ended)
        again, _ = run(copy, "again")
        assert again.code == 0, (number, ended, again)
        assert settled(copy) == wanted, (number, ended, again)
        if place != "alone":
            there = Git(copy.folder / "origin.git").ref(RECEIPTS_REF)
            assert there == Git(copy.repo).ref(RECEIPTS_REF), (number, ended, again)
        copy.remove()
    counted(f"git dies at each of its calls: {death}", len(tried), 2 * len(tried))


@pytest.mark.parametrize("death", case_params(("killed", "memory"), ("killed",)))
@pytest.mark.parametrize(
    "command",
    [
        "validate --format json", "validate --changed-since HEAD~1 --format json",
        "plan --format json", "plan --rev HEAD~1",
        "status --format json", "log --format json", "show --format json", "show --at HEAD~1",
        "verify --format json",
    ],
)  # fmt: skip
def test_git_dies_while_it_is_read(
    command: str,
    death: str,
    placed: Callable[[str], Stage],
    mortal: Path,
    forking: Forks,
    counted: CountCases,
) -> None:
    """What is reported is true, or it is reported as unknown."""
    stage = placed("with a remote")

    def run(at: int = 0) -> tuple[Ended, int]:
        # Each run reads all of the history: with an index, git is called less often.
        shutil.rmtree(stage.repo / ".git" / INDEX_FOLDER, ignore_errors=True)
        return _run(stage, forking, mortal, *command.split(), log="read", death=death, at=at)

    whole, calls = run()
    assert whole.code in (0, 4) and calls, whole
    tried = sample(range(1, calls + 1), f"{command} {death}")
    for number in tried:
        ended, _ = run(number)
        is_right = ended.code == whole.code and _timeless(ended.out) == _timeless(whole.out)
        assert is_right or (ended.code == 1 and ended.err), (number, ended)
    counted(f"git dies while it is read: {death}", len(tried))


def _timeless(out: str) -> str:
    """What a run printed, without the time at which a plan was made, and without how long a version
    has held its stage: a plan shows that beside the changes, or null if it is not known."""
    return re.sub(r'"(made_at|held_since)": ("[^"]*"|null|\{[^}]*\})', "", out)
