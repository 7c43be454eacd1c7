"""The hooks for pre-commit, run by pre-commit itself in a repository that names this project as a
hook repository.

pre-commit clones it and has pip install it into an environment of its own; only the dependencies
are lent.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project.installing import copy_of_the_project, lending
from tests.support.team import GIT_ENVIRONMENT, Team

pytestmark = pytest.mark.real

CONFIG = """\
repos:
  - repo: {hooks}
    rev: {rev}
    hooks:
      - id: mlflow-gitops-validate
      - id: mlflow-gitops-codeowners
"""


class Hooked:
    """A team's repository with the hooks in it."""

    def __init__(self, folder: Path) -> None:
        hooks = Team(folder / "hooks", "")
        copy_of_the_project(hooks.folder)
        rev = hooks.commit("A release")
        self.team = Team(folder / "team", "")
        (self.team.folder / ".pre-commit-config.yaml").write_text(
            CONFIG.format(hooks=hooks.folder, rev=rev)
        )
        self._environment = os.environ | GIT_ENVIRONMENT | lending(folder / "lent") | {
            "PRE_COMMIT_HOME": str(folder / "home"), "PRE_COMMIT_COLOR": "never",
        }  # fmt: skip

    def pre_commit(self, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "pre_commit", *arguments]
        done = subprocess.run(
            command,
            cwd=self.team.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    def commit(self, message: str) -> tuple[int, str]:
        """As a person does: git runs the hooks."""
        self.team.git("add", "-A")
        done = subprocess.run(
            ["git", "commit", "-q", "-m", message],
            cwd=self.team.folder, env=self._environment, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


def test_a_commit_is_checked(tmp_path: Path) -> None:
    try:
        import pre_commit  # noqa: F401
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("pre-commit is not installed: pip install '.[real]'")
    hooked = Hooked(tmp_path)
    team = hooked.team
    team.write("policy.yaml", 'owners: ["@acme/ml"]\n')
    (team.folder / ".github").mkdir()
    (team.folder / ".github/CODEOWNERS").write_text("* @acme/everybody\n")
    code, told = hooked.pre_commit("install")
    assert code == 0, told

    code, told = hooked.commit("Begin")
    assert code == 1 and "files were modified by this hook" in told, told
    assert "@acme/ml" in (team.folder / ".github/CODEOWNERS").read_text()
    code, told = hooked.commit("Begin")
    assert code == 0 and told.count("Passed") == 2, told

    team.write("models/churn.yaml", "name: churn\nstages: {Production: 1, Nowhere: 2}\n")
    code, told = hooked.commit("A stage that is none")
    assert code == 1 and "registry/models/churn.yaml:2:" in told and "stage-unknown" in told, told
    team.write("models/churn.yaml", "name: churn\nstages: {Production: 1, Canary: 2}\n")
    team.write(
        "policy.yaml", 'owners: ["@acme/ml"]\nstages: {Canary: {alias: canary, native: false}}\n'
    )
    code, told = hooked.commit("The stage, and a manifest that names it")
    assert code == 0, told

    # The policy changes alone, and makes a manifest wrong that does not.
    team.write("policy.yaml", 'owners: ["@acme/ml"]\n')
    code, told = hooked.commit("No Canary any more")
    assert code == 1 and "registry/models/churn.yaml:2:" in told, told
    team.git("checkout", "-q", "HEAD", "--", "registry")

    # Nothing that matters changes: no hook runs.
    (team.folder / "notes.txt").write_text("notes\n")
    code, told = hooked.commit("Notes")
    assert code == 0 and told.count("Skipped") == 2, told

    # In CI: everything.
    code, told = hooked.pre_commit("run", "--all-files")
    assert code == 0 and told.count("Passed") == 2, told
