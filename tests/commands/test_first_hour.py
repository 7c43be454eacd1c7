"""The first page followed word by word in a new repository with a new remote: from the clone to the
first green plan in five commands. `init` and `import` name the same commands in the same order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.installation import Requirement, install_command_of, requirement_of
from tests.support.console.shell import Shell
from tests.support.project.pages import blocks

SECTION = "Use it on your own registry"


def lines_of_the_page() -> list[str]:
    """The commands of the block, from `init` on."""
    [block] = [block for block in blocks("README.md") if block.heading == SECTION]
    commands = [re.split(r"\s{2,}#", line)[0].strip() for line in block.lines]
    return commands[commands.index("mlflow-gitops init") :]


def next_lines(printed: str) -> list[str]:
    """The commands below `Next:`."""
    lines = printed.partition("Next:\n")[2].splitlines()
    return [re.split(r"\s+#", line)[0].strip() for line in lines if line.startswith("  ")]


def kind(command: str) -> str:
    """What a command does, whatever its paths and messages are."""
    return " && ".join(" ".join(part.split()[:2]) for part in command.split(" && "))


@pytest.fixture
def shell(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Shell:
    """A registry with a model, and an empty remote."""
    from mlflow import MlflowClient

    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri, uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", "s3://models/churn/1", await_creation_for=0)
    client.transition_model_version_stage("churn", "1", "Production")
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "remote.git")], check=True)
    return Shell(tmp_path, {"MLFLOW_TRACKING_URI": uri})


def test_five_commands_to_a_green_plan(shell: Shell) -> None:
    commands = lines_of_the_page()
    first_hour = ["git clone -q remote.git your-repository", *commands[:4]]
    assert commands[3] == "mlflow-gitops plan" and len(first_hour) == 5
    printed = {}
    for number, command in enumerate(first_hour):
        ran = shell.run(command)
        assert ran.code == 0, f"{command}\n{ran.out}{ran.err}"
        printed[command] = ran
        if number == 0:
            shell.run("cd your-repository")
    assert "nothing to change" in printed["mlflow-gitops plan"].out

    after_init = next_lines(printed["mlflow-gitops init"].err)
    after_import = next_lines(printed["mlflow-gitops import"].err)
    assert list(map(kind, after_init)) == list(map(kind, commands[1:]))
    assert list(map(kind, after_import)) == list(map(kind, commands[2:]))
    assert after_init[1:] == after_import

    for command in commands[4:]:
        ran = shell.run(command.replace("reconcile", "reconcile --yes"))
        assert ran.code == (1 if command.endswith("doctor") else 0), ran.out + ran.err
    assert shell.run("mlflow-gitops status --exit-code").code == 0


@pytest.mark.parametrize("flags", ["", "--no-github", "--aliases"])
def test_what_init_names_works_as_it_stands(shell: Shell, flags: str) -> None:
    shell.run("git clone -q remote.git your-repository && cd your-repository")
    printed = shell.run(f"mlflow-gitops --registry-dir ml/registry init {flags}").err
    for command in next_lines(printed):
        ran = shell.run(command.replace("reconcile", "reconcile --yes"))
        is_missing = command.endswith("doctor") and flags != "--no-github"
        assert ran.code == int(is_missing), f"{command}\n{ran.out}{ran.err}"
    assert shell.run("mlflow-gitops status --exit-code").code == 0


BY_NAME = "mlflow-gitops==1.2.3"
GIT = {"vcs_info": {"vcs": "git", "commit_id": "0123abc"}}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, BY_NAME),
        (
            {"url": "https://git.example/tool", **GIT},
            "mlflow-gitops @ git+https://git.example/tool@0123abc",
        ),
        (
            {"url": "ssh://git@git.example/tool", **GIT},
            "mlflow-gitops @ git+ssh://git@git.example/tool@0123abc",
        ),
        (
            {"url": "https://files.example/m.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "mlflow-gitops @ https://files.example/m.whl#sha256=ab",
        ),
        (
            {"url": "https://files.example/m.whl", "archive_info": {}},
            "mlflow-gitops @ https://files.example/m.whl",
        ),
    ],
)
def test_workflows_install_what_was_installed(source: dict[str, object], expected: str) -> None:
    assert requirement_of(source, "1.2.3") == Requirement(expected)


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ({"url": "file:///srv/tool", "dir_info": {"editable": True}}, "a folder or file"),
        ({"url": "file:///srv/m.whl", "archive_info": {}}, "a folder or file"),
        ({"url": "https://me:secret@git.example/tool", **GIT}, "an address with credentials"),
    ],
)
def test_what_workflows_cannot_install_is_said(source: dict[str, object], origin: str) -> None:
    text, fault = requirement_of(source, "1.2.3")
    assert text == BY_NAME and origin in fault and "--requirement" in fault
    assert "secret" not in fault


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, "'mlflow-gitops[sql]==1.2.3'"),
        (
            {"url": "https://git.example/tool", **GIT},
            "'mlflow-gitops[sql] @ git+https://git.example/tool@0123abc'",
        ),
        (
            {"url": "https://me:secret@git.example/tool", **GIT},
            "'mlflow-gitops[sql] @ git+https://git.example/tool@0123abc'",
        ),
        (
            {"url": "https://files.example/m.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "'mlflow-gitops[sql] @ https://files.example/m.whl#sha256=ab'",
        ),
        ({"url": "file:///srv/m.whl", "archive_info": {}}, "'/srv/m.whl[sql]'"),
        ({"url": "file:///srv/a%20tool", "dir_info": {}}, "'/srv/a tool[sql]'"),
        ({"url": "file:///srv/t", "dir_info": {"editable": True}}, "--editable '/srv/t[sql]'"),
    ],
)
def test_an_extra_is_installed_from_where_this_copy_came(
    source: dict[str, object] | None, expected: str
) -> None:
    assert install_command_of(source, "1.2.3", "sql") == f"pip install {expected}"
