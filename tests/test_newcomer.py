"""A newcomer's hour: a server that others filled, and the first page followed line by line.

The commands are taken from README.md, "Use it on your own registry", so that a line there that does
not work fails here. What a newcomer fills in stands in one place: the server's address, the
repository's folder, a model of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.shell import Shell
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.project.pages import blocks, text_of
from tests.support.registries.documented import train_and_register
from tests.support.servers import mlflow_server
from tests.support.team import Ran, Team

pytestmark = pytest.mark.real  # a server and models that are trained: a tenth of a minute
MODEL = "sk-learn-ridge-reg-model"
SECTION = "Use it on your own registry"


@pytest.fixture
def server(
    tmp_path: Path, blank_registry: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A server of its own, since all that it has is imported, filled by code that knows nothing of
    this tool."""
    import mlflow

    folder = tmp_path / "server"
    folder.mkdir()
    # What a flavour writes into requirements.txt is found out by loading the model in another
    # process, which takes seconds.
    monkeypatch.setattr(
        mlflow.models, "infer_pip_requirements", lambda *_, fallback=None, **__: fallback or []
    )
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    with mlflow_server(folder, blank_registry(folder / "mlflow.db")) as address:
        mlflow.set_tracking_uri(address)
        train_and_register(address, "s3://models")
        yield address
    mlflow.sklearn.autolog(disable=True)
    mlflow.set_tracking_uri(before)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHubAPI]:
    """The team's repository on GitHub, with two people who may write."""
    repository = Repository(tmp_path / "hub")
    repository.user("ada", "write", mails=("a@example.org",))
    repository.user("grace", "write", mails=("grace@example.org",))
    with GitHubAPI(repository).serving() as api:
        yield api


def lines() -> list[str]:
    [block] = [block for block in blocks("README.md") if block.heading == SECTION]
    return block.lines


def later(command: str) -> str:
    """A command of the sentence below the block, with a model of the newcomer's own."""
    [sentence] = re.findall(r"^From then on: (.*?)\n\n", text_of("README.md"), re.M | re.S)
    [found] = [
        one for one in re.findall(r"`([^`]+)`", sentence) if re.search(rf"\b{command}\b", one)
    ]
    line = found if found.startswith("mlflow-gitops ") else f"mlflow-gitops {found}"
    return line.replace("fraud-detector 14 ", f"{MODEL} 2 ").replace("fraud-detector", MODEL)


def loaded(address: str) -> str:
    """The model that `models:/…/Production` serves."""
    import mlflow

    mlflow.set_tracking_uri(address)
    return str(mlflow.pyfunc.load_model(f"models:/{MODEL}/Production").metadata.model_id)


@pytest.mark.filterwarnings("ignore:`y_pred` was renamed:FutureWarning")
def test_the_first_page_followed(server: str, hub: GitHubAPI, tmp_path: Path) -> None:
    # A repository as people have one: cloned, with something in it.
    seed = Team(tmp_path / "seed", "unused")
    (seed.folder / "README.md").write_text("# Our models\n")
    seed.commit("Begin")
    seed.git("push", "-q", str(hub.repository.path), "main")
    seed.git("clone", "-q", str(hub.repository.path), str(tmp_path / "your-repository"))
    shell = Shell(tmp_path, hub.environment(hub.token("ada")), answers="y\n@acme/ml-platform\n\n")
    done: dict[str, Ran] = {}
    for line in lines():
        command = line.partition("#")[0].strip()
        if command.startswith("pip install "):
            continue  # the one line that is done already; tests/packaging/ installs a wheel
        if command == "mlflow-gitops reconcile":
            shell.answers = "y\n"
        done[command] = shell.run(command.replace("http://mlflow.example:5000", server))
        expected = (
            1 if command.endswith("doctor") else 0
        )  # this GitHub protects nothing yet, and doctor says so
        assert done[command].code == expected, f"{line}\n{done[command].out}{done[command].err}"
    planned = done["mlflow-gitops plan"].out
    assert (
        "refused" not in planned
        and "→" not in re.sub("alias|from → to", "", planned).partition("Plan")[0]
    )
    assert shell.run("mlflow-gitops plan --detailed-exitcode").code == 0, (
        "nothing is left to change"
    )
    assert shell.run("mlflow-gitops status --exit-code").code == 0
    first = loaded(server)

    # The first promotion: a pull request, its plan, somebody else's approval, the merge, what the
    # push workflow runs.
    shell.answers = None
    promoted = through_a_pull_request(shell, hub, later("promote"))
    assert "1 → 2" in promoted and loaded(server) != first
    assert "1 → 2" in shell.run(f"mlflow-gitops log {MODEL} --stage Production").out

    # And back.
    assert (
        "2 → 1" in through_a_pull_request(shell, hub, later("rollback")) and loaded(server) == first
    )
    assert shell.run("mlflow-gitops verify").code == 0


def through_a_pull_request(shell: Shell, hub: GitHubAPI, command: str) -> str:
    """What the plan said on the pull request; it is merged and reconciled afterwards."""
    known = {pull.number for pull in hub.repository.pulls()}
    ran = shell.run(command)
    assert ran.code == 0, ran.err
    [pull] = [pull for pull in hub.repository.pulls() if pull.number not in known]
    commands: list[tuple[str, Any]] = [
        ("git switch -q main", None),
        (f"mlflow-gitops github plan {pull.head}", None),
        (
            "git pull -q",
            lambda: (
                hub.repository.review(pull.number, "grace"),
                hub.repository.merge(pull.number, by="grace"),
            ),
        ),
        ("mlflow-gitops reconcile --yes --push-receipts", None),
    ]
    for line, before in commands:
        if before is not None:
            before()
        ran = shell.run(line)
        assert ran.code == 0, f"{line}\n{ran.out}{ran.err}"
    [comment] = hub.repository.pull(pull.number).comments
    assert hub.repository.status(pull.head, "mlflow-gitops/plan") == "success"
    return str(comment.body)
