"""What commands load before they do anything: a user who presses Tab waits for it (DESIGN §5).

Each runs as a process of its own, with an import hook's list of modules as the witness.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.console.completion import SHELLS, asking
from tests.support.team import GIT_ENVIRONMENT, Team

_RUN = """
import json, sys
from mlflow_gitops.cli import main
code = main(sys.argv[2:])
sys.stdout.flush()
open(sys.argv[1], "w").write(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""

SLOW = {
    "alembic", "fastapi", "flask", "git", "github", "google", "jinja2", "matplotlib", "mlflow",
    "numpy", "pandas", "pydantic",
    "requests", "rich", "scipy", "sklearn", "sqlalchemy", "urllib3",
}  # fmt: skip
"""Packages that take a tenth of a second and more, and that no answer from files and git needs."""
OURS_THAT_ASK = {
    f"mlflow_gitops.edges.{name}"
    for name in (
        "mlflow.registry",
        "mlflow.server",
        "mlflow.stores",
        "mlflow.model_file",
        "github.client",
        "github.pull_requests",
    )
}


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path / "repo", "http://127.0.0.1:9")
    team.commit("Promote churn", churn="stages: {Production: 1}\n")
    return team


def loaded(team: Team, *arguments: str, expect: int = 0, **variables: str) -> set[str]:
    witness = team.folder.parent / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(witness), *arguments],
        cwd=team.folder, env=os.environ | GIT_ENVIRONMENT | variables, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(witness.read_text())
    assert told["code"] == expect, done.stdout + done.stderr
    return set(told["modules"])


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("plan", "--help"), ("reconcile", "--help")],
    ids=" ".join,
)
def test_help_loads_the_command_line_alone(team: Team, arguments: tuple[str, ...]) -> None:
    modules = loaded(team, *arguments)
    assert not packages(modules) & (SLOW | {"jsonschema", "yaml"})
    ours = {module for module in modules if module.startswith("mlflow_gitops.")}
    assert {module for module in ours if not module.startswith("mlflow_gitops.cli")} <= {
        "mlflow_gitops.errors",
        "mlflow_gitops.settings",
        "mlflow_gitops.render",
        "mlflow_gitops.render.formats",
    }


def test_validate_loads_nothing_for_what_is_right(team: Team) -> None:
    modules = loaded(team, "validate")
    assert not packages(modules) & (SLOW | {"jsonschema"})
    assert not modules & OURS_THAT_ASK
    assert not {
        module
        for module in modules
        if module.startswith(
            ("mlflow_gitops.app.reconciling.writing.apply", "mlflow_gitops.core.verdicts")
        )
    }
    assert "multiprocessing" not in modules, "few manifests are read by one process"
    assert "hashlib" not in modules, "nothing is compared by its digest"


def test_validate_loads_jsonschema_for_what_is_wrong(team: Team) -> None:
    team.write("models/churn.yaml", "name: churn\nstages: {Production: three}\n")
    modules = loaded(team, "validate", expect=3)
    assert "jsonschema" in modules
    assert not packages(modules) & (SLOW - {"requests", "urllib3"})


@pytest.mark.parametrize(
    "arguments", [("log",), ("log", "churn", "--format", "json"), ("show",)], ids=" ".join
)
def test_the_audit_trail_needs_git_and_no_more(team: Team, arguments: tuple[str, ...]) -> None:
    modules = loaded(team, *arguments)
    assert not packages(modules) & (SLOW | {"jsonschema"})
    assert not modules & OURS_THAT_ASK


MOST_OWN_MODULES = {
    ("--help",): 20,
    ("--version",): 20,
    ("validate",): 88,
    ("log",): 131,
    ("log", "churn"): 131,
}
"""How many modules of this package a command may load: what it needs, and one or two more. Eleven
of those of `log` read and write the index, which saves more than they take."""

NOT_FOR_FILES = ("app.planning", "core.audit", "core.history", "core.plan", "edges.mlflow")
NOT_FOR_HISTORY = ("app.planning", "core.plan", "core.setup", "edges.mlflow")
FOR_JUDGING = (
    "core.authoring",
    "core.comparison",
    "core.gates.gate",
    "core.observed",
    "core.recorded",
    "core.verdicts",
)


@pytest.mark.parametrize("arguments", MOST_OWN_MODULES, ids=" ".join)
def test_few_modules_are_loaded(team: Team, arguments: tuple[str, ...]) -> None:
    """A module that is imported where it is not used makes every start slower. Import it in the
    function that needs it, or under TYPE_CHECKING, before you raise a number here."""
    modules = loaded(team, *arguments)
    ours = sorted(module for module in modules if module.startswith("mlflow_gitops"))
    assert len(ours) <= MOST_OWN_MODULES[arguments], ours


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (("validate",), (*NOT_FOR_FILES, *FOR_JUDGING)),
        (("log",), (*NOT_FOR_HISTORY, *FOR_JUDGING)),
        (("log", "churn"), (*NOT_FOR_HISTORY, *FOR_JUDGING)),
    ],
    ids=["validate", "log", "log churn"],
)
def test_what_judges_and_plans_is_not_loaded(
    team: Team, arguments: tuple[str, ...], unused: tuple[str, ...]
) -> None:
    folders = tuple(f"mlflow_gitops.{folder}" for folder in unused)
    assert not {module for module in loaded(team, *arguments) if module.startswith(folders)}


MOST_FOR_A_PLAN = 199
"""A plan of a registry that is as git says, over MLflow's own tables; about 2 ms for every one of
these modules that is not needed. Six of them make or read the index."""
NOT_WITHOUT_CHANGES = (
    "app.approvals",
    "app.comparisons",
    "app.environments",
    "app.reconciling",
    "app.saved_plan",
    "core.audit.ledger",
    "core.authoring",
    "core.comparison",
    "core.gates.approvals",
    "core.gates.gate",
    "core.verdicts.entry_subject",
    "core.verdicts.judge_entries",
    "core.verdicts.pinned_files",
    "edges.forge",
    "edges.mlflow.artifacts",
    "edges.mlflow.other_environments",
    "render.comparison",
)


def test_a_plan_without_changes_loads_nothing_that_compares_or_judges(
    tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    from mlflow import MlflowClient

    team = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
    client = MlflowClient(team.uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", "s3://models/1", await_creation_for=0)
    team.commit("Promote churn", churn="stages: {Production: 1}\n")
    team.reconcile()

    modules = loaded(team, "--tracking-uri", team.uri, "plan", "--detailed-exitcode")
    ours = sorted(module for module in modules if module.startswith("mlflow_gitops"))
    assert len(ours) <= MOST_FOR_A_PLAN, ours
    unused = tuple(f"mlflow_gitops.{folder}" for folder in NOT_WITHOUT_CHANGES)
    assert not {module for module in ours if module.startswith(unused)}


def completed(team: Team, shell: str, words: str) -> tuple[str, set[str]]:
    """What the shell is offered for the last word, and the modules that were loaded for it."""
    # Typer ends the process itself once it has answered, so the list is written on the way out.
    script = (
        "import atexit\natexit.register(lambda: open(sys.argv[1],"
        f" 'w').write(json.dumps(sorted(sys.modules))))\n{_RUN}"
    )
    witness = team.folder.parent / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{script}", str(witness)],
        cwd=team.folder, env=os.environ | GIT_ENVIRONMENT | asking(shell, words),
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout + done.stderr, set(json.loads(witness.read_text()))


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_loads_the_command_line_alone(team: Team, shell: str) -> None:
    told, modules = completed(team, shell, "mlflow-gitops re")
    assert "reconcile" in told
    # Typer (0.25) would load rich for zsh and fish.
    assert not packages(modules - {"rich"}) & (SLOW | {"jsonschema", "yaml"}), (
        "`rich` alone says that it is kept away"
    )
    assert not {
        module
        for module in modules
        if module.startswith(("mlflow_gitops.core", "mlflow_gitops.edges"))
    }


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("promote ", "churn"),
        ("promote churn ", "1"),
        ("promote churn 1 ", "Production"),
        ("log --stage ", "Staging"),
    ],
    ids=lambda one: one.strip(),
)
def test_completion_of_values_needs_files_alone(
    team: Team, shell: str, words: str, offered: str
) -> None:
    told, modules = completed(team, shell, f"mlflow-gitops {words}")
    assert offered in told
    assert not packages(modules - {"rich"}) & (SLOW | {"jsonschema"})
    assert not modules & OURS_THAT_ASK
    ours = (
        "mlflow_gitops.app.reconciling.writing.apply",
        "mlflow_gitops.core.verdicts",
        "mlflow_gitops.commands",
        "mlflow_gitops.render.",
    )
    assert not {
        module for module in modules - {"mlflow_gitops.render.formats"} if module.startswith(ours)
    }
