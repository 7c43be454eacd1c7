"""registry/codes.md explains every code that the program can print, and no other; its examples are
right, and its commands exist."""

from __future__ import annotations

import pytest
import yaml

from mlflow_gitops.core.explanations import Explanation, read_explanations
from mlflow_gitops.core.manifests.environments import read_environments
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.notifying.settings import read_notify
from tests.support.console.arguments import understood
from tests.support.project.codes import printed_codes
from tests.support.project.pages import Block, blocks, text_of

PAGE = "registry/codes.md"


def explained() -> list[Explanation]:
    return read_explanations(text_of(PAGE))


def test_each_code_is_explained_and_no_other() -> None:
    """One test for all kinds: to read the package takes seconds."""
    codes = printed_codes()
    for kind in ("file", "refusal", "error", "gate", "finding"):
        on_page = [entry.code for entry in explained() if entry.kind == kind]
        assert sorted(on_page) == sorted(codes[kind]), kind

    checks = [entry.title for entry in explained() if entry.kind == "check"]
    assert sorted(checks) == sorted(codes["check"])


@pytest.mark.parametrize("kind", ["file", "refusal"])
def test_each_code_of_a_file_or_refusal_has_an_example(kind: str) -> None:
    assert [entry.code for entry in explained() if entry.kind == kind and not entry.example] == []


def is_right(text: str) -> bool:
    """Whether a manifest, a policy, a list of environments or `notify.yaml` may have these."""
    fields = yaml.safe_load(text)
    fields = {"name": "fraud-detector", "stages": {}} | fields
    if "kind" in fields:
        fields["name"] = "greeting"
    manifest = yaml.safe_dump(fields).encode()
    _, document = read_manifest(manifest, f"registry/models/{fields['name']}.yaml")
    _, of_policy = read_policy(text.encode(), "registry/policy.yaml")
    _, of_list = read_environments(text.encode(), "registry")
    _, of_notify = read_notify(text.encode(), "registry/notify.yaml")
    return not (document.problems and of_policy and of_list and of_notify)


@pytest.mark.parametrize(
    "block", [block for block in blocks(PAGE) if block.language == "yaml"], ids=lambda b: b.heading
)
def test_each_example_is_right(block: Block) -> None:
    assert is_right(block.text)


def test_what_is_not_right_would_be_noticed() -> None:
    assert not is_right("stages: {Production: {soak: one day}}")
    assert not is_right("stages: {Production: three}")


COMMANDS = [
    command
    for block in blocks(PAGE)
    if block.language == "sh"
    for line in block.lines
    for command in line.split(" && ")
    if command.startswith("mlflow-gitops ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_that_there_is(command: str) -> None:
    understood(command)
