"""`init` in real repositories: what it writes, that it overwrites nothing, and that the steps it
names work as they stand."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlflow_gitops.commands.init import may_skip_deployments
from mlflow_gitops.core.setup.scaffold import is_unedited, with_seal
from tests.support.team import GIT_ENVIRONMENT, Ran, Team

ACTION = ".github/actions/mlflow-gitops/action.yml"
SHIPPED = Path(__file__).resolve().parents[2] / ".github"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path / "repo", "http://127.0.0.1:9")


def outcomes(ran: Ran) -> dict[str, str]:
    return {one["file"]: one["result"] for one in ran.json["files"]}


def init(team: Team, *args: str) -> dict[str, str]:
    """What became of each file."""
    ran = team.run("init", "--yes", "--format", "json", *args)
    assert ran.code == 0, ran.out + ran.err
    return outcomes(ran)


def files(team: Team) -> dict[str, bytes]:
    found = [
        file
        for file in team.folder.rglob("*")
        if file.is_file() and ".git" not in file.relative_to(team.folder).parts
    ]
    return {file.relative_to(team.folder).as_posix(): file.read_bytes() for file in found}


def workflow(team: Team, name: str) -> Any:
    return yaml.load(
        (team.folder / f".github/workflows/{name}.yml").read_text(encoding="utf-8"), yaml.BaseLoader
    )


def test_everything_that_a_repository_needs(team: Team) -> None:
    done = init(team, "--owner", "@acme/ml-platform")
    assert set(done.values()) == {"created"} and set(done) == set(files(team))
    shipped = {f".github/workflows/{file.name}" for file in (SHIPPED / "workflows").glob("*.yml")}
    own = {".github/workflows/ci.yml", ".github/workflows/weekly.yml"}
    assert shipped - own == {path for path in done if "/workflows/" in path}
    assert {
        "registry/policy.yaml", "registry/models/.gitkeep", "schemas/model.schema.json",
        "schemas/policy.schema.json",
        ACTION, ".github/CODEOWNERS", ".github/pull_request_template.md",
    } <= set(done)  # fmt: skip
    ran = team.run("validate", "--format", "json")
    assert (ran.code, ran.json) == (0, {"schema": 1, "manifests": 0, "errors": [], "warnings": []})
    assert (
        "/registry/policy.yaml @acme/ml-platform\n"
        in (team.folder / ".github/CODEOWNERS").read_text()
    )
    # Nothing is missing but what nobody can write into a file.
    found = team.run("doctor", "--format", "json").json["findings"]
    missing = {(one["area"], one["check"]) for one in found if one["status"] == "missing"}
    assert missing == {("git", "main-line"), ("mlflow", "read")}, missing
    assert not any(one["fix"] and "mlflow-gitops init" in one["fix"] for one in found)


def test_the_workflows_are_as_shipped_and_sound(team: Team) -> None:
    init(team)
    for file in sorted((team.folder / ".github/workflows").glob("*.yml")):
        head, _, rest = file.read_text(encoding="utf-8").partition("\n")
        assert head.startswith("# Written by mlflow-gitops init ") and is_unedited(
            file.read_bytes()
        )
        assert rest == (SHIPPED / "workflows" / file.name).read_text(encoding="utf-8")
    assert linted(team) == ""


@pytest.mark.parametrize("names", [("staging", "prod"), ("null",)], ids=repr)
def test_those_of_several_environments_are_sound_too(team: Team, names: tuple[str, ...]) -> None:
    listed = (f'"{name}": {{tracking_uri: "https://{name}.example"}}\n' for name in names)
    team.write("environments.yaml", "".join(listed))
    init(team)
    assert linted(team) == ""
    for name in names:
        assert workflow(team, f"reconcile-{name}")["env"]["MLFLOW_GITOPS_ENV"] == name
    # As GitHub reads them: a word that YAML takes for something else is none.
    plan = yaml.safe_load((team.folder / ".github/workflows/plan.yml").read_text(encoding="utf-8"))
    assert [one["name"] for one in plan["jobs"]["plan"]["strategy"]["matrix"]["include"]] == list(
        names
    )
    [told] = [
        step["env"]
        for step in workflow(team, "validate")["jobs"]["validate"]["steps"]
        if "env" in step
    ]
    assert told["ENVIRONMENTS"].split() == list(names)


def linted(team: Team) -> str:
    """What actionlint, with shellcheck, has to say against the workflows."""
    tools = Path(sys.executable).parent
    command = [tools / "actionlint", "-no-color", "-shellcheck", tools / "shellcheck"]
    done = subprocess.run(command, cwd=team.folder, capture_output=True, text=True)
    assert (done.returncode == 0) == (done.stdout == ""), done.stderr
    return done.stdout


DATABASES = [
    "sqlite:///mlflow.db", "postgresql://me@db/mlflow", "mysql+pymysql://me@db/mlflow",
    "file:///srv/mlruns", "./mlruns",
]  # fmt: skip
SERVERS = ["", "http://mlflow.example:5000", "https://mlflow.example", "databricks", "arn:aws:x"]


@pytest.mark.parametrize(
    ("address", "packages", "more"),
    [
        *((address, "", " mlflow") for address in DATABASES),
        *((address, "", "") for address in SERVERS),
        ("https://mlflow.example", " boto3  psycopg2-binary ", " boto3 psycopg2-binary"),
        ("sqlite:///mlflow.db", "boto3", " boto3 mlflow"),
    ],
)
def test_the_action_installs_what_the_address_needs(
    team: Team, tmp_path: Path, address: str, packages: str, more: str
) -> None:
    import mlflow_gitops

    asked = installed_by_the_action(team, tmp_path, ADDRESS=address, PACKAGES=packages)
    constraints = f"{team.folder}/.github/actions/mlflow-gitops/constraints.txt"
    assert f" mlflow-gitops=={mlflow_gitops.__version__}{more} {constraints}" in asked


def test_the_action_installs_this_release_by_its_constraints(team: Team, tmp_path: Path) -> None:
    import mlflow_gitops

    asked = installed_by_the_action(team, tmp_path)
    assert (
        f"mlflow-gitops=={mlflow_gitops.__version__}"
        f" {team.folder}/.github/actions/mlflow-gitops/constraints.txt" in asked
    )


def installed_by_the_action(team: Team, tmp_path: Path, **inputs: str) -> str:
    """Its script as it stands, with a Python that only tells what it is asked to do."""
    import mlflow_gitops

    init(team)
    # A team's own constraints have nothing to do with it.
    (team.folder / "constraints.txt").write_text("mlflow==1.0\n")
    action = yaml.load((team.folder / ACTION).read_text(encoding="utf-8"), yaml.BaseLoader)
    assert (
        action["inputs"]["requirement"]["default"] == f"mlflow-gitops=={mlflow_gitops.__version__}"
    )
    [script] = [step["run"] for step in action["runs"]["steps"] if step.get("name") == "Install"]
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python").write_text(
        '#!/bin/sh\nif [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; printf'
        ' \'#!/bin/sh\\n\' >"$3/bin/mlflow-gitops"; chmod +x "$3/bin/mlflow-gitops"; exit; fi\necho'
        ' "$@ $PIP_CONSTRAINT" >>"$LOG"\n'
    )
    (tools / "python").chmod(0o755)
    env = {
        "PATH": f"{tools}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_PATH": str(tmp_path / "path"), "ENVIRONMENT": "", "CONSTRAINTS": "",
        "REQUIREMENT": action["inputs"]["requirement"]["default"],
        "ACTION": str((team.folder / ACTION).parent), **inputs,
    }  # fmt: skip
    subprocess.run(
        ["bash", "-e", "-c", script], env=env, cwd=team.folder, check=True, capture_output=True
    )
    return (tmp_path / "log").read_text()


def test_another_requirement(team: Team) -> None:
    init(team, "--requirement", "mlflow-gitops @ git+https://git.example/tool@0123abc")
    action = yaml.load((team.folder / ACTION).read_text(encoding="utf-8"), yaml.BaseLoader)
    assert (
        action["inputs"]["requirement"]["default"]
        == "mlflow-gitops @ git+https://git.example/tool@0123abc"
    )


def test_nothing_is_overwritten(team: Team) -> None:
    team.write("policy.yaml", "owners: ['@acme/us']\nstages: {}\n")
    team.write("models/churn.yaml", "name: churn\nowners: ['@acme/risk']\nstages: {}\n")
    for path, text in {
        ".github/workflows/plan.yml": "name: ours\non: push\njobs: {}\n",
        ".github/CODEOWNERS": "* @everybody\n",
        "docs/PULL_REQUEST_TEMPLATE.md": "Ours\n",
        "schemas/model.schema.json": "{}\n",
    }.items():
        (team.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (team.folder / path).write_text(text)
    before = files(team)
    shown = init(team, "--dry-run", "--owner", "@acme/other")
    assert files(team) == before, "a dry run writes nothing"
    ran = team.run("init", "--yes", "--owner", "@acme/other")
    after = files(team)
    kept = {path for path in before if after[path] == before[path]}
    assert kept == set(before) - {".github/CODEOWNERS"}
    assert {path for path, result in shown.items() if result == "left"} == kept - {
        "registry/models/churn.yaml", "docs/PULL_REQUEST_TEMPLATE.md",
    }  # fmt: skip
    assert (
        "Left registry/policy.yaml: it is yours." in ran.err and "--owner had no effect" in ran.err
    )
    assert "Left .github/workflows/plan.yml: it was edited here, or is not from init." in ran.err
    assert "init --update" in ran.err.split("model.schema.json")[1].splitlines()[0]
    assert (
        ".github/pull_request_template.md" not in after and "registry/models/.gitkeep" not in after
    )
    # Of CODEOWNERS only the block at the end is ours.
    owners = (team.folder / ".github/CODEOWNERS").read_text()
    assert (
        owners.startswith("* @everybody\n") and "/registry/models/churn.yaml @acme/risk" in owners
    )
    assert team.run("validate").code == 0
    again = init(team)
    assert set(again.values()) == {"unchanged", "left"} and files(team) == after


def test_an_update_renews_what_nobody_edited(team: Team) -> None:
    init(team, "--owner", "@acme/us")
    new = files(team)
    old = "# An older release's.\nname: plan\non: push\njobs: {}\n"
    plan, review, validate = (
        team.folder / f".github/workflows/{name}.yml" for name in ("plan", "review", "validate")
    )
    plan.write_bytes(
        with_seal(old, "0.0.9").replace("\n", "\r\n").encode()
    )  # as git may check it out
    review.write_text(with_seal(old, "0.0.9") + "# ours\n")
    validate.write_bytes(validate.read_bytes() + b"# ours\n")
    (team.folder / "schemas/model.schema.json").write_text("{}\n")
    (team.folder / "registry/policy.yaml").write_text("stages: {}\n")
    assert (
        team.run("validate", "--format", "json").json["warnings"][0]["code"]
        == "schema-copy-differs"
    )
    edited = files(team)
    first = team.run("init", "--yes", "--format", "json")
    assert outcomes(first)[".github/workflows/plan.yml"] == "left"
    assert {path: data for path, data in files(team).items() if "CODEOWNERS" not in path} == {
        path: data for path, data in edited.items() if "CODEOWNERS" not in path
    }

    ran = team.run("init", "--update", "--format", "json")
    changed = {path for path, result in outcomes(ran).items() if result == "updated"}
    assert changed == {".github/workflows/plan.yml", "schemas/model.schema.json"}
    assert "-# An older release's." in next(
        one["diff"] for one in ran.json["files"] if one["file"].endswith("plan.yml")
    )
    now = files(team)
    assert all(now[path] == new[path] for path in changed)
    for path in ("review", "validate"):
        assert now[f".github/workflows/{path}.yml"] == edited[f".github/workflows/{path}.yml"]
    assert now["registry/policy.yaml"] == b"stages: {}\n"


def test_an_update_leaves_github_alone_where_it_is_not_used(team: Team) -> None:
    done = init(team, "--no-github", "--aliases")
    assert set(done) == {
        "registry/policy.yaml", "registry/models/.gitkeep", "schemas/model.schema.json",
        "schemas/policy.schema.json", ".mlflow-gitops.toml",
    }  # fmt: skip
    policy = (team.folder / "registry/policy.yaml").read_text()
    assert "\n    alias: production\n" in policy and "\naliases: {only: [Production]} " in policy
    assert team.run("init", "--update").code == 0 and not (team.folder / ".github").exists()


def test_a_registry_below_a_folder_and_another_main_branch(team: Team) -> None:
    team.git("checkout", "-q", "-b", "trunk")
    ran = team.run("--registry-dir", "ml/registry", "init", "--yes", "--owner", "@acme/us")
    assert ran.code == 0, ran.err
    head = (team.folder / "ml/registry/policy.yaml").read_text().splitlines()[0]
    schema = team.folder / "ml/registry" / head.partition("=")[2]
    assert schema.resolve() == (team.folder / "schemas/policy.schema.json").resolve()
    for file in (team.folder / ".github/workflows").glob("*.yml"):
        uses = "actions/mlflow-gitops" in file.read_text()
        env = workflow(team, file.stem).get("env", {})
        assert env == ({"MLFLOW_GITOPS_REGISTRY_DIR": "ml/registry"} if uses or env else {}), (
            file.name
        )
        assert env or not uses
    assert workflow(team, "reconcile")["on"]["push"]["branches"] == ["trunk"]
    assert "/ml/registry/policy.yaml @acme/us" in (team.folder / ".github/CODEOWNERS").read_text()
    settings = (team.folder / ".mlflow-gitops.toml").read_text()
    assert settings.endswith('registry_dir = "ml/registry"\n')
    assert "/.mlflow-gitops.toml @acme/us" in (team.folder / ".github/CODEOWNERS").read_text()
    assert "  git add ml/registry .mlflow-gitops.toml schemas .github" in ran.err
    ran = team.run("validate")
    assert ran.code == 0, "every command finds the folder"
    assert team.run("--registry-dir", "ml/registry", "validate").code == 0


def test_the_main_branch_of_what_is_still_to_be_pushed(team: Team) -> None:
    team.git("checkout", "-q", "-b", "trunk")
    team.git("remote", "add", "origin", "https://git.example/models.git")
    init(team)
    assert workflow(team, "reconcile")["on"]["push"]["branches"] == ["trunk"]


def test_the_main_branch_of_a_clone(team: Team, tmp_path: Path) -> None:
    team.git("checkout", "-q", "-b", "master")
    team.commit("First")
    team.git("clone", "-q", str(team.folder), str(tmp_path / "clone"))
    clone = Team(tmp_path / "clone", team.uri)
    clone.git("checkout", "-q", "-b", "adopt-gitops")
    init(clone)
    assert workflow(clone, "reconcile")["on"]["push"]["branches"] == ["master"]


# -- questions -------------------------------------------------------------------------------------


class Person:
    """Answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str, default: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Person]:
    """Seats a person at the terminal."""
    from mlflow_gitops.commands import init as command

    def seat(*answers: str) -> Person:
        person = Person(*answers)
        monkeypatch.setattr(command, "is_interactive", lambda: True)
        monkeypatch.setattr(command, "ask_on_terminal", person)
        return person

    return seat


def test_the_next_steps_push_where_there_is_a_remote(team: Team) -> None:
    assert "git push" not in team.run("init", "--yes").err
    team.git("remote", "add", "upstream", str(team.folder))
    assert (
        "git commit -m 'Manifests for our models' && git push -u upstream HEAD\n"
        in team.run("init", "--yes").err
    )


def test_what_is_neither_yes_nor_no_is_asked_again(team: Team, ask: Callable[..., Person]) -> None:
    person = ask("@acme/us", "no", "", "")
    assert team.run("init").code == 0
    assert person.asked[0] == person.asked[1] and not (team.folder / ".github").exists()


def test_three_questions_at_most(team: Team, ask: Callable[..., Person]) -> None:
    person = ask("", "@acme/us", "y")
    assert team.run("init").code == 0
    assert len(person.asked) == 3 and (team.folder / ACTION).exists()
    policy = (team.folder / "registry/policy.yaml").read_text()
    assert 'owners: ["@acme/us"]' in policy and "\n    alias: staging " in policy
    # A policy that is there answers two of them.
    person = ask("n")
    assert team.run("init").code == 0 and len(person.asked) == 1


def test_no_question_with_yes_an_update_or_every_answer_given(
    team: Team, ask: Callable[..., Person]
) -> None:
    person = ask()
    assert team.run("init", "--owner", "@acme/us", "--github", "--no-aliases").code == 0
    assert team.run("init", "--yes").code == 0
    assert team.run("init", "--update").code == 0
    assert person.asked == []


def test_an_owner_that_is_none(team: Team) -> None:
    for wrong in ("acme", '@a"]\nstages: 1', "@a b"):
        ran = team.run("init", "--yes", "--owner", wrong)
        assert ran.code == 64 and "cannot be an owner" in ran.err and files(team) == {}


def test_outside_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow_gitops.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["init", "--yes"]) == 1 and list(tmp_path.iterdir()) == []
    assert "not in a git repository" in capsys.readouterr().err


def test_a_link_is_not_written_through(team: Team, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (team.folder / "schemas").symlink_to(tmp_path / "elsewhere")
    ran = team.run("init", "--yes")
    assert (
        ran.code == 1
        and "symbolic link" in ran.err
        and list((tmp_path / "elsewhere").iterdir()) == []
    )


# -- what comes next -------------------------------------------------------------------------------


@contextmanager
def standing_in(folder: Path) -> Iterator[None]:
    here, env = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    os.environ.update(GIT_ENVIRONMENT)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(env)


@pytest.mark.parametrize("registry", ["registry", "ml/the registry"])
def test_the_next_steps_work_as_they_are_printed(
    registry: str,
    tmp_path: Path,
    blank_registry: Callable[[Path], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    import mlflow
    from mlflow import MlflowClient

    from mlflow_gitops.cli import main

    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", "s3://models/1", await_creation_for=0)
    client.transition_model_version_stage("churn", "1", "Production")
    team = Team(tmp_path / "repo", uri)
    begin = [
        *(["--registry-dir", registry] if registry != "registry" else []),
        "--tracking-uri",
        uri,
    ]
    with standing_in(tmp_path):
        assert main(["--repo", str(team.folder), *begin, "init", "--yes"]) == 0
        steps = [
            line.strip() for line in capsys.readouterr().err.partition("Next:\n")[2].splitlines()
        ]
        assert steps[0] == f"cd {team.folder}"
        for step in steps:
            words = shlex.split(step, comments=True)
            if words[0] == "cd":
                os.chdir(words[1])
            elif words[0] == "export":
                name, _, value = words[1].partition("=")
                os.environ[name] = value
                mlflow.set_tracking_uri(uri)  # a process of its own would begin with the variable's
            elif words[0] == "mlflow-gitops":
                # A person at the terminal would be asked.
                code = main([*words[1:], *(["--yes"] if words[1] == "reconcile" else [])])
                out = capsys.readouterr().out
                assert code == (1 if words[1] == "doctor" else 0), (step, out)
                assert words[1] != "plan" or "nothing to change" in out
            else:
                subprocess.run(["bash", "-c", step], check=True, capture_output=True)
    assert client.get_registered_model("churn").tags["gitops.commit"] == team.git(
        "rev-parse", "HEAD"
    )
    assert team.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("url", "skips"),
    [
        ("https://github.com/acme/models", True),
        ("git@github.com:acme/models.git", True),
        ("ssh://git@ssh.github.com:443/acme/models.git", True),
        ("https://acme.ghe.com/acme/models", True),
        ("https://github.example.org/acme/models", False),
        ("https://example.org/github.com/models", False),
        ("https://github.com.example.org/acme/models", False),
    ],
)
def test_which_servers_know_jobs_without_deployments(url: str, skips: bool) -> None:
    assert may_skip_deployments(url) == skips
