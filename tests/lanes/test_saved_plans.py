"""Saved plans: one that was made for a pull request holds for its merge, and for nothing else
(RULES R4)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import Team


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


def proposed(team: Team, shelf: LaneRegistry) -> tuple[str, str]:
    """Two reconciled models, and a pull request that promotes a version of the first."""
    changed, other = shelf.model(2, "changed"), shelf.model(1, "other")
    team.commit(**{changed: "stages: {Production: 1}\n", other: "stages: {Production: 1}\n"})
    team.reconcile()
    team.git("checkout", "-q", "-b", "feature")
    team.commit("On the way", **{changed: "stages: {Production: 1, Staging: 2}\n"})
    team.commit("Promote", **{changed: "stages: {Production: 2}\n"})
    return changed, other


MERGES = {
    "squash": [["merge", "-q", "--squash", "feature"], ["commit", "-q", "-m", "Promote (#1)"]],
    "merge": [["merge", "-q", "--no-ff", "-m", "Merge pull request #1 from a/feature", "feature"]],
    "rebase": [["merge", "-q", "--ff-only", "feature"]],
}


@pytest.mark.parametrize("onto", [[], ["--onto", "main"]], ids=["of the branch", "onto main"])
@pytest.mark.parametrize("way", MERGES)
def test_of_a_pull_request(
    team: Team, shelf: LaneRegistry, file: Path, way: str, onto: list[str]
) -> None:
    changed, other = proposed(team, shelf)
    assert team.run("--main", "main", "plan", *onto, "--out", str(file)).code == 0
    team.git("checkout", "-q", "main")
    early = team.run("--main", "main", "reconcile", "--plan", str(file), "--yes")
    assert early.code == 4 and "the manifests or the policy changed" in early.err, (
        "it is not merged yet"
    )
    for command in MERGES[way]:
        team.git(*command)
    ran = team.run("--main", "main", "reconcile", "--plan", str(file), "--yes", "--format", "json")
    assert ran.code == 0, ran.err
    assert shelf.stages(changed) == {1: "Archived", 2: "Production"}
    assert shelf.tags(changed)["gitops.commit"] == team.git("rev-parse", "HEAD")
    assert [model["model"] for model in ran.json["models"]] == (
        [changed] if onto else sorted([changed, other])
    )


def test_of_a_merge_that_another_came_before(team: Team, shelf: LaneRegistry, file: Path) -> None:
    _, other = proposed(team, shelf)
    assert team.run("--main", "main", "plan", "--onto", "main", "--out", str(file)).code == 0
    team.git("checkout", "-q", "main")
    team.commit(**{other: "stages: {Production: 1, Staging: null}\n"})
    team.git("merge", "-q", "--no-ff", "-m", "Merge", "feature")
    ran = team.run("reconcile", "--plan", str(file), "--yes")
    assert (
        ran.code == 4
        and "the manifests or the policy changed since it was made. Plan again." in ran.err
    )


def test_of_a_merge_that_changes_no_model(team: Team, shelf: LaneRegistry, file: Path) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("checkout", "-q", "-b", "feature")
    (team.folder / "README.md").write_text("Words.\n")
    team.commit("Words")
    assert team.run("--main", "main", "plan", "--onto", "main", "--out", str(file)).code == 0
    team.git("checkout", "-q", "main")
    team.git("merge", "-q", "feature")
    ran = team.run("reconcile", "--plan", str(file), "--yes", "--format", "json")
    assert ran.code == 0 and "changes no model" in ran.err and ran.json["models"] == []
    assert shelf.stages(name) == {1: "None"}, "what the plan did not say is not done"


def test_the_limit_counts_what_it_counted_when_it_was_planned(
    team: Team, shelf: LaneRegistry, file: Path
) -> None:
    names = [shelf.model(2, f"many{i}") for i in range(6)]
    team.write("policy.yaml", POLICY + "limits: {changed_models: {percent: 50, floor: 0}}\n")
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    team.reconcile("--max-changes", "6")
    team.git("checkout", "-q", "-b", "feature")
    team.commit(**{name: "stages: {Production: 2}\n" for name in names[:3]})
    assert team.run("--main", "main", "plan", "--onto", "main", "--out", str(file)).code == 0
    team.git("checkout", "-q", "main")
    team.git("merge", "-q", "feature")
    assert team.run("reconcile", "--plan", str(file), "--yes").code == 0


def test_it_holds_no_password_and_is_bound_to_the_registry(
    team: Team, shelf: LaneRegistry, file: Path, tmp_path: Path
) -> None:
    team.commit(**{shelf.model(1): "stages: {Production: 1}\n"})
    assert team.run("plan", "--out", str(file)).code == 0
    copy = tmp_path / "copy.db"
    copy.write_bytes(Path(team.uri.removeprefix("sqlite:///")).read_bytes())
    ran = team.run("reconcile", "--plan", str(file), "--yes", uri=f"sqlite:///{copy}")
    assert ran.code == 4 and "the registry's address changed" in ran.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it is not JSON"),
        ("[]", "is not a plan of this version"),
        ('{"schema": 1}', "is not a plan of this version"),
        ("[" * 100_000, "it is not JSON"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_plan(team: Team, file: Path, content: str | None, words: str) -> None:
    team.commit(m="stages: {}\n")
    if content is not None:
        file.write_text(content)
    ran = team.run("reconcile", "--plan", str(file), "--yes")
    assert ran.code == 1 and words in ran.err


def test_a_freeze_that_began_since_speaks_for_itself(
    team: Team, shelf: LaneRegistry, file: Path
) -> None:
    name = shelf.model(1)
    team.write("policy.yaml", POLICY + "freeze: {reason: year-end, until: '2999-01-02'}\n")
    team.commit(**{name: "stages: {Production: 1}\n"})
    assert team.run("plan", "--out", str(file)).code == 0
    assert json.loads(file.read_text())["fingerprint"].startswith("sha256:")
    ran = team.run("reconcile", "--plan", str(file), "--yes")
    assert ran.code == 4 and "[frozen]" in ran.out
