"""What the demo shows: models in git, a promotion, a change by hand beside git, and a rollback, all
by the real commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from mlflow_gitops.demo import training
from mlflow_gitops.demo.folder import clear_folder, mark_folder
from mlflow_gitops.demo.repository import DemoRepository
from mlflow_gitops.demo.terminal import DemoTerminal
from mlflow_gitops.errors import Failure

_OVERRIDE = ("--override", "soak=nothing depends on it yet")

_NEXT_COMMANDS = (
    ("git log -p mlflow-gitops/receipts", "the receipts of each reconcile"),
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
        self._terminal = DemoTerminal(self.folder, command_line)
        self._accuracy: dict[tuple[str, int], float] = {}

    def run(self) -> None:
        """Run it from the start.

        Raises Failure if the folder was not made by the demo, or if a command exits with an
        unexpected code.
        """
        clear_folder(self.folder)
        self._terminal.headline(
            "Train three models, three versions each, on an embedded MLflow (SQLite)"
        )
        repository = DemoRepository(self.folder)
        try:
            mark_folder(self.folder)
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
            self._terminal.print(
                f"  {model:<14} version {version}   accuracy {accuracy:.3f}   {description}"
            )

    def _adopt(self) -> None:
        self._terminal.headline("Until now, people moved versions in MLflow's user interface")
        for model, version in (("iris-species", 1), ("wine-cultivar", 2), ("digit-reader", 2)):
            training.move_by_hand(self.folder, model, version, "Production")
            self._terminal.print(
                f"  {model} {version} is moved to Production; nobody will know who did that, or why"
            )

        self._terminal.headline(
            "Now git declares what MLflow should hold; nothing has been applied yet"
        )
        self._terminal.show("registry/models/iris-species.yaml")
        self._terminal.run("validate")
        self._terminal.run("plan")
        self._terminal.print(
            "\nWhat MLflow holds already is adopted. From now on, gates judge every promotion."
        )

        self._terminal.headline("Reconcile: MLflow becomes what the commit declares")
        self._terminal.run("reconcile", "--yes")
        self._terminal.run("status")

    def _promote(self) -> None:
        self._terminal.headline("A promotion is a changed line, and its pin")
        before, after = (self._accuracy["iris-species", version] for version in (1, 2))
        reason = f"accuracy {before:.3f} to {after:.3f}"
        self._terminal.print(
            "The policy requires a day in Staging first. A commit may override that with a reason:"
        )
        self._terminal.run(
            "promote", "iris-species", "2", "Production", "--commit", "-m", reason, *_OVERRIDE
        )
        self._terminal.run("plan")
        self._terminal.run("reconcile", "--yes")
        self._serve("models:/iris-species/Production", 2)

    def _refuse(self, repository: DemoRepository) -> None:
        self._terminal.headline("A version that is worse is refused, with the numbers")
        self._terminal.run("promote", "wine-cultivar", "3", "Production", "--commit", *_OVERRIDE)
        self._terminal.run("plan", expect=4)
        self._terminal.run("reconcile", "--yes", expect=4)
        self._serve("models:/wine-cultivar/Production", 2)
        self._terminal.print(f"$ git revert HEAD: {repository.revert()}")

    def _heal_drift(self) -> None:
        self._terminal.headline("Someone changes MLflow by hand, beside git")
        self._terminal.print("  (iris-species 2 is moved to Archived in MLflow's user interface)")
        training.move_by_hand(self.folder, "iris-species", 2, "Archived")
        self._terminal.run("status", "--exit-code", expect=2)
        self._terminal.run("plan", "iris-species")
        self._terminal.print("\nGit did not change, MLflow did: this is drift. Reconcile heals it.")
        self._terminal.run("reconcile", "--yes")

    def _roll_back(self) -> None:
        self._terminal.headline("A rollback goes to the version that held the stage before")
        self._terminal.run("rollback", "iris-species", "--commit", "-m", "2 answers too slowly")
        self._terminal.run("plan")
        self._terminal.run("reconcile", "--yes")
        self._terminal.run("status", "--exit-code")

        self._terminal.headline("What a service gets that loads the model")
        for address in ("models:/iris-species/Production", "models:/iris-species@production"):
            self._serve(address, 1)
        self._serve("models:/digit-reader@production", 2)

    def _look_back(self) -> None:
        self._terminal.headline("Who did what, when, and when it took effect: git history answers")
        self._terminal.run("log", "iris-species")
        self._terminal.run("show", "iris-species")
        self._terminal.run("verify")

        self._terminal.print(
            "\nThis was the demo. Everything is still in"
            f" {self.folder}:\n  cd {shlex.quote(str(self.folder))}"
        )
        for command, meaning in _NEXT_COMMANDS:
            self._terminal.print(f"  {command:<57} {meaning}")
        self._terminal.print("")

    def _serve(self, address: str, expected: int) -> None:
        """Load and run the model at an address, as a service would; Failure if another version
        answers."""
        version, answers, truth = training.load_and_predict(self.folder, address)
        correct = sum(
            answer == expected_answer
            for answer, expected_answer in zip(answers, truth, strict=True)
        )
        self._terminal.print(
            f"  {address:<34} version {version} answers {answers}, {correct} of {len(truth)} right"
        )
        if version != expected:
            raise Failure(
                f"The demo expected version {expected} at {address}, but {version} answered."
            )
