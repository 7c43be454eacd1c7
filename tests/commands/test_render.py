"""`render`: one file for each model and stage, from git alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.team import Team

DIGEST = "sha256:" + "ab" * 32
NOWHERE = "http://127.0.0.1:9"
"""Nothing answers there: what asks MLflow fails."""

POLICY = "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"
TEXT = "{{ model }} {{ stage }} {{ version }}\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", NOWHERE)
    made.write("policy.yaml", POLICY)
    made.commit(
        "First",
        churn="stages: {Production: 3, Archived: 1}\n",
        fraud="stages: {Production: 1, Staging: 2}\naliases: {champion: 1}\n",
        words="kind: prompt\nstages: {Production: 1}\n",
    )
    (tmp_path / "x.txt.j2").write_text(TEXT)
    return made


def render(team: Team, *options: str, text: str | None = None) -> tuple[int, dict[str, str]]:
    """Run it; its exit code and the files of the folder."""
    template, target = team.folder.parent / "x.txt.j2", team.folder.parent / "out"
    if text is not None:
        template.write_text(text)
    code = team.run("render", str(template), "--to", str(target), *options).code
    files = sorted(target.iterdir()) if target.is_dir() else []
    return code, {file.name: file.read_text() for file in files}


def test_each_model_and_stage_has_a_file(team: Team) -> None:
    assert render(team) == (
        0,
        {
            "churn-production.txt": "churn Production 3\n",
            "fraud-production.txt": "fraud Production 1\n",
            "fraud-staging.txt": "fraud Staging 2\n",
        },
    )


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("fraud",), ["fraud-production.txt", "fraud-staging.txt"]),
        (("--stage", "Staging"), ["fraud-staging.txt"]),
        (("--stage", "Archived"), ["churn-archived.txt"]),
        (("--stage", "@champion", "--name", "{{ model }}.txt"), ["fraud.txt"]),
        (("words",), ["words-production.txt"]),
    ],
)
def test_some_of_them(team: Team, options: tuple[str, ...], names: list[str]) -> None:
    code, files = render(team, *options)
    assert code == 0 and sorted(files) == names


@pytest.mark.parametrize(
    ("options", "text", "code", "message"),
    [
        (("--stage", "Prod"), TEXT, 64, "No model has a stage 'Prod'"),
        (("fruad",), TEXT, 1, "fruad has no manifest on the main line"),
        (("--name", "one"), TEXT, 1, "would both be one"),
        (("--name", "../{{ model }}"), TEXT, 64, "no name of a file"),
        ((), "{{ digest }}", 1, "Pin it: mlflow-gitops pin churn 3"),
        ((), "{% if %}", 1, "x.txt.j2:1: "),
    ],
)
def test_an_error_writes_nothing(
    team: Team, options: tuple[str, ...], text: str, code: int, message: str
) -> None:
    template = team.folder.parent / "x.txt.j2"
    template.write_text(text)
    target = team.folder.parent / "out"
    ran = team.run("render", str(template), "--to", str(target), *options)
    assert ran.code == code and message in ran.err, ran.err
    assert not target.exists()


def test_only_what_differs_is_written_and_check_writes_nothing(team: Team) -> None:
    assert render(team, "--check") == (2, {})
    render(team)
    target = team.folder.parent / "out"
    times = {file.name: file.stat().st_mtime_ns for file in target.iterdir()}
    team.commit("Promote", fraud="stages: {Production: 2}\n")
    code, files = render(team, "--check")
    assert code == 2 and files["fraud-production.txt"] == "fraud Production 1\n"
    _, files = render(team)
    assert files["fraud-production.txt"] == "fraud Production 2\n"
    new_times = {file.name: file.stat().st_mtime_ns for file in target.iterdir()}
    assert [name for name in times if new_times[name] != times[name]] == ["fraud-production.txt"]


def test_files_of_models_that_left_are_reported_and_deleted_only_with_prune(team: Team) -> None:
    render(team)
    (team.folder.parent / "out" / "kustomization.yaml").write_text("mine")
    (team.folder / "registry/models/churn.yaml").unlink()
    team.commit("No churn", fraud="stages: {Production: 1, Staging: null}\n")

    template, target = team.folder.parent / "x.txt.j2", team.folder.parent / "out"
    ran = team.run("render", str(template), "--to", str(target), "--format", "json")
    assert ran.code == 0
    assert [entry["file"] for entry in ran.json["left"]] == [
        "churn-production.txt",
        "fraud-staging.txt",
    ]
    assert "churn-production.txt is left as it is: no version of churn holds Production" in ran.err
    assert render(team, "--check")[0] == 2

    code, files = render(team, "--prune")
    assert code == 0 and sorted(files) == ["fraud-production.txt", "kustomization.yaml"]
    assert render(team, "--check")[0] == 0


def test_a_link_is_not_written_through(team: Team) -> None:
    target = team.folder.parent / "out"
    target.mkdir()
    (target / "churn-production.txt").symlink_to(team.folder / "registry" / "policy.yaml")
    assert render(team)[0] == 1
    assert (team.folder / "registry" / "policy.yaml").read_text() == POLICY


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ 'a' * 10**10 }}", "too much memory"),
        ("{{ '%4000000000d' | format(version) }}", "too much memory"),
        ("{{ 2**9999999 }}", "a power is too large"),
        ("{{ version * 9**(9**5) }}", "a power is too large"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "recursion depth"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion depth"),
    ],
)
def test_a_template_that_has_no_end_is_an_error(team: Team, text: str, reason: str) -> None:
    (team.folder.parent / "x.txt.j2").write_text(text)
    ran = team.run("render", str(team.folder.parent / "x.txt.j2"), "--to", str(team.folder / "out"))
    assert ran.code == 1 and reason in ran.err
    assert not (team.folder / "out").exists()
    assert render(team, text="{{ 2**3 }} {{ 2.5**2 }} {{ version * 2 }}")[0] == 0
