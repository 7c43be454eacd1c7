"""pin, promote and rollback as their users run them: real git, a real registry, and the GitHub of
the tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.core.history.mainline import StatedMessage
from mlflow_gitops.core.verdicts.overrides import Override, overrides
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.receipts import drop_receipts
from tests.support.team import Ran, Team

FILE = "registry/models/risk/fraud.yaml"
MANIFEST = """\
# The card team's.
name: fraud
owners: ["@acme/risk-ml"]   # who answers

stages:
    Production: 1      # what the tills ask
    Staging: 2
aliases: {champion: 1}
"""
POLICY = """\
stages:
  Staging: {alias: staging}
  Canary: {alias: canary, native: false}
  Production: {alias: production}
overrides: [metrics, soak]
models:
  - {match: "batch-*", stages: {Staging: {alias: null}}}
"""


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> tuple[bytes, list[str]]:
    """A registry with four versions of `fraud`, and the runs of these."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("authoring") / "mlflow.db"
    client = MlflowClient(blank_registry(file))
    runs = []
    for name in ("fraud", "batch-scores"):
        client.create_registered_model(name)
        for number in range(1, 5):
            run = client.create_run(client.create_experiment(f"{name}-{number}")).info.run_id
            client.create_model_version(name, f"s3://models/{number}", run, await_creation_for=0)
            runs.append(run)
    return file.read_bytes(), runs


@pytest.fixture
def runs(template: tuple[bytes, list[str]]) -> list[str]:
    """The runs of versions 1 to 4."""
    return template[1]


@pytest.fixture
def team(tmp_path: Path, template: tuple[bytes, list[str]]) -> Team:
    (tmp_path / "mlflow.db").write_bytes(template[0])
    made = Team(tmp_path / "repo", f"sqlite:///{tmp_path / 'mlflow.db'}")
    made.write("policy.yaml", POLICY)
    made.write("models/risk/fraud.yaml", MANIFEST)
    made.commit("First manifests")
    return made


def text(team: Team) -> str:
    return (team.folder / FILE).read_bytes().decode()


def changes(ran: Ran) -> list[str]:
    """The lines that a printed diff takes out and puts in."""
    assert ran.code == 0, ran.err
    return [
        line
        for line in ran.out.splitlines()
        if line[:1] in "+-" and not line.startswith(("+++", "---"))
    ]


def refused(team: Team, *args: str, code: int = 1) -> str:
    """What stderr says of a command that changes nothing."""
    before, head, status = (
        text(team),
        team.git("rev-parse", "HEAD"),
        team.git("status", "--porcelain"),
    )
    ran = team.run(*args)
    assert ran.code == code and (code in (0, 3) or not ran.out), ran.out + ran.err
    assert (text(team), team.git("rev-parse", "HEAD"), team.git("status", "--porcelain")) == (
        before,
        head,
        status,
    )
    return ran.err


# -- promote ---------------------------------------------------------------------------------------


def test_a_promotion_is_a_line_and_a_pin(team: Team, runs: list[str]) -> None:
    ran = team.run("promote", "fraud", "2", "Production")
    assert changes(ran) == [
        "-    Production: 1      # what the tills ask",
        "-    Staging: 2",
        "+    Production: 2      # what the tills ask",
        "+versions:",
        f'+    2: {{run_id: {runs[1]}, source: "s3://models/2"}}',
    ]
    assert (
        text(team)
        == MANIFEST.replace("Production: 1", "Production: 2").replace("    Staging: 2\n", "")
        + f'versions:\n    2: {{run_id: {runs[1]}, source: "s3://models/2"}}\n'
    )
    assert team.run("validate").code == 0
    assert "plan, then commit" in ran.err


def test_json_holds_what_a_script_needs(team: Team) -> None:
    ran = team.run("promote", "fraud", "3", "Staging", "--no-pin", "--commit", "--format", "json")
    found = ran.json
    assert found["file"] == FILE and found["model"] == "fraud" and found["pull_request"] is None
    assert found["commit"] == team.git("rev-parse", "HEAD") and found["branch"] == "main"
    assert found["stages"] == {"Staging": {"from": [2], "to": [3]}}
    # The diff is one that git takes.
    team.git("reset", "-q", "--hard", "HEAD~1")
    (team.folder / "change.diff").write_text(found["diff"])
    team.git("apply", "change.diff")
    assert text(team) == MANIFEST.replace("Staging: 2", "Staging: 3")


def test_a_file_without_a_last_line_break_and_with_crlf_stays_one(team: Team) -> None:
    content = MANIFEST.replace("\n", "\r\n").removesuffix("\r\n")
    (team.folder / FILE).write_bytes(content.encode())
    ran = team.run("promote", "fraud", "3", "Staging", "--no-pin", "--format", "json")
    assert text(team) == content.replace("Staging: 2", "Staging: 3")
    team.git("add", "-A")
    team.git("commit", "-q", "-m", "CRLF")
    (team.folder / "change.diff").write_bytes(ran.json["diff"].encode())
    team.git("apply", "-R", "--binary", "change.diff")
    assert text(team) == content


@pytest.mark.parametrize("further", [[], ["--commit"], ["--branch", "promote"]])
def test_a_dry_run_writes_nothing(team: Team, further: list[str]) -> None:
    refused(team, "promote", "fraud", "2", "Production", "--dry-run", *further, code=0)
    assert team.git("branch") == "* main"


def test_a_stage_is_handed_over_or_shared(team: Team) -> None:
    team.commit("Batch", **{"batch-scores": "stages: {Staging: [1, 2]}\n"})
    assert changes(
        team.run("promote", "batch-scores", "3", "Staging", "--no-pin", "--add", "--commit")
    ) == [
        "-stages: {Staging: [1, 2]}",
        "+stages: {Staging: [1, 2, 3]}",
    ]
    assert "It joins 1, 2." in team.git("log", "-1", "--format=%b")
    assert changes(team.run("promote", "batch-scores", "4", "Staging", "--no-pin")) == [
        "-stages: {Staging: [1, 2, 3]}",
        "+stages: {Staging: [4]}",
    ]
    team.commit("Batch", **{"batch-scores": "stages: {Staging: [1, 2]}\n"})
    assert (
        team.run("promote", "batch-scores", "1", "Staging", "--format", "json").json["diff"] == ""
    )
    assert "can hold only one version; 2 holds it" in refused(
        team, "promote", "fraud", "3", "Staging", "--add"
    )


def test_a_version_may_hold_a_stage_of_the_teams_own_beside_another(team: Team) -> None:
    team.run("promote", "fraud", "2", "Canary", "--no-pin", "--commit")
    assert "    Staging: 2\n    Canary: 2\n" in text(team)
    team.run("promote", "fraud", "2", "Production", "--no-pin")
    assert "    Production: 2      # what the tills ask\n    Canary: 2\n" in text(team)


def test_what_is_archived_joins_the_archived(team: Team) -> None:
    team.run("promote", "fraud", "3", "Archived", "--no-pin")
    team.run("promote", "fraud", "4", "Archived", "--no-pin")
    assert "    Staging: 2\n    Archived: [3, 4]\n" in text(team)
    team.run("promote", "fraud", "3", "Staging", "--no-pin")
    assert "    Staging: 3\n    Archived: [4]\n" in text(team)


def test_what_is_there_already_is_no_error(team: Team) -> None:
    assert "Nothing to change" in refused(
        team, "promote", "fraud", "1", "Production", "--commit", code=0
    )
    assert team.run("promote", "fraud", "1", "Production", "--format", "json").json["diff"] == ""


def test_a_protected_stage_is_never_left_empty(team: Team) -> None:
    said = refused(team, "promote", "fraud", "1", "Staging", code=4)
    assert "1 holds Production, which is protected" in said and "Production: null" in said


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (
            ["frauds", "2", "Production"],
            1,
            "frauds has no manifest in registry/models/; did you mean 'fraud'?",
        ),
        (
            ["churn", "2", "Production"],
            1,
            "create registry/models/churn.yaml with the lines name: churn and stages: {}",
        ),
        (
            ["fraud", "2", "production"],
            1,
            "There is no stage 'production'; did you mean 'Production'?",
        ),
        (["fraud", "2", "Xyz"], 1, "the stages are Production, Staging, Canary, Archived."),
        (["fraud", "2", "None"], 1, "None is not a stage"),
        (["fraud", "9", "Production"], 4, "MLflow has no version 9 of fraud; it has 1, 2, 3, 4."),
        (
            ["fraud", "2", "Production", "--override", "metrics"],
            64,
            "--override takes GATE='reason'",
        ),
        (["fraud", "2", "Production", "--override", "metrics= "], 64, "with a reason of one line"),
        (
            ["fraud", "2", "Production", "--override", "from=hurry"],
            4,
            "the gates that can be overridden: metrics, soak.",
        ),
    ],
)
def test_what_cannot_be_is_said(team: Team, args: list[str], code: int, expected: str) -> None:
    assert expected in refused(team, "promote", *args, code=code)


def test_a_version_out_of_range_is_a_usage_error(team: Team) -> None:
    refused(team, "promote", "fraud", "0", "Production", code=64)
    refused(team, "promote", "fraud", "v2", "Production", code=1)  # no alias either


def test_an_invalid_manifest_is_told_as_validate_does(team: Team) -> None:
    (team.folder / FILE).write_text(MANIFEST + "stages: {}\n")
    ran = team.run("promote", "fraud", "2", "Production")
    assert ran.code == 3 and f"{FILE}:9:1" in ran.out and "duplicate-key" in ran.out
    # A file that only its ending keeps from being a manifest is reported. Errors of another model's
    # file do not stop the command.
    team.git("mv", FILE, FILE.replace(".yaml", ".yml"))
    assert "file-extension" in team.run("promote", "fraud", "2", "Production").out
    team.git("mv", FILE.replace(".yaml", ".yml"), FILE)
    (team.folder / FILE).write_text(MANIFEST)
    team.write("models/other.yaml", "name: othr\n")
    team.write("models/third.yml", "")
    assert team.run("promote", "fraud", "2", "Production", "--dry-run").code == 0


OTHERS = {
    "no YAML": ("models/other.yaml", "name: other\nstages: {\n"),
    "an unknown stage": ("models/other.yaml", "name: other\nstages: {Live: 1}\n"),
    "twins": ("models/OTHER.yaml", "name: OTHER\nstages: {}\n"),
    "two files": ("models/copy/other.yaml", "name: other\nstages: {}\n"),
    "a wrong ending": ("models/third.yml", ""),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize(
    "command", [("promote", "fraud", "2", "Production"), ("pin", "fraud", "2")]
)
def test_the_files_of_other_models_may_be_invalid(
    team: Team, kind: str, command: tuple[str, ...]
) -> None:
    team.commit(other="stages: {}\n")
    team.write(*OTHERS[kind])
    team.commit("An invalid file")
    assert team.run("validate").code == 3
    ran = team.run(*command)
    assert ran.code == 0 and "2:" in ran.out, ran.err


@pytest.mark.parametrize("twin", ["models/Fraud.yaml", "models/FRAUD.yaml", "models/x/fraud.yaml"])
def test_a_twin_of_the_model_stops_its_edit(team: Team, twin: str) -> None:
    name = Path(twin).stem
    team.write(twin, f"name: {name}\nstages: {{}}\n")
    before = text(team)
    ran = team.run("promote", "fraud", "2", "Production")
    assert ran.code == 3 and (f"registry/{twin}" in ran.out) and text(team) == before


FOLLOWS = "aliases: {only: [Production]}\n"
WHY = "since the policy lets it point only at versions in Production"


def test_an_alias_that_may_only_follow_the_stage_is_moved_along(team: Team) -> None:
    team.write("policy.yaml", POLICY + FOLLOWS)
    team.commit("Aliases follow Production")
    args = ("promote", "fraud", "2", "Production", "--no-pin", "--commit", "--format", "json")
    found = team.run(*args)
    assert found.code == 0, found.err
    assert found.json["aliases"] == {"champion": {"from": 1, "to": 2}}
    assert f"alias champion: 1 → 2, {WHY}\n" in found.err
    assert "-aliases: {champion: 1}" in found.json["diff"] and "aliases: {champion: 2}" in text(
        team
    )
    assert f"The alias champion moves from 1 to 2, {WHY}." in team.git("log", "-1", "--format=%B")
    assert team.run("validate").code == 0
    planned = team.run("plan", "fraud").out
    assert "champion" in planned and "refused" not in planned


@pytest.mark.parametrize(
    ("only", "text", "command", "alias"),
    [
        (
            "Staging",
            "stages: {Production: 1, Staging: 2}\naliases: {next: 2}",
            ("2", "Production"),
            "next",
        ),
        ("Canary", "stages: {Canary: 2}\naliases: {a: 2}", ("3", "Canary"), None),
        (
            "Staging",
            "stages: {Staging: 1, Production: 2}\naliases: {tail: 1}",
            ("1", "Archived"),
            "tail",
        ),
    ],
)
def test_an_alias_that_cannot_follow_stops_the_edit(
    team: Team, only: str, text: str, command: tuple[str, str], alias: str | None
) -> None:
    team.write("policy.yaml", f"{POLICY}aliases: {{only: [{only}]}}\n")
    team.write("models/risk/fraud.yaml", f"name: fraud\n{text}\n")
    team.commit("Aliases follow a stage")
    if alias is None:
        assert "+aliases: {a: 3}" in changes(team.run("promote", "fraud", *command, "--no-pin"))
        return
    said = refused(team, "promote", "fraud", *command)
    assert f"The alias {alias} points at version" in said and "by hand" in said and FILE in said


def test_a_registry_that_cannot_be_asked_leaves_the_version_unpinned(team: Team) -> None:
    ran = team.run("promote", "fraud", "9", "Production", uri="sqlite:////nowhere/mlflow.db")
    assert changes(ran) == [
        "-    Production: 1      # what the tills ask",
        "+    Production: 9      # what the tills ask",
    ]
    assert "warning: MLflow cannot be reached" in ran.err


def test_a_version_that_is_something_else_than_its_pin_says_is_refused(
    team: Team, runs: list[str]
) -> None:
    pinned = MANIFEST + "versions: {2: {run_id: abc}}\n"
    team.write("models/risk/fraud.yaml", pinned)
    said = refused(team, "promote", "fraud", "2", "Production", code=4)
    assert (
        f"pinned to run_id abc, MLflow has {runs[1]}" in said
        and "mlflow-gitops pin fraud 2" in said
    )
    ran = team.run("pin", "fraud", "2")
    assert "warning: Version 2 was pinned to run_id abc." in ran.err
    assert text(team) == pinned.replace(
        "run_id: abc", f'run_id: {runs[1]}, source: "s3://models/2"'
    )
    # What is pinned already is not pinned once more.
    assert len(changes(team.run("promote", "fraud", "2", "Production"))) == 3


# -- commits ---------------------------------------------------------------------------------------


def test_a_commit_holds_the_manifest_alone_and_says_what_and_why(team: Team) -> None:
    (team.folder / "staged.txt").write_text("mine")
    team.git("add", "staged.txt")
    team.write("policy.yaml", POLICY + "# half an idea\n")
    ran = team.run(
        "promote", "fraud", "2", "Production", "--no-pin", "--commit", "-m",
        "Recall +1.2 pt.\nAnd faster.",
        "--override", "metrics=INC-42 hotfix", "--override", "soak = no time",
    )  # fmt: skip
    assert ran.code == 0 and "Production has no gate soak" in ran.err
    message = team.git("log", "-1", "--format=%B")
    assert (
        message
        == "Promote fraud 2 to Production\n\nIt replaces 1. 2 leaves Staging.\n\nRecall +1.2"
        " pt.\nAnd faster.\n\nGate-Override: metrics: INC-42 hotfix\nGate-Override: soak: no"
        " time"
    )
    assert list(overrides([StatedMessage(message)])) == [
        Override("metrics", "INC-42 hotfix"),
        Override("soak", "no time"),
    ]
    assert team.git("show", "--name-only", "--format=") == FILE
    assert team.git("diff", "--name-only") == "registry/policy.yaml"
    assert team.git("diff", "--name-only", "--cached") == "staged.txt"


def test_without_a_commit_the_lines_for_its_message_are_told(team: Team) -> None:
    ran = team.run(
        "promote",
        "fraud",
        "2",
        "Production",
        "--no-pin",
        "--override",
        "metrics=INC-42",
        "-m",
        "Better",
    )
    assert (
        "Put this into the commit message:\n  Better\n\n  Gate-Override: metrics: INC-42\n"
        in ran.err
    )


def test_a_commit_on_a_new_branch(team: Team) -> None:
    ran = team.run(
        "promote", "fraud", "2", "Production", "--branch", "promote-2", "--format", "json"
    )
    assert ran.json["branch"] == "promote-2" and ran.json["commit"] == team.git(
        "rev-parse", "promote-2"
    )
    assert (
        team.git("branch", "--show-current") == "promote-2"
        and team.git("log", "--oneline", "main..").count("\n") == 0
    )
    team.git("switch", "-q", "main")
    assert text(team) == MANIFEST
    assert "There is a branch promote-2 already" in refused(
        team, "promote", "fraud", "2", "Production", "--branch", "promote-2"
    )
    assert "git allows no branch 'a..b'" in refused(
        team, "promote", "fraud", "2", "Production", "--branch", "a..b"
    )


def test_a_half_done_edit_is_not_committed_along(team: Team) -> None:
    team.write("models/risk/fraud.yaml", MANIFEST + "# half done\n")
    assert "has uncommitted changes" in refused(
        team, "promote", "fraud", "2", "Production", "--commit"
    )
    assert team.run("promote", "fraud", "2", "Production").code == 0
    assert text(team).endswith("# half done\n")


def test_no_branch_is_no_place_for_a_commit(team: Team) -> None:
    team.git("checkout", "-q", "--detach")
    assert "--branch" in refused(team, "promote", "fraud", "2", "Production", "--commit")
    assert (
        team.run("promote", "fraud", "2", "Production", "--no-pin", "--branch", "promote-2").code
        == 0
    )


def test_a_rebase_under_way_is_finished_first(team: Team) -> None:
    (team.folder / ".git" / "rebase-merge").mkdir()
    assert "A rebase is in progress" in refused(
        team, "promote", "fraud", "2", "Production", "--branch", "mine"
    )


def test_a_merge_under_way_is_finished_first(team: Team) -> None:
    (team.folder / ".git" / "MERGE_HEAD").write_text(team.git("rev-parse", "HEAD") + "\n")
    assert "A merge is in progress" in refused(
        team, "promote", "fraud", "2", "Production", "--commit"
    )


def hook(team: Team, name: str, script: str) -> None:
    file = team.folder / ".git" / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("further", [["--commit"], ["--branch", "promote-2"]])
def test_a_hook_that_refuses_leaves_everything_as_it_was(team: Team, further: list[str]) -> None:
    (team.folder / "staged.txt").write_text("mine")
    team.git("add", "staged.txt")
    hook(team, "pre-commit", "echo checking >&2; echo 'policy says no' >&2; exit 1")
    said = refused(team, "promote", "fraud", "2", "Production", *further)
    assert "Nothing was changed" in said and "policy says no" in said
    assert team.git("branch", "--format=%(refname:short)") == "main"


def test_hooks_run_and_may_write_into_the_message(team: Team) -> None:
    hook(team, "commit-msg", 'echo "Ticket: 42" >> "$1"; git diff --cached --name-only > hook.txt')
    assert team.run("promote", "fraud", "2", "Production", "--no-pin", "--commit").code == 0
    assert team.git("log", "-1", "--format=%B").endswith("Ticket: 42")
    assert (team.folder / "hook.txt").read_text().split() == [FILE]


def test_a_commit_is_signed_where_git_is_told_to(team: Team, tmp_path: Path) -> None:
    key = tmp_path / "key"
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    except FileNotFoundError:
        pytest.skip("ssh-keygen is not installed")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("commit.gpgSign", "true"),
    ):
        team.git("config", name, value)
    assert team.run("promote", "fraud", "2", "Production", "--no-pin", "--commit").code == 0
    assert "BEGIN SSH SIGNATURE" in team.git("cat-file", "commit", "HEAD")
    team.git("config", "user.signingKey", str(tmp_path / "lost"))
    assert "Nothing was changed" in refused(
        team, "promote", "fraud", "3", "Staging", "--no-pin", "--commit"
    )


# -- pin -------------------------------------------------------------------------------------------


def test_a_version_is_pinned_to_what_mlflow_has(team: Team, runs: list[str]) -> None:
    ran = team.run("pin", "fraud", "1", "--commit")
    assert changes(ran) == ["+versions:", f'+    1: {{run_id: {runs[0]}, source: "s3://models/1"}}']
    assert team.git("log", "-1", "--format=%s") == "Pin fraud 1"
    assert "no version 9 of fraud" in refused(team, "pin", "fraud", "9", code=4)
    ran = team.run("pin", "fraud", "2", uri="sqlite:////nowhere/mlflow.db")
    assert ran.code == 1 and "There is no MLflow database" in ran.err


def test_a_version_that_reconcile_shall_register(team: Team) -> None:
    assert "already has version 2 of fraud, from s3://models/2" in refused(
        team, "pin", "fraud", "2", "--source", "s3://new", code=4
    )
    assert "no version 5" in refused(team, "promote", "fraud", "5", "Staging", code=4)
    assert team.run("pin", "fraud", "5", "--source", "s3://models/new", "--commit").code == 0
    ran = team.run("promote", "fraud", "5", "Staging", "--commit")
    assert ran.code == 0 and "reconcile registers it from s3://models/new" in ran.err
    team.reconcile()
    from mlflow import MlflowClient

    client = MlflowClient(team.uri)
    assert client.get_model_version("fraud", "5").source == "s3://models/new"
    client.delete_model_version("fraud", "5")
    client.create_model_version("fraud", "s3://models/6", await_creation_for=0)
    said = refused(team, "pin", "fraud", "5", "--source", "s3://models/new", code=4)
    assert "never uses a number twice, and the next one is 7" in said


# -- rollback --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, template: tuple[bytes, list[str]]) -> Path:
    """Production went from 1 to 2, was merged and never reconciled to 3, and is 4; 4 looks better
    on paper."""
    folder = tmp_path_factory.mktemp("story")
    (folder / "mlflow.db").write_bytes(template[0])
    made = Team(folder / "repo", f"sqlite:///{folder / 'mlflow.db'}")
    made.write("policy.yaml", POLICY)
    made.write(
        "models/risk/fraud.yaml", "name: fraud\nstages:\n  Production: 1   # what the tills ask\n"
    )
    made.commit("Start with 1")
    made.reconcile()
    for version, reconciled in ((2, True), (3, False), (4, True)):
        assert (
            made.run("promote", "fraud", str(version), "Production", "--no-pin", "--commit").code
            == 0
        )
        if reconciled:
            made.reconcile()
    return folder


@pytest.fixture
def storied(story: Path, tmp_path: Path) -> Team:
    """A copy of the story, to go on with."""
    shutil.copytree(story, tmp_path / "story")
    return Team(tmp_path / "story" / "repo", f"sqlite:///{tmp_path / 'story' / 'mlflow.db'}")


def production(team: Team) -> int:
    from mlflow import MlflowClient

    return int(MlflowClient(team.uri).get_model_version_by_alias("fraud", "production").version)


def test_a_rollback_goes_to_what_really_held_the_stage(storied: Team) -> None:
    ran = storied.run("rollback", "fraud", "--no-pin", "--commit", "-m", "False alarms")
    assert changes(ran) == [
        "-  Production: 4   # what the tills ask",
        "+  Production: 2   # what the tills ask",
    ]
    assert "3 is passed over" in ran.err
    assert "2 held Production from" in ran.err and '"Promote fraud 2 to Production"' in ran.err
    message = storied.git("log", "-1", "--format=%B")
    assert message.startswith(
        "Roll fraud Production back to 2\n\nIt replaces 4. 2 held Production from "
    )
    assert "Promote fraud" not in message  # nobody else's words
    assert message.endswith("False alarms")
    storied.reconcile()
    assert production(storied) == 2
    # Once more goes further back, and never to what was rolled back itself.
    ran = storied.run("rollback", "fraud", "--dry-run")
    assert "+  Production: 1" in ran.out and "4 was rolled back from Production on" in ran.err
    ran = storied.run("rollback", "fraud", "--to", "4", "--dry-run")
    assert "+  Production: 4" in ran.out
    assert "warning: 4 was rolled back from Production on" in ran.err
    assert "The gates judge it like a new version." in ran.err


def test_a_rollback_needs_the_receipts(storied: Team, tmp_path: Path) -> None:
    """A clone that did not fetch them knows of no version that a reconcile put in the stage."""
    storied.git("clone", "-q", "--bare", ".", str(tmp_path / "remote"))
    storied.git("push", "-q", str(tmp_path / "remote"), ":mlflow-gitops/receipts")
    storied.git("clone", "-q", str(tmp_path / "remote"), str(tmp_path / "other"))
    other = Team(tmp_path / "other", storied.uri)
    for uri in (storied.uri, "sqlite:////nowhere/mlflow.db"):
        ran = other.run("rollback", "fraud", uri=uri)
        assert ran.code == 4 and "No receipt in this clone records" in ran.err
        assert "git fetch origin '+refs/heads/mlflow-gitops/receipts*:" in ran.err
    remote = str(tmp_path / "remote")
    storied.git("push", "-q", remote, "mlflow-gitops/receipts")
    other.git("fetch", "-q", "origin")
    assert "+  Production: 2" in other.run("rollback", "fraud").out


def test_a_rollback_takes_the_aliases_along_that_may_only_follow(storied: Team) -> None:
    storied.write("policy.yaml", POLICY + FOLLOWS)
    manifest = "name: fraud\nstages: {Production: 4}\naliases:\n  a: 4   # tills\n  b: 4\n"
    storied.write("models/risk/fraud.yaml", manifest)
    storied.commit("Aliases follow Production")
    ran = storied.run("rollback", "fraud", "--no-pin", "--commit")
    assert f"alias a: 4 → 2, {WHY}" in ran.err and f"alias b: 4 → 2, {WHY}" in ran.err
    assert text(storied) == manifest.replace("4", "2")
    storied.reconcile()
    assert production(storied) == 2
    ran = storied.run("rollback", "fraud", "--to", "1", "--dry-run", "--no-pin")
    assert f"alias a: 2 → 1, {WHY}" in ran.err


def test_a_rollback_says_in_json_when_it_held(storied: Team) -> None:
    found = storied.run("rollback", "fraud", "--to", "1", "--format", "json").json
    assert found["stages"] == {"Production": {"from": [4], "to": [1]}}
    held = found["held"]
    assert (
        held["versions"] == [1]
        and held["commit"]
        and held["since"] <= held["until"]
        and held["reconciled"]
    )


def test_a_rollback_pins_what_it_goes_to(storied: Team, runs: list[str]) -> None:
    ran = storied.run("rollback", "fraud")
    assert f'+  2: {{run_id: {runs[1]}, source: "s3://models/2"}}' in changes(ran)


def test_a_rollback_to_what_never_held_the_stage_is_refused(storied: Team) -> None:
    said = refused(storied, "rollback", "fraud", "--to", "3", code=4)
    assert (
        "Version 3 of fraud never held Production" in said
        and "These did: 2 (since 20" in said
        and "; 1 (since" in said
    )
    assert "Nothing to change" in refused(storied, "rollback", "fraud", "--to", "4", code=0)


def test_a_rollback_without_mlflow_goes_by_git_and_receipts(storied: Team) -> None:
    ran = storied.run("rollback", "fraud", "--dry-run", uri="sqlite:////nowhere/mlflow.db")
    assert ran.code == 0 and "+  Production: 2" in ran.out and "MLflow cannot be reached" in ran.err
    drop_receipts(storied.folder)
    ran = storied.run("rollback", "fraud", uri="sqlite:////nowhere/mlflow.db")
    assert ran.code == 0 and "+  Production: 3" in ran.out and "from git alone" in ran.err


def test_a_rollback_of_what_is_not_merged_goes_back_to_the_main_line(storied: Team) -> None:
    storied.git("switch", "-q", "-c", "mine")
    storied.run("promote", "fraud", "1", "Production", "--no-pin", "--commit")
    ran = storied.run("--main", "main", "rollback", "fraud")
    assert "+  Production: 4" in ran.out and "and still holds it on the main branch" in ran.err


def test_what_nobody_held_has_no_way_back(team: Team) -> None:
    assert "Nothing held Staging of fraud before 2" in refused(
        team, "rollback", "fraud", "Staging", code=4
    )
    assert "Name the stage" in refused(team, "rollback", "fraud", "Archived")
    team.git("checkout", "-q", "--orphan", "new")
    ran = team.run("rollback", "fraud", "--no-pin")
    assert ran.code == 4 and "Nothing held Production" in ran.err


# -- pull requests ---------------------------------------------------------------------------------


@pytest.fixture
def on_github(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Team, Repository]:
    repository = Repository(tmp_path)
    repository.user("alice", "write", mails=("a@example.org",))
    with GitHubAPI(repository).serving() as api:
        for key, value in api.environment().items():
            monkeypatch.setenv(key, value)
        team.git("remote", "add", "origin", str(repository.path))
        team.git("push", "-q", "origin", "main")
        team.git("fetch", "-q", "origin")
        yield team, repository


def test_a_pull_request_is_opened(on_github: tuple[Team, Repository]) -> None:
    team, repository = on_github
    ran = team.run(
        "promote", "fraud", "2", "Production", "--pr", "-m", "Recall +1.2 pt", "--format", "json"
    )
    assert ran.code == 0, ran.err
    [pull] = repository.pulls()
    assert ran.json["pull_request"].endswith(f"/pull/{pull.number}")
    assert (
        ran.json["branch"]
        == "promote-fraud-2-to-production"
        == team.git("branch", "--show-current")
    )
    assert pull.title == "Promote fraud 2 to Production" and "Recall +1.2 pt" in pull.body
    assert team.git("ls-remote", "origin", "promote-fraud-2-to-production").startswith(
        ran.json["commit"]
    )
    assert team.git("rev-parse", "main") == team.git("rev-parse", "origin/main")
    # Another edit on that branch brings it up to date.
    again = team.run("promote", "fraud", "3", "Staging", "--pr", "--format", "json")
    assert again.json["pull_request"] == ran.json["pull_request"] and len(repository.pulls()) == 1


def test_without_a_token_nothing_is_written(
    on_github: tuple[Team, Repository], monkeypatch: pytest.MonkeyPatch
) -> None:
    team, repository = on_github
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "GITHUB_TOKEN" in refused(team, "promote", "fraud", "2", "Production", "--pr")
    assert not repository.pulls() and team.git("branch", "--format=%(refname:short)") == "main"


def test_without_a_remote_there_is_no_pull_request(team: Team) -> None:
    assert "no remote to push to" in refused(team, "promote", "fraud", "2", "Production", "--pr")


def test_a_push_that_is_refused_leaves_the_commit(on_github: tuple[Team, Repository]) -> None:
    team, repository = on_github
    team.git("remote", "set-url", "--push", "origin", str(team.folder / "nowhere"))
    ran = team.run(
        "promote", "fraud", "2", "Production", "--pr", "--branch", "mine", "--format", "json"
    )
    assert ran.code == 1 and "is committed on mine, but no pull request was opened" in ran.err
    assert ran.json["commit"] == team.git("rev-parse", "mine") and not repository.pulls()
