"""The list of environments: what it says, what is wrong with it, and the folders that it makes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.environments import Environment, policy_changes, read_environments
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import SourceFile, build

EXAMPLE = Path(__file__).parents[1] / "examples" / "environments.yaml"
POLICY = b"stages: {Production: {alias: live}}\n"
MODEL = b"name: m\nstages: {Production: 1}\n"


def test_an_environment_is_a_folder_and_an_mlflow() -> None:
    known, problems = read_environments(EXAMPLE.read_bytes(), "registry")
    assert problems == [] and known is not None
    assert list(known) == ["dev", "staging", "prod"]
    assert known["prod"] == Environment(
        "prod", RegistryFolder("registry/production", "registry/policy.yaml"),
        "https://mlflow.example", "https://registry.example", "risk",
        "reader", "writer", "checker",
    )  # fmt: skip
    assert [one.folder.policy_path for one in known.values()] == [
        "registry/dev/policy.yaml", "registry/policy.yaml", "registry/policy.yaml",
    ]  # fmt: skip
    assert (known["dev"].read, known["dev"].write) == ("mlflow-read-dev", "mlflow-write-dev")


def test_a_credential_of_another_environment_has_a_variable_of_its_own() -> None:
    assert (
        Environment("eu-west", RegistryFolder("r/e"), "x").variable_name("MLFLOW_TRACKING_TOKEN")
        == "MLFLOW_TRACKING_TOKEN_EU_WEST"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, 1, "empty-file")]),
        ("{}", [(1, 1, "no-environments")]),
        ("[dev]", [(1, 1, "wrong-type")]),
        ("Dev: {tracking_uri: x}", [(1, 1, "bad-value")]),
        ("a--b: {tracking_uri: x}", [(1, 1, "bad-value")]),
        ("a: {}", [(1, 4, "missing-field")]),
        ("a: {tracking_uri: x, url: z}", [(1, 22, "unknown-field")]),
        ("a: {tracking_uri: 'https://u:p@h'}", [(1, 19, "credentials")]),
        ("a: {tracking_uri: 'https://token@h/x'}", [(1, 19, "credentials")]),
        (
            "a: {tracking_uri: x, registry_uri: 'postgresql://h/d?password=x'}",
            [(1, 36, "credentials")],
        ),
        ("a: {tracking_uri: x, folder: ../b}", [(1, 30, "bad-value")]),
        ("a: {tracking_uri: x, folder: /b}", [(1, 30, "bad-value")]),
        ("a: {tracking_uri: x, policy: b/../../c}", [(1, 30, "bad-value")]),
        ("a: {tracking_uri: x, folder: models/a}", [(1, 30, "folder-taken")]),
        ("a: {tracking_uri: x}\nb: {tracking_uri: z, folder: a}", [(2, 30, "folder-taken")]),
        ("a: {tracking_uri: x}\nb: {tracking_uri: z, folder: a/b}", [(2, 30, "folder-taken")]),
        ("a: {tracking_uri: x}\nb: {tracking_uri: x/}", [(2, 1, "same-registry")]),
        ("a: {tracking_uri: x}\nb: {tracking_uri: z, registry_uri: x}", [(2, 1, "same-registry")]),
        ("a: {tracking_uri: x, workspace: w1}\nb: {tracking_uri: x, workspace: w2}", []),
        ("a: {tracking_uri: 'https://h/a@b'}", []),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    text: str, expected: list[tuple[int, int, str]]
) -> None:
    known, problems = read_environments(text.encode(), "registry")
    assert [(problem.line, problem.column, problem.code) for problem in problems] == expected
    assert (known is None) == bool(expected)
    assert all(problem.file == "registry/environments.yaml" for problem in problems)


def test_no_secret_is_repeated_in_the_message() -> None:
    _, [problem] = read_environments(b"a: {tracking_uri: 'https://u:hunter2@h'}", "registry")
    assert "hunter2" not in problem.message


def test_a_shared_policy_belongs_to_the_folder() -> None:
    folder = RegistryFolder("registry/prod", "registry/policy.yaml")
    assert folder.classify("registry/policy.yaml") == "policy"
    assert folder.classify("registry/prod/policy.yaml") == "misplaced"
    assert folder.classify("registry/dev/models/m.yaml") is None
    assert folder.paths_outside == ("registry/policy.yaml",)
    assert RegistryFolder("registry/prod").paths_outside == ()
    files = [
        SourceFile("registry/policy.yaml", POLICY),
        SourceFile("registry/prod/models/m.yaml", MODEL),
    ]
    snapshot = build(files, folder)
    assert snapshot.problems == [] and snapshot.policy.for_model("m").stage_aliases == {
        "live": "Production"
    }


def test_a_shared_policy_that_is_not_there_loosens_nothing() -> None:
    folder = RegistryFolder("registry/prod", "registry/policy.yaml")
    snapshot = build([SourceFile("registry/prod/models/m.yaml", MODEL)], folder)
    assert [(problem.file, problem.code) for problem in snapshot.errors] == [
        ("registry/policy.yaml", "not-a-file")
    ]


def test_a_folder_survives_a_journey_between_processes() -> None:
    folder = pickle.loads(pickle.dumps(RegistryFolder("registry/prod", "registry/policy.yaml")))
    assert (folder.path, folder.policy_path) == ("registry/prod", "registry/policy.yaml")


def test_a_policy_is_whichever_file_the_list_named() -> None:
    own, strict, lax = "r/prod/policy.yaml", "r/strict.yaml", "r/lax.yaml"
    changes = [
        (0, own, "a"),
        (2, strict, "b"),
        (3, strict, "c"),
        (4, lax, "d"),
        (5, own, None),
        (7, strict, None),
    ]
    named = [(1, own), (3, strict), (5, None), (6, lax)]
    assert policy_changes(lax, named, changes) == [
        (1, "a"),
        (3, "c"),
        (6, "d"),
    ], "what is not named is not the policy"
    assert policy_changes(own, named[:1], changes[:1]) == [(0, "a")], (
        "before the list, it is the one that is named today"
    )
    assert policy_changes(lax, [(0, strict)], [(0, strict, "a"), (1, strict, None)]) == [
        (0, "a"),
        (1, None),
    ]
    assert policy_changes(lax, [(0, strict), (1, lax)], [(0, strict, "a"), (0, lax, "a")]) == [
        (0, "a")
    ], "the same text"
