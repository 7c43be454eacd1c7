"""What a shell may offer: from the working tree as it is, whatever is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlflow_gitops.cli import candidates
from mlflow_gitops.settings import Settings
from tests.support.team import Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Canary: {alias: canary, native: false}
models:
  - {match: "fraud*", stages: {Canary: null, Shadow: {alias: shadow, native: false}}}
"""
DETECTOR = """\
name: fraud detector
stages: {Production: 12, Staging: [13, 14], Archived: null}
aliases: {champion: 12, shadow-of: 9}
versions: {2: {run_id: abc}, 12: {run_id: def}}
"""


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path / "repo", "http://127.0.0.1:9")
    team.write("policy.yaml", POLICY)
    team.write("models/risk/fraud detector.yaml", DETECTOR)
    team.write("models/churn.yaml", "name: churn\nstages: {Production: 1}\n")
    return team


@pytest.fixture
def settings(team: Team) -> Settings:
    return Settings(repo=team.folder)


def test_models_are_those_with_a_manifest(team: Team, settings: Settings) -> None:
    team.write("models/grüße.yaml", "not: [even: a manifest")
    team.write("models/README.md", "nothing")
    assert [word for word, _ in candidates.models(settings)] == ["churn", "fraud detector", "grüße"]


def test_versions_are_those_that_the_manifest_names(settings: Settings) -> None:
    assert candidates.versions(settings, "fraud detector") == [
        ("14", "Staging"), ("13", "Staging"), ("12", "Production champion"), ("9", "shadow-of"),
        ("2", ""),
    ]  # fmt: skip
    assert candidates.versions(settings, "nobody") == []


def test_stages_are_those_of_the_models_policy(settings: Settings) -> None:
    assert dict(candidates.stages(settings, "fraud detector")) == {
        "Production": "12", "Staging": "13 14", "Shadow": "", "Archived": "",
    }  # fmt: skip
    assert {word for word, _ in candidates.stages(settings, None)} == {
        "Production",
        "Staging",
        "Canary",
        "Archived",
    }
    assert dict(candidates.stages(settings, "churn"))["Production"] == "1"


def test_holders_are_versions_and_what_stands_for_one(settings: Settings) -> None:
    offers = candidates.holders(settings, "fraud detector")
    assert offers[:3] == [
        ("Production", "12"),
        ("champion", "12"),
        ("shadow-of", "9"),
    ], "Staging holds two"
    assert offers[3:] == candidates.versions(settings, "fraud detector")


def test_overrides_are_those_that_the_policy_allows(team: Team, settings: Settings) -> None:
    team.write("policy.yaml", "overrides: [soak, metrics]\n")
    assert candidates.overrides(settings, None) == [("metrics=", ""), ("soak=", "")]


def test_what_cannot_be_read_offers_less(team: Team, settings: Settings) -> None:
    team.write("policy.yaml", "stages: [")
    team.write("models/churn.yaml", "stages: {")
    assert {word for word, _ in candidates.stages(settings, "churn")} == {
        "Production",
        "Staging",
        "Archived",
    }
    assert candidates.versions(settings, "churn") == candidates.holders(settings, "churn") == []


def test_environments_each_have_their_own(team: Team, settings: Settings) -> None:
    assert candidates.environments(settings) == []
    team.write(
        "environments.yaml",
        "dev: {tracking_uri: 'http://dev'}\nprod: {tracking_uri: 'http://prod', policy:"
        " policy.yaml}\n",
    )
    team.write("prod/models/score.yaml", "name: score\nstages: {Canary: 5}\n")
    assert [word for word, _ in candidates.environments(settings)] == ["dev", "prod"]
    prod = replace(settings, environment="prod")
    assert candidates.models(prod) == [("score", "")]
    assert candidates.versions(prod, "score") == [("5", "Canary")]
    assert ("Canary", "5") in candidates.stages(prod, "score"), "by the policy that they share"


@pytest.mark.parametrize(
    "stem",
    [
        "a$(touch x)",
        "a`b`",
        "a;b",
        "a b'c",
        'a"b',
        "a%5C%24(touch x)",
        "-rf",
        "%2Ehidden",
        "a  b",
        "a%0Ab",
        "*",
        "a|b",
        "~",
    ],
)
def test_a_name_that_means_something_to_a_shell_is_not_offered(
    team: Team, settings: Settings, stem: str
) -> None:
    """Typer's script for zsh evaluates what it is offers: such a name would run as a command at a
    press of Tab."""
    team.write(f"models/{stem}.yaml", "name: a\nstages: {}\n")
    assert [word for word, _ in candidates.models(settings)] == ["churn", "fraud detector"]


def test_nor_is_a_remark(team: Team, settings: Settings) -> None:
    team.write("models/churn.yaml", 'name: churn\nstages: {"a$(touch x)": 3, Production: 1}\n')
    assert candidates.versions(settings, "churn") == [("3", ""), ("1", "Production")]
