"""The story: a team's models in git, a promotion, a click beside git, a rollback; told by the real
commands."""

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


class Story:
    """One telling, in a folder of its own."""

    def __init__(self, folder: Path, command_line: Callable[[Sequence[str]], int]) -> None:
        """`command_line` runs one of the commands, as `mlflow_gitops.cli.main` does."""
        self.folder = folder.resolve()
        self._command_line = command_line
        self._style = Style(sys.stdout)
        self._chapter = 0
        self._accuracy: dict[tuple[str, int], float] = {}

    def tell(self) -> None:
        """Tell it from the start. Raises Failure if the folder is not the demo's, or if a command
        ends otherwise than the story says."""
        self._make_room()
        self._scene("Train three models, three versions each, on an embedded MLflow (SQLite)")
        repository = DemoRepository(self.folder)
        (self.folder / _MARKER).write_text(
            "Made by mlflow-gitops demo, which may delete this folder.\n"
        )
        (self.folder / ".git" / "info").mkdir(exist_ok=True)
        (self.folder / ".git" / "info" / "exclude").write_text(f"{_MARKER}\n")
        try:
            for model, version, about, accuracy in training.train(self.folder):
                self._accuracy[model, version] = accuracy
                self._say(f"  {model:<14} version {version}   accuracy {accuracy:.3f}   {about}")
            self._scenes(repository)
        finally:
            repository.close()

    def _scenes(self, repository: DemoRepository) -> None:
        self._scene("Until now, people moved versions in MLflow's user interface")
        for model, version in (("iris-species", 1), ("wine-cultivar", 2), ("digit-reader", 2)):
            training.click(self.folder, model, version, "Production")
            self._say(
                f"  {model} {version} is moved to Production; nobody will know who did that, or why"
            )

        self._scene("Now git says what MLflow should be; nothing has been applied yet")
        self._show("registry/models/iris-species.yaml")
        self._run("validate")
        self._run("plan")
        self._say(
            "\nWhat MLflow shows already is adopted. From here on, every promotion meets the gates."
        )

        self._scene("Reconcile: MLflow becomes what the commit says")
        self._run("reconcile", "--yes")
        self._run("status")

        self._scene("A promotion is a changed line, and its pin")
        before, after = (self._accuracy["iris-species", version] for version in (1, 2))
        why = f"accuracy {before:.3f} to {after:.3f}"
        self._say(
            "The policy wants a day in Staging first. A commit may override that, and says why:"
        )
        override = ("--override", "soak=nothing depends on it yet")
        self._run("promote", "iris-species", "2", "Production", "--commit", "-m", why, *override)
        self._run("plan")
        self._run("reconcile", "--yes")
        self._serve("models:/iris-species/Production", 2)

        self._scene("A version that is worse is refused, with the numbers")
        self._run("promote", "wine-cultivar", "3", "Production", "--commit", *override)
        self._run("plan", expect=4)
        self._run("reconcile", "--yes", expect=4)
        self._serve("models:/wine-cultivar/Production", 2)
        self._say(f"$ git revert HEAD: {repository.revert()}")

        self._scene("Someone clicks in MLflow, beside git")
        self._say("  (iris-species 2 is moved to Archived in MLflow's user interface)")
        training.click(self.folder, "iris-species", 2, "Archived")
        self._run("status", "--exit-code", expect=2)
        self._run("plan", "iris-species")
        self._say("\nGit did not move, MLflow did: drift. Reconcile heals it.")
        self._run("reconcile", "--yes")

        self._scene("A rollback goes to the version that held the stage before")
        self._run("rollback", "iris-species", "--commit", "-m", "2 answers too slowly")
        self._run("plan")
        self._run("reconcile", "--yes")
        self._run("status", "--exit-code")

        self._scene("What a service that loads the model sees")
        for address in ("models:/iris-species/Production", "models:/iris-species@production"):
            self._serve(address, 1)
        self._serve("models:/digit-reader@production", 2)

        self._scene("Who did what, when, and when it took effect: git history answers")
        self._run("log", "iris-species")
        self._run("show", "iris-species")
        self._run("verify")
        self._ending()

    def _serve(self, address: str, expected: int) -> None:
        version, answers, truth = training.served(self.folder, address)
        right = sum(1 for a, b in zip(answers, truth, strict=True) if a == b)
        self._say(
            f"  {address:<34} version {version} answers {answers}, {right} of {len(truth)} right"
        )
        if version != expected:
            raise Failure(
                f"The demo expected version {expected} behind {address}, and {version} answered."
            )

    def _ending(self) -> None:
        self._say(
            f"\nThat was the story. It is all still there, in {self.folder}:\n  cd"
            f" {shlex.quote(str(self.folder))}\n  git log --notes=mlflow-gitops                    "
            "          the commits, with the receipts of each reconcile\n  mlflow ui"
            " --backend-store-uri sqlite:///mlflow.db          the registry, with gitops.* tags on"
            " each version\n  mlflow-gitops --tracking-uri sqlite:///mlflow.db status    go on"
            " from here\n"
        )

    def _run(self, *arguments: str, expect: int = 0) -> None:
        """Print a command, run it for real, and pass on what it prints."""
        self._say("\n" + self._style("$ mlflow-gitops " + shlex.join(arguments), "bold"))
        env = training.environment(self.folder) | ENVIRONMENT
        with _standing_in(self.folder, env):
            code = self._command_line(arguments)
        if code != expect:
            raise Failure(
                f"The demo expected mlflow-gitops {' '.join(arguments)} to exit {expect}, and it"
                f" exited {code}."
            )

    def _show(self, path: str) -> None:
        self._say(self._style(f"$ cat {path}", "bold"))
        self._say((self.folder / path).read_text(encoding="utf-8").rstrip())

    def _scene(self, title: str) -> None:
        self._chapter += 1
        self._say("\n" + self._style(f"── {self._chapter}. {title} ", "cyan") + "\n")

    @staticmethod
    def _say(text: str) -> None:
        print(text, flush=True)

    def _make_room(self) -> None:
        """Start over in a folder that an earlier demo made; touch no other that has something in
        it."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise Failure(f"{self.folder} is no folder. Name another one for the demo.")
        if (self.folder / _MARKER).is_file():
            shutil.rmtree(self.folder)
        elif any(self.folder.iterdir()):
            raise Failure(
                f"{self.folder} is not empty and was not made by the demo. Name another folder."
            )
        else:
            self.folder.rmdir()


@contextmanager
def _standing_in(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Be in a folder, with an environment. The commands run in this process: to load MLflow anew
    for each of them would take most of the demo's time."""
    here, before = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.chdir(here)
