"""What the audience of the demo sees: headlines, files, and commands with their output."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlflow_gitops.demo import training
from mlflow_gitops.demo.repository import ENVIRONMENT
from mlflow_gitops.errors import Failure
from mlflow_gitops.render.terminal import Style


class DemoTerminal:
    """Prints to standard output, and runs commands in the demo's folder. `command_line` runs one
    command and returns its exit code, as `cli.main` does."""

    def __init__(self, folder: Path, command_line: Callable[[Sequence[str]], int]) -> None:
        self._folder = folder
        self._command_line = command_line
        self._style = Style(sys.stdout)
        self._chapter = 0

    def run(self, *arguments: str, expect: int = 0) -> None:
        """Print a command and run it; Failure if its exit code is not the expected one."""
        self.print("\n" + self._style("$ mlflow-gitops " + shlex.join(arguments), "bold"))
        variables = training.environment(self._folder) | ENVIRONMENT
        with _working_in(self._folder, variables):
            code = self._command_line(arguments)
        if code != expect:
            raise Failure(
                f"The demo expected mlflow-gitops {' '.join(arguments)} to exit with"
                f" {expect}, but it exited with {code}."
            )

    def show(self, path: str) -> None:
        """Print a file of the demo's folder."""
        self.print(self._style(f"$ cat {path}", "bold"))
        self.print((self._folder / path).read_text(encoding="utf-8").rstrip())

    def headline(self, title: str) -> None:
        """Begin a chapter of the demo."""
        self._chapter += 1
        self.print("\n" + self._style(f"── {self._chapter}. {title} ", "cyan") + "\n")

    @staticmethod
    def print(text: str) -> None:
        print(text, flush=True)


@contextmanager
def _working_in(folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Change to a folder and an environment. The commands run in this process, since loading MLflow
    again for each of them would take most of the demo's time."""
    folder_before, variables_before = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables_before)
        os.chdir(folder_before)
