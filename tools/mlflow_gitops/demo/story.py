"""What the demo shows: models in git, a promotion, a change by hand beside git, and a rollback, all
by the real commands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlflow_gitops.demo import training
from mlflow_gitops.demo.repository import ENVIRONMENT, DemoRepository
from mlflow_gitops.errors import Failure
from mlflow_gitops.render.terminal import Style

_MARKER = ".mlflow-gitops-demo"
"""The file that marks a folder as made by the demo."""

_OVERRIDE = ("--override", "soak=nothing depends on it yet")

_NEXT_COMMANDS = (
    ("git log --notes=mlflow-gitops", "the commits, with the receipts of each reconcile"),
    (
        "mlflow ui --backend-store-uri sqlite:///mlflow.db",
        "the registry, with gitops.* tags on each version",
    ),
    ("mlflow-gitops --tracking-uri sqlite:///mlflow.db status", "continue from here"),
)


class Demo:
    """One run of the demo, in a folder of its own."""

    def __init__(self, folder: Path, command_line: Callable[[Sequence[str]], int]) -> None:
        """`command_line` runs one command and returns its exit code, as `cli.main` does."""
        self.folder = folder.resolve()
        self._command_line = command_line
        self._style = Style(sys.stdout)
        self._chapter = 0
        self._accuracy: dict[tuple[str, int], float] = {}

    def run(self) -> None:
        """Run it from the start.

        Raises Failure if the folder was not made by the demo, or if a command exits with an
        unexpected code.
        """
        self._clear_folder()
        self._headline("Train three models, three versions each, on an embedded MLflow (SQLite)")
        repository = DemoRepository(self.folder)
        try:
            self._mark_folder()
            self._train()
            self._adopt()
            self._promote()
            self._refuse(repository)
            self._heal_drift()
            self._roll_back()
            self._look_back()
        finally:
            repository.close()

    def _train(self) -> None:
        for model, version, description, accuracy in training.train(self.folder):
            self._accuracy[model, version] = accuracy
            self._print(
                f"  {model:<14} version {version}   accuracy {accuracy:.3f}   {description}"
            )

    def _adopt(self) -> None:
        self._headline("Until now, people moved versions in MLflow's user interface")
        for model, version in (("iris-species", 1), ("wine-cultivar", 2), ("digit-reader", 2)):
            training.move_by_hand(self.folder, model, version, "Production")
            self._print(
                f"  {model} {version} is moved to Production; nobody will know who did that, or why"
            )

        self._headline("Now git declares what MLflow should hold; nothing has been applied yet")
        self._show("registry/models/iris-species.yaml")
        self._run("validate")
        self._run("plan")
        self._print(
            "\nWhat MLflow holds already is adopted. From now on, gates judge every promotion."
        )

        self._headline("Reconcile: MLflow becomes what the commit declares")
        self._run("reconcile", "--yes")
        self._run("status")

    def _promote(self) -> None:
        self._headline("A promotion is a changed line, and its pin")
        before, after = (self._accuracy["iris-species", version] for version in (1, 2))
        reason = f"accuracy {before:.3f} to {after:.3f}"
        self._print(
            "The policy requires a day in Staging first. A commit may override that with a reason:"
        )
        self._run(
            "promote", "iris-species", "2", "Production", "--commit", "-m", reason, *_OVERRIDE
        )
        self._run("plan")
        self._run("reconcile", "--yes")
        self._serve("models:/iris-species/Production", 2)

    def _refuse(self, repository: DemoRepository) -> None:
        self._headline("A version that is worse is refused, with the numbers")
        self._run("promote", "wine-cultivar", "3", "Production", "--commit", *_OVERRIDE)
        self._run("plan", expect=4)
        self._run("reconcile", "--yes", expect=4)
        self._serve("models:/wine-cultivar/Production", 2)
        self._print(f"$ git revert HEAD: {repository.revert()}")

    def _heal_drift(self) -> None:
        self._headline("Someone changes MLflow by hand, beside git")
        self._print("  (iris-species 2 is moved to Archived in MLflow's user interface)")
        training.move_by_hand(self.folder, "iris-species", 2, "Archived")
        self._run("status", "--exit-code", expect=2)
        self._run("plan", "iris-species")
        self._print("\nGit did not change, MLflow did: this is drift. Reconcile heals it.")
        self._run("reconcile", "--yes")

    def _roll_back(self) -> None:
        self._headline("A rollback goes to the version that held the stage before")
        self._run("rollback", "iris-species", "--commit", "-m", "2 answers too slowly")
        self._run("plan")
        self._run("reconcile", "--yes")
        self._run("status", "--exit-code")

        self._headline("What a service gets that loads the model")
        for address in ("models:/iris-species/Production", "models:/iris-species@production"):
            self._serve(address, 1)
        self._serve("models:/digit-reader@production", 2)

    def _look_back(self) -> None:
        self._headline("Who did what, when, and when it took effect: git history answers")
        self._run("log", "iris-species")
        self._run("show", "iris-species")
        self._run("verify")

        self._print(
            "\nThis was the demo. Everything is still in"
            f" {self.folder}:\n  cd {shlex.quote(str(self.folder))}"
        )
        for command, meaning in _NEXT_COMMANDS:
            self._print(f"  {command:<57} {meaning}")
        self._print("")

    def _serve(self, address: str, expected: int) -> None:
        """Load and run the model at an address, as a service would; Failure if another version
        answers."""
        version, answers, truth = training.load_and_predict(self.folder, address)
        correct = sum(
            answer == expected_answer
            for answer, expected_answer in zip(answers, truth, strict=True)
        )
        self._print(
            f"  {address:<34} version {version} answers {answers}, {correct} of {len(truth)} right"
        )
        if version != expected:
            raise Failure(
                f"The demo expected version {expected} at {address}, but {version} answered."
            )

    def _run(self, *arguments: str, expect: int = 0) -> None:
        """Print a command and run it; Failure if its exit code is not the expected one."""
        self._print("\n" + self._style("$ mlflow-gitops " + shlex.join(arguments), "bold"))
        variables = training.environment(self.folder) | ENVIRONMENT
        with _working_in(self.folder, variables):
            code = self._command_line(arguments)
        if code != expect:
            raise Failure(
                f"The demo expected mlflow-gitops {' '.join(arguments)} to exit with"
                f" {expect}, but it exited with {code}."
            )

    def _show(self, path: str) -> None:
        self._print(self._style(f"$ cat {path}", "bold"))
        self._print((self.folder / path).read_text(encoding="utf-8").rstrip())

    def _headline(self, title: str) -> None:
        self._chapter += 1
        self._print("\n" + self._style(f"── {self._chapter}. {title} ", "cyan") + "\n")

    @staticmethod
    def _print(text: str) -> None:
        print(text, flush=True)

    def _clear_folder(self) -> None:
        """Delete the folder if an earlier demo made it. Raises Failure for any other folder that is
        not empty."""
        if not self.folder.exists():
            return

        if not self.folder.is_dir():
            raise Failure(f"{self.folder} is not a folder.", fix="Name another one for the demo.")
        if (self.folder / _MARKER).is_file():
            shutil.rmtree(self.folder)
        elif any(self.folder.iterdir()):
            raise Failure(
                f"{self.folder} is not empty and was not made by the demo.",
                fix="Name another folder.",
            )
        else:
            self.folder.rmdir()

    def _mark_folder(self) -> None:
        (self.folder / _MARKER).write_text(
            "Made by mlflow-gitops demo, which may delete this folder.\n"
        )
        git_info = self.folder / ".git" / "info"
        git_info.mkdir(exist_ok=True)
        (git_info / "exclude").write_text(f"{_MARKER}\n")


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
