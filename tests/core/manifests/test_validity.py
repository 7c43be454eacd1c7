"""Which model an invalid file belongs to, and what errors of the policy stop."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build

REGISTRY = RegistryFolder("registry")
VALID = b"name: well\nstages: {Production: 1}\n"


def snapshot(**texts: str | bytes | None) -> Snapshot:
    """A registry folder of a valid manifest and these files, by path below the folder with `__` for
    a slash and `_yaml` for the ending."""
    sources = [SourceFile("registry/models/well.yaml", VALID)]
    for name, text in texts.items():
        path = "registry/" + name.replace("__", "/").replace("_yaml", ".yaml").replace(
            "_yml", ".yml"
        )
        data = text.encode() if isinstance(text, str) else text
        sources.append(SourceFile(path, data, None if data is not None else "is a symbolic link"))
    return build(sources, REGISTRY)


@pytest.mark.parametrize(
    ("path", "text", "models"),
    [
        ("models__ill_yaml", "stages: [\n", ["ill"]),
        ("models__team__ill_yaml", b"\xff\xfe", ["ill"]),
        ("models__ill_yaml", "name: ill\nstages: {Produktion: 1}\n", ["ill"]),
        ("models__ill_yaml", "name: other\nstages: {}\n", ["ill", "other"]),
        ("models__ill_yaml", "name: ''\nstages: {}\n", ["ill"]),
        ("models__ill_yml", "name: ill\nstages: {}\n", ["ill"]),
        ("models__ill_yaml", None, ["ill"]),
        ("models__copy__well_yaml", "name: well\nstages: {}\n", ["well"]),
        ("models__WELL_yaml", "name: WELL\nstages: {}\n", ["WELL", "well"]),
    ],
)
def test_an_error_concerns_the_models_of_its_file(
    path: str, text: str | bytes | None, models: list[str]
) -> None:
    found = snapshot(**{path: text})
    assert sorted(found.validity.models) == models and not found.validity.policy
    assert not found.manifests.keys() & set(models)
    assert found.validity.errors == tuple(found.errors)


@pytest.mark.parametrize("path", ["models__team", "models__some__folder", "models__team_d"])
def test_a_link_concerns_no_model(path: str) -> None:
    found = snapshot(**{path: None})
    assert not found.validity.models and len(found.validity.others) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("policy_yaml", "stages: [\n"),
        ("policy_yaml", "drift: perhaps\n"),
        ("policy_yaml", None),
        ("policy_yml", "drift: heal\n"),
    ],
)
def test_an_invalid_policy_makes_no_model_invalid(path: str, text: str | None) -> None:
    found = snapshot(**{path: text})
    assert found.validity.policy and not found.validity.models
    assert "well" in found.manifests


def test_exceptions_that_clash_concern_the_models_that_match_all_of_them() -> None:
    policy = (
        "stages: {Canary: {alias: canary, native: false}}\n"
        "models:\n"
        "- {match: 'w*', stages: {Canary: {alias: one}}}\n"
        "- {match: '*l', stages: {Production: {alias: one}}}\n"
    )
    found = snapshot(policy_yaml=policy, models__west_yaml="name: west\nstages: {}\n")
    assert list(found.validity.models) == ["well"] and not found.validity.policy


def test_the_part_for_some_models_has_the_policy_too() -> None:
    found = snapshot(
        policy_yaml="stages: [\n", models__a_yaml="[\n", models__b_yaml="[\n", models__team=None
    )
    part = found.validity.of(["a", "well"])
    assert list(part.models) == ["a"] and part.policy and not part.others
