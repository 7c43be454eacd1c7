"""Bad input and faults: what is wrong -> exit code and what stderr says. None shows a traceback
(`Team.run` asserts it)."""

from __future__ import annotations

import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlflow_gitops.app.planning.planner import Planner
from tests.support.team import GIT_ENVIRONMENT, Team


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> bytes:
    """A SQLite registry: `fraud` with three versions, `crowded` with 500, and a prompt."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("template") / "mlflow.db"
    client = MlflowClient(blank_registry(file))
    for name in ("fraud", "crowded"):
        client.create_registered_model(name)
    for number in range(1, 4):
        client.create_model_version("fraud", f"s3://models/{number}", await_creation_for=0)
    client.register_prompt("greeting", "Hello {{name}}")
    with sqlite3.connect(file) as connection:
        connection.executemany(
            "INSERT INTO model_versions (name, version, creation_time, last_updated_time,"
            " current_stage, status, source) VALUES ('crowded', ?, 1, 1, ?, 'READY',"
            " 's3://models/x')",
            [(number, "Staging" if number % 2 else "None") for number in range(1, 501)],
        )
    return file.read_bytes()


@pytest.fixture
def team(tmp_path: Path, template: bytes) -> Team:
    (tmp_path / "mlflow.db").write_bytes(template)
    made = Team(tmp_path / "repo", f"sqlite:///{tmp_path / 'mlflow.db'}")
    made.commit("First", fraud="stages: {Production: 1}\n")
    return made


def stages(team: Team) -> dict[int, str]:
    from mlflow import MlflowClient

    found = MlflowClient(team.uri).search_model_versions("name = 'fraud'")
    return {int(version.version): str(version.current_stage) for version in found}


def nothing(team: Team) -> None:
    """The repository as it is."""


def no_folder(team: Team) -> None:
    team.git("rm", "-q", "-r", "registry")
    team.git("commit", "-q", "-m", "Gone")


def no_commits(team: Team) -> None:
    team.git("update-ref", "-d", "HEAD")


def no_git(team: Team) -> None:
    (team.folder / ".git").rename(team.folder / "not-git")


def no_database(team: Team) -> None:
    team.uri = f"sqlite:///{team.folder.parent / 'missing.db'}"


def other_file(team: Team) -> None:
    (team.folder.parent / "text.db").write_text("not a database " * 100)
    team.uri = f"sqlite:///{team.folder.parent / 'text.db'}"


def empty_database(team: Team) -> None:
    sqlite3.connect(team.folder.parent / "empty.db").execute(
        "CREATE TABLE x (y)"
    ).connection.close()
    team.uri = f"sqlite:///{team.folder.parent / 'empty.db'}"


def invalid(team: Team) -> None:
    team.commit(fraud="stages: {Production: one}\n")


def reconciled_and_then_invalid(team: Team) -> None:
    team.reconcile()
    invalid(team)


def on_a_branch(team: Team) -> None:
    team.git("checkout", "-q", "-b", "feature")
    team.commit("Beside the main line")


def pinned_wrong(team: Team) -> None:
    team.commit(
        fraud="stages: {Production: 1}\nversions: {1: {source: s3://models/9, run_id: abc}}\n"
    )


def version_missing(team: Team) -> None:
    team.commit(fraud="stages: {Production: 9}\n")


def named_like_a_prompt(team: Team) -> None:
    team.commit(greeting="stages: {}\n")


def line_dropped(team: Team) -> None:
    team.reconcile()
    team.commit(fraud="stages: {}\n")


def of_another_owner(team: Team) -> None:
    set_tag(team, "gitops.owner", "0" * 40 + ":registry")


def base_lost(team: Team) -> None:
    set_tag(team, "gitops.commit", "0" * 40)


def set_tag(team: Team, key: str, value: str) -> None:
    from mlflow import MlflowClient

    MlflowClient(team.uri).set_registered_model_tag("fraud", key, value)


def reconciled_and_moved_on(team: Team) -> None:
    team.commit(fraud="stages: {Production: 2}\n")
    team.reconcile()


def shallow(team: Team) -> None:
    bare = team.folder.parent / "bare.git"
    team.git("init", "-q", "--bare", "-b", "main", str(bare))
    team.git("push", "-q", str(bare), "main")
    team.commit("Later")
    team.git("push", "-q", str(bare), "main")
    team.git("clone", "-q", "--depth", "1", f"file://{bare}", str(team.folder.parent / "shallow"))
    team.folder = team.folder.parent / "shallow"


Case = tuple[Callable[[Team], None], str, int, str]

# what is the matter, the command, its exit code, and what it says (on stderr, or in the plan)
TABLE: dict[str, Case] = {
    "unknown command": (nothing, "frobnicate", 64, "No such command 'frobnicate'"),
    "unknown option": (nothing, "plan --frobnicate", 64, "No such option '--frobnicate'"),
    "unknown format": (nothing, "plan --format xml", 64, "'xml' is not one of"),
    "no number": (nothing, "reconcile --yes --jobs many", 64, "'many' is not a valid"),
    "no terminal and no --yes": (nothing, "reconcile", 64, "add --yes"),
    "--adopt without names": (
        nothing,
        "reconcile --yes --adopt",
        64,
        "need the names of the models",
    ),
    "--take-over without names": (
        nothing,
        "reconcile --yes --take-over",
        64,
        "need the names of the models",
    ),
    "a saved plan and names": (
        nothing,
        "reconcile fraud --plan x --yes",
        64,
        "A saved plan determines",
    ),
    "paths and --changed-since": (nothing, "validate x --changed-since HEAD", 64, "not both"),
    "a path that is not there": (nothing, "validate nowhere.yaml", 64, "There is no nowhere.yaml"),
    "no registry folder": (no_folder, "plan", 1, "There is no registry/ folder in"),
    "no registry folder, validate": (no_folder, "validate", 1, "There is no registry/ folder in"),
    "no registry folder in the commit": (
        no_folder,
        "reconcile --yes",
        1,
        "There is no registry/ folder in commit",
    ),
    "no commits, reconcile": (no_commits, "reconcile --yes", 1, "has no commits yet"),
    "no commits, status": (no_commits, "status", 1, "has no commits yet"),
    "no git, plan": (no_git, "plan", 1, "is not in a git repository"),
    "no git, reconcile": (no_git, "reconcile --yes", 1, "is not in a git repository"),
    "no git, validate": (no_git, "validate", 0, "1 manifest: 0 errors"),
    "no database, plan": (no_database, "plan", 1, "There is no MLflow database at"),
    "no database, status": (no_database, "status", 1, "There is no MLflow database at"),
    "no database, reconcile": (no_database, "reconcile --yes", 1, "There is no MLflow database at"),
    "a file that is no database": (other_file, "plan", 1, "is not a SQLite database"),
    "a database without MLflow": (empty_database, "plan", 1, "holds no MLflow registry"),
    "unknown revision": (nothing, "plan --rev v9", 1, "This clone has no revision 'v9'"),
    "a revision that is an option": (
        nothing,
        "plan --rev=--all",
        1,
        "This clone has no revision '--all'",
    ),
    "not on the main line": (
        on_a_branch,
        "--main main reconcile --yes",
        1,
        "is not on the main line of main",
    ),
    "unknown main branch": (
        nothing,
        "--main trunk reconcile --yes",
        1,
        "This clone has no revision 'trunk'",
    ),
    "unknown model": (nothing, "plan fruad", 1, "did you mean 'fraud'?"),
    "a model without a manifest": (
        nothing,
        "plan crowded",
        1,
        "crowded is in MLflow and has no manifest",
    ),
    "invalid, plan": (invalid, "plan", 3, "[wrong-type]"),
    "invalid, status": (invalid, "status", 3, "[wrong-type]"),
    "invalid, reconcile": (reconciled_and_then_invalid, "reconcile --yes", 3, "[wrong-type]"),
    "no plan file": (
        nothing,
        "reconcile --yes --plan none.json",
        1,
        "The plan none.json cannot be read",
    ),
    "a wrong pin": (
        pinned_wrong,
        "plan",
        4,
        "is pinned to source s3://models/9, MLflow has s3://models/1",
    ),
    "a version that is not there": (
        version_missing,
        "reconcile --yes",
        4,
        "MLflow has no version 9 of fraud; it has 1, 2, 3",
    ),
    "a prompt's name": (
        named_like_a_prompt,
        "reconcile greeting --yes",
        4,
        "greeting is a prompt in MLflow's Prompt Registry",
    ),
    "a protected line dropped": (
        line_dropped,
        "reconcile --yes",
        4,
        "write Production: null to empty it on purpose",
    ),
    "another owner": (of_another_owner, "reconcile --yes", 4, "reconcile fraud --take-over"),
    "a lost base": (base_lost, "reconcile --yes", 4, "reconcile fraud --adopt"),
    "a stale commit": (
        reconciled_and_moved_on,
        "reconcile --yes --rev HEAD~1",
        4,
        "git revert on the main branch",
    ),
    "a shallow clone": (shallow, "reconcile --yes", 4, "git fetch --unshallow"),
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_input(team: Team, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, command, code, words = TABLE[case]
    prepare(team)
    monkeypatch.chdir(team.folder)
    before = stages(team) if team.uri.endswith("/mlflow.db") else None
    ran = team.run(*command.split())
    assert ran.code == code, ran.out + ran.err
    assert words in ran.out + ran.err
    if code not in (3, 4):
        assert words in ran.err
    if before is not None:
        assert stages(team) == before, "nothing was changed"
    assert not (team.folder.parent / "missing.db").exists(), "no store was created"


def test_a_locked_database(team: Team, tmp_path: Path) -> None:
    team.wait_less(sqlite_lock=0.1)
    holder = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    ran = team.run("plan")
    holder.close()
    assert ran.code == 1 and "locked by another process. Wait" in ran.err


@pytest.mark.parametrize(
    ("what", "refusal"), [("version", "missing_version"), ("model", "deleted")]
)
def test_what_vanished_between_plan_and_apply(
    team: Team, monkeypatch: pytest.MonkeyPatch, what: str, refusal: str
) -> None:
    from mlflow import MlflowClient

    client, plan = MlflowClient(team.uri), Planner.plan

    def and_then_it_vanishes(self: Planner, *args: object) -> object:
        made = plan(self, *args)  # type: ignore[arg-type]
        if what == "version":
            client.delete_model_version("fraud", "1")
        else:
            client.delete_registered_model("fraud")
        return made

    monkeypatch.setattr(Planner, "plan", and_then_it_vanishes)
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 4
    [model] = ran.json["models"]
    assert model["result"] == "refused" and model["refusals"][0]["code"] == refusal


def test_five_hundred_versions(team: Team) -> None:
    team.commit(crowded="stages: {Production: 500}\n")
    start = time.process_time()
    plan = team.run("plan", "crowded")
    assert time.process_time() - start < 15
    assert plan.code == 0 and "Production  — → 500" in plan.out
    assert "1, 3, 5, 7, 9 and 245 more go to Archived" in plan.out
    assert "Plan: 1 model: 1 to apply; 251 changes to make." in plan.out


REPEATEDLY = """
import signal, sys
from mlflow_gitops.cli import main

# A shell's job in the background is born deaf to it, and its children with it.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _ in range(int(sys.argv[1])):
    print("exit", main(sys.argv[2:]), flush=True)
"""


@contextmanager
def at_a_terminal(
    team: Team, times: int, *args: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command line, so many times, with a terminal to ask on."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", REPEATEDLY, str(times)]
    command += ["--repo", str(team.folder), "--tracking-uri", team.uri, *args]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | GIT_ENVIRONMENT,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        os.close(ours)


def read_until(terminal: int, words: str, within: float = 60) -> str:
    """What it says up to these words; less where it ends or falls silent for so many seconds."""
    said = ""
    while words not in said and select.select([terminal], [], [], within)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux, once nobody has the other end open
            break
        if not piece:
            break
        said += piece.decode()
    return said


def interrupted(process: subprocess.Popen[bytes], terminal: int, words: str) -> str:
    """Press ^C. Python (3.11) misses one that comes between its question and its reading; a person
    presses again."""
    said = ""
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        if said := read_until(terminal, words, within=10):
            break
    return said


def test_on_a_terminal_it_asks(team: Team) -> None:
    answers = {"n\n": 1, "\x03": 130, "y\n": 0}
    with at_a_terminal(team, len(answers), "reconcile") as (process, terminal):
        for answer, code in answers.items():
            asked = read_until(terminal, "[y/N]")
            assert "Production  " in asked and "Reconcile sqlite:" in asked
            assert stages(team)[1] == "None", "nothing happens before the answer"
            if answer == "\x03":
                said = interrupted(process, terminal, f"exit {code}")
            else:
                os.write(terminal, answer.encode())
                said = read_until(terminal, f"exit {code}")
            assert f"exit {code}" in said and "Traceback" not in asked + said, said
    assert stages(team)[1] == "Production"


def test_a_reader_that_goes_away(team: Team) -> None:
    for i in range(300):
        team.write(f"models/wrong-{i}.yaml", f"name: wrong-{i}\nstages: {{Nowhere: {i}}}\n")
    process = team.spawn("validate")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
    reader.start()
    process.wait(30)
    reader.join()
    assert "Traceback" not in "".join(said) and "Exception" not in "".join(said)


KEPT = """
import io, sys
from mlflow_gitops.cli import main
sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w", closefd=False)))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("log", "--since", "nowhere"), 1), (("log", "--nonsense"), 64), (("show", "nothing"), 1)],
)
def test_a_message_that_stderr_keeps_and_cannot_write(
    team: Team, arguments: tuple[str, ...], code: int
) -> None:
    """As Python 3.14 does: what stderr could not write is tried again at exit."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", KEPT, "--repo", str(team.folder), *arguments],
            env=os.environ | GIT_ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=full,
        )  # fmt: skip
    assert done.returncode == code


SHELL = '"$0" -m mlflow_gitops --repo "$1" '


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("log > /dev/full", 1, "error: The output could not be written: No space left on device."),
        ("log --format json > /dev/full", 1, "The output could not be written"),
        ("--help > /dev/full", 1, "The output could not be written"),
        ("log >&-", 0, ""),
        ("log --format json >&- 2>&-", 0, ""),
        ("reconcile <&-", 64, "there is no terminal"),
        ("log --since nowhere 2> /dev/full", 1, ""),
        ("log --nonsense 2> /dev/full", 64, ""),
        ("show nothing-of-that-name 2>&-", 1, ""),
        ("log | true", 0, ""),
    ],
)
def test_output_that_cannot_be_written(team: Team, command: str, code: int, said: str) -> None:
    done = subprocess.run(
        ["sh", "-c", SHELL + command, sys.executable, str(team.folder)],
        env=os.environ | GIT_ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert said in done.stderr if said else not done.stderr
