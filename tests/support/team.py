"""A team's repository and its registry, as the tests drive them: real git, the real command line, a
real MLflow."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow_gitops.settings import Settings
from tests.support.repositories.empty import head_of, make_repository

GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": str(Path(__file__).with_name("gitconfig")),
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Team:
    """One repository with a registry folder, and the URI of the MLflow that it describes.

    `settings` gives the commands that `run` runs what no option sets: the clock, and how long they
    wait for others.
    """

    settings = Settings()

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder = folder
        self.uri = uri
        folder.mkdir(parents=True, exist_ok=True)
        make_repository(folder)

    def git(self, *args: str, check: bool = True) -> str:
        completed = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            env=os.environ | GIT_ENVIRONMENT,
            capture_output=True,
            text=True,
        )
        if check and completed.returncode:
            raise AssertionError(f"git {' '.join(args)}: {completed.stderr}")
        return completed.stdout.strip()

    def write(self, path: str, text: str) -> None:
        file = self.folder / "registry" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def commit(self, message: str = "Change", **files: str) -> str:
        """Commit everything; `files` are manifests by model name."""
        for name, text in files.items():
            self.write(
                f"models/{name}.yaml", text if text.startswith("name:") else f"name: {name}\n{text}"
            )
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def head(self) -> str:
        return head_of(self.folder) or self.git("rev-parse", "HEAD")

    def point_origin_at(self, path: Path) -> None:
        """Change the address of `origin`, which a copy of a clone has from the original."""
        config = self.folder / ".git/config"
        text = re.sub(r"(?m)^\turl = .*$", lambda _: f"\turl = {path}", config.read_text())
        config.write_text(text)

    def run(self, *args: str, uri: str | None = None) -> Ran:
        """Run the command line in this process."""
        from mlflow_gitops.cli import main

        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.update(GIT_ENVIRONMENT)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                arguments = ["--repo", str(self.folder), "--tracking-uri", uri or self.uri, *args]
                code = main(arguments, self.settings)
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert "Traceback" not in out.getvalue() + err.getvalue(), err.getvalue()
        return Ran(code, out.getvalue(), err.getvalue())

    def wait_less(self, **seconds: Any) -> None:
        """Let commands wait less for others; see `Patience`."""
        patience = self.settings.patience._replace(**seconds)
        self.settings = replace(self.settings, patience=patience)

    def spawn(self, *args: str) -> subprocess.Popen[str]:
        """Run the command line in a process of its own."""
        command = [
            sys.executable,
            "-m",
            "mlflow_gitops",
            "--repo",
            str(self.folder),
            "--tracking-uri",
            self.uri,
            *args,
        ]
        return subprocess.Popen(
            command,
            env=os.environ | GIT_ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def spawn_all(self, *commands: Sequence[str]) -> subprocess.Popen[str]:
        """Run command lines one after another in one new process: MLflow is loaded once. It exits
        with the worst code."""
        begin = ["--repo", str(self.folder), "--tracking-uri", self.uri]
        script = (
            "from mlflow_gitops.cli import main\nfrom mlflow_gitops.errors import worst\nraise"
            f" SystemExit(worst(*[main([*{begin!r}, *one]) for one in"
            f" {[list(command) for command in commands]!r}]))"
        )
        return subprocess.Popen(
            [sys.executable, "-c", script],
            env=os.environ | GIT_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def reconcile(self, *args: str) -> Ran:
        """Reconcile and expect that everything was applied."""
        ran = self.run("reconcile", "--yes", "--format", "json", *args)
        assert ran.code == 0, ran.out + ran.err
        return ran
