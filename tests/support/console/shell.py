"""A shell for the command lines that pages and help texts show: just enough of one, and no more.

`mlflow-gitops` runs in this process, since loading MLflow takes seconds; git is the real one.
Whatever it does not know, it refuses, so that no line is passed over.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from mlflow_gitops.settings import Settings
from tests.support.console.streams import Terminal
from tests.support.team import GIT_ENVIRONMENT, Ran


class NotKnown(Exception):
    """A line that this shell does not know how to run."""


class Shell:
    """A folder and an environment, in which lines run one after another. `answers` is what the
    person types where a command asks; without, there is no terminal. `settings` gives commands what
    no option sets."""

    settings = Settings()

    def __init__(
        self, folder: Path, environment: Mapping[str, str], answers: str | None = None
    ) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.answers = answers

    def run(self, line: str) -> Ran:
        """Run one line, `&&` and all; the last command's result, or the first one's that fails."""
        ran = Ran(0, "", "")
        for command in self._commands(line):
            ran = self._one(command)
            if ran.code:
                break
        return ran

    def _commands(self, line: str) -> Iterator[list[str]]:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>()")
        lexer.whitespace_split = True
        arguments: list[str] = []
        for word in lexer:
            if set(word) <= set("&|;<>()"):
                if word != "&&":
                    raise NotKnown(f"{word} in: {line}")
                yield arguments
                arguments = []
            else:
                arguments.append(word)
        if arguments:
            yield arguments

    def _one(self, words: list[str]) -> Ran:
        env = dict(self.environment)
        words = [self._filled(word) for word in words]
        while words and (assignment := re.fullmatch(r"([A-Z_]+)=(.*)", words[0])):
            env[assignment[1]] = assignment[2]
            words.pop(0)
        match words:
            case ["export", *pairs] if pairs and all("=" in pair for pair in pairs):
                self.environment.update(pair.split("=", 1) for pair in pairs)
                return Ran(0, "", "")
            case ["cd", folder]:
                self.folder = (self.folder / folder).resolve(strict=True)
                return Ran(0, "", "")
            case ["git", *rest]:
                completed = subprocess.run(
                    ["git", *rest], cwd=self.folder, env={**os.environ, **GIT_ENVIRONMENT, **env},
                    capture_output=True, text=True,
                )  # fmt: skip
                return Ran(completed.returncode, completed.stdout, completed.stderr)
            case ["mlflow-gitops", *rest]:
                return self._ours(rest, env)
        raise NotKnown(" ".join(words))

    def _filled(self, word: str) -> str:
        """With the values of `$NAME`, which must be set."""

        def value(found: re.Match[str]) -> str:
            if found[1] not in self.environment:
                raise NotKnown(f"${found[1]} is set nowhere")
            return self.environment[found[1]]

        return re.sub(r"\$\{?([A-Z_]+)\}?", value, word)

    def _ours(self, arguments: list[str], env: Mapping[str, str]) -> Ran:
        from mlflow_gitops.cli import main

        out, err = (
            (io.StringIO(), io.StringIO()) if self.answers is None else (Terminal(), Terminal())
        )
        with (
            self._standing_here({**GIT_ENVIRONMENT, **env}),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = main(arguments, self.settings)
        assert "Traceback" not in out.getvalue() + err.getvalue(), err.getvalue()
        return Ran(code, out.getvalue(), err.getvalue())

    @contextmanager
    def _standing_here(self, env: Mapping[str, str]) -> Iterator[None]:
        before, folder_before, stdin = dict(os.environ), Path.cwd(), sys.stdin
        for name in [
            name
            for name in os.environ
            if name.startswith(("GITHUB_", "MLFLOW_TRACKING", "MLFLOW_GITOPS_"))
        ]:
            del os.environ[name]
        os.environ.update(env, NO_COLOR="1")
        os.chdir(self.folder)
        sys.stdin = io.StringIO() if self.answers is None else Terminal(self.answers)
        try:
            with _mlflow_at(env.get("MLFLOW_TRACKING_URI")):
                yield
        finally:
            sys.stdin = stdin
            os.chdir(folder_before)
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def _mlflow_at(uri: str | None) -> Iterator[None]:
    """What MLflow was set to in this process goes before its variable; a new process would have no
    such setting."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or uri is None:
        yield
        return
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
