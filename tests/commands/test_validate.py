"""`validate` as it is run: what it looks at, the three formats, the exit code (DESIGN §5)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_gitops.shared import shared_path
from tests.support.environments import Teams
from tests.support.team import GIT_ENVIRONMENT, Ran, Team

BROKEN = "stages:\n  Production: one\n  Nowhere: 2\nownrs: []\n"


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    made = Team(
        tmp_path / "repo", "http://127.0.0.1:9"
    )  # nobody answers there: validate makes no requests
    made.commit("First", fraud="stages: {Production: 1}\n", churn="stages: {Staging: 2}\n")
    monkeypatch.chdir(made.folder)
    return made


def told(ran: Ran) -> list[tuple[str, str]]:
    """The file and the code of each problem, from the JSON."""
    return [(one["file"], one["code"]) for one in (*ran.json["errors"], *ran.json["warnings"])]


def judged(team: Team, *args: str, code: int) -> list[tuple[str, str]]:
    ran = team.run("validate", *args, "--format", "json")
    assert ran.code == code, ran.out + ran.err
    return told(ran)


# -- formats ---------------------------------------------------------------------------------------


def test_all_is_well(team: Team) -> None:
    ran = team.run("validate")
    assert (ran.code, ran.out, ran.err) == (0, "", "2 manifests: 0 errors.\n")
    ran = team.run("validate", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json == {"schema": 1, "manifests": 2, "errors": [], "warnings": []}
    ran = team.run("validate", "--format", "github")
    assert (ran.code, ran.out, ran.err) == (0, "", "2 manifests: 0 errors.\n")
    assert team.run("-q", "validate").err == ""


def test_every_error_of_a_run(team: Team) -> None:
    team.write("models/fraud.yaml", "name: fraud\n" + BROKEN)
    team.write("models/nlp/churn.yaml", "name: chrn\nstages: {Staging: 010}\n")
    team.write("notes.yaml", "a: b\n")
    ran = team.run("validate")
    assert ran.code == 3
    assert re.sub(r"\]: .*", "]", ran.out).splitlines() == [
        "registry/models/churn.yaml:1:1: error[duplicate-model]",
        "registry/models/fraud.yaml:3:15: error[wrong-type]",
        "registry/models/fraud.yaml:4:3: error[stage-unknown]",
        "registry/models/fraud.yaml:5:1: error[unknown-field]",
        "registry/models/nlp/churn.yaml:1:1: error[duplicate-model]",
        "registry/models/nlp/churn.yaml:1:7: error[file-name]",
        "registry/models/nlp/churn.yaml:2:19: error[ambiguous-scalar]",
        "registry/notes.yaml:1:1: warning[misplaced-file]",
    ]
    assert ran.err == (
        "3 manifests: 7 errors, 1 warning.\n"
        "What a code means: mlflow-gitops explain duplicate-model\n"
    )
    found = team.run("validate", "--format", "json")
    assert (found.code, found.err) == (3, "")
    assert set(found.json) >= {"manifests", "errors", "warnings"} and found.json["manifests"] == 3
    assert len(found.json["errors"]) == 7 and len(found.json["warnings"]) == 1
    for one in (*found.json["errors"], *found.json["warnings"]):
        assert {key: type(value) for key, value in one.items()} == {
            "file": str, "line": int, "column": int, "code": str, "message": str,
        }  # fmt: skip
    lines = [
        f"{one['file']}:{one['line']}:{one['column']}: error[{one['code']}]"
        for one in found.json["errors"]
    ]
    assert lines == [
        line for line in re.sub(r"\]: .*", "]", ran.out).splitlines() if "error[" in line
    ]


def test_warnings_alone_are_no_failure(team: Team) -> None:
    team.write("notes.yaml", "a: b\n")
    ran = team.run("validate")
    assert ran.code == 0 and "warning[misplaced-file]" in ran.out
    assert ran.err == "2 manifests: 0 errors, 1 warning.\n"


def test_a_file_that_nothing_reads_is_reported_with_its_place(team: Team) -> None:
    def reported(*args: str, code: int) -> list[str]:
        ran = team.run("validate", *args)
        assert ran.code == code, ran.out + ran.err
        return re.sub(r"registry/|:1:1|is not read: ", "", ran.out).splitlines()

    team.write("models/notify.yaml", "name: notify\nstages: {}\n")  # a model of that name
    team.write("old/notify.yaml", "channels: {}\nrules: []\n")
    team.write("Allowed_signers", "")
    warning = "old/notify.yaml: warning[misplaced-file]: notify.yaml belongs at notify.yaml"
    assert reported(str(team.folder / "registry/old"), code=0) == [warning]
    team.write("policy.yml", "stages: {}\n")
    errors = [
        "Allowed_signers: error[file-extension]: its name must be allowed_signers",
        "policy.yml: error[file-extension]: its name must end in .yaml",
    ]
    assert reported(code=3) == [errors[0], warning, errors[1]]
    assert reported("--changed-since", "HEAD", code=3) == [errors[0], warning, errors[1]]

    (team.folder / "registry/policy.yml").rename(team.folder / "registry/Policy.yaml")
    assert "Policy.yaml: error[file-extension]: its name must be policy.yaml" in reported(code=3)


def test_files_beside_the_environments(tmp_path: Path) -> None:
    teams = Teams(tmp_path / "repo", {"dev": "sqlite:///dev.db", "prod": "sqlite:///prod.db"})
    for environment in ("dev", "prod"):
        teams.put(environment, "churn", "stages: {}\n")
    teams.write("models/fraud.yaml", "name: fraud\nstages: {}\n")
    teams.write("prod/notify.yaml", "channels: {}\nrules: []\n")
    for environment in (None, "prod"):
        ran = teams.on(environment, "validate")
        assert ran.code == 0, ran.out + ran.err
        assert re.findall(
            r"^(\S+):1:1: warning\[misplaced-file\]: is not read: (.*)$", ran.out, re.M
        ) == [
            ("registry/models/fraud.yaml", "it is in the folder of no environment"),
            ("registry/prod/notify.yaml", "notify.yaml belongs at registry/notify.yaml"),
        ]


def test_more_annotations_than_github_shows(team: Team) -> None:
    team.write("models/fraud.yaml", "name: fraud\n" + "".join(f"f{i}: 1\n" for i in range(11)))
    lines = team.run("validate", "--format", "github").out.splitlines()
    assert len(lines) == 13 and lines[0] == (
        "::error title=12 errors::GitHub shows 10 errors of a step, this one included."
        " All 12 are in the step's log."
    )
    team.write("models/fraud.yaml", "name: fraud\n" + "".join(f"f{i}: 1\n" for i in range(9)))
    assert len(team.run("validate", "--format", "github").out.splitlines()) == 10


def test_annotations(team: Team) -> None:
    """Each is one line, and nothing that a file says starts a command or ends a property."""
    name = "50% a,b:c\n::error::x.yaml"
    team.write(f"models/{name}", 'name: x\nstages: {"a\\n::warning::b": 1, "\\e[31m": x}\n')
    ran = team.run("validate", "--format", "github")
    assert ran.code == 3
    lines = ran.out.splitlines()
    file = "registry/models/50%25 a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax.yaml"
    place = re.compile(
        re.escape(f"::error file={file},line=") + r"(\d+),col=(\d+),title=([a-z-]+)::(?!.*\n).+\Z"
    )
    found = [place.match(line) for line in lines]
    assert all(found), lines
    assert [one.groups() for one in found if one] == [
        ("1", "7", "file-name"), ("2", "10", "control-character"), ("2", "32", "control-character"),
        ("2", "42", "wrong-type"),
    ]  # fmt: skip
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", ran.out)
    team.write(f"models/{name}", "")
    team.write("notes.yaml", "")
    warned = team.run("validate", "--format", "github").out.splitlines()[-1]
    assert warned.startswith(
        "::warning file=registry/notes.yaml,line=1,col=1,title=misplaced-file::"
    )


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_hostile_names_and_text(team: Team, form: str) -> None:
    """A real process with a real pipe: bytes that are no text, and characters that a terminal
    obeys."""
    for name in (
        b"\xff.yaml",
        "\u202egnp.yaml".encode(),
        b"a\x1b[2Jb.yaml",
        "\x9b2J.yaml".encode(),
    ):
        Path(os.fsdecode(os.fsencode(team.folder / "registry/models") + b"/" + name)).write_bytes(
            b"name: [\x1b]\n"
        )
    process = team.spawn("validate", "--format", form)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 3 and "Traceback" not in err, err
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out + err)
    if form == "json":
        files = {one["file"] for one in json.loads(out)["errors"]}
        assert {"registry/models/\u202egnp.yaml", "registry/models/a\x1b[2Jb.yaml"} < files


# -- what it looks at ------------------------------------------------------------------------------


def test_it_reads_the_working_tree_and_not_the_commit(team: Team) -> None:
    team.write("models/fraud.yaml", "name: fraud\n" + BROKEN)
    assert judged(team, code=3)
    team.write("models/fraud.yaml", "name: fraud\nstages: {}\n")
    assert judged(team, code=0) == []


def test_changed_since(team: Team) -> None:
    team.commit("Broken on main", churn=BROKEN)
    team.git("checkout", "-q", "-b", "feature")
    assert judged(team, "--changed-since", "main", code=0) == []
    team.commit("Broken here", fraud="stages: {Nowhere: 1}\n", fine="stages: {Production: 1}\n")
    (team.folder / "registry/models/new.yaml").write_text("name: new\nstages: {A: 1}\n")
    found = team.run("validate", "--changed-since", "main", "--format", "json")
    assert found.json["manifests"] == 3
    assert told(found) == [
        ("registry/models/fraud.yaml", "stage-unknown"),
        ("registry/models/new.yaml", "stage-unknown"),
    ]
    assert len(judged(team, code=3)) == 5, "without it, all is looked at"
    team.git("checkout", "-q", "main")
    team.git("mv", "registry/models/churn.yaml", "registry/models/other.yaml")
    assert ("registry/models/other.yaml", "file-name") in judged(
        team, "--changed-since", "HEAD", code=3
    )
    team.git("rm", "-q", "-f", "registry/models/other.yaml")
    (team.folder / "registry/models/new.yaml").unlink()
    assert judged(team, "--changed-since", "HEAD", code=0) == [], "what is gone is not looked at"


def test_changed_since_judges_all_when_the_policy_changes(team: Team) -> None:
    team.write("policy.yaml", "stages: {Canary: {alias: canary, native: false}}\n")
    team.commit("A stage of our own", churn="stages: {Canary: 2}\n")
    team.git("checkout", "-q", "-b", "feature")
    team.write("policy.yaml", "drift: heal\n")
    assert judged(team, "--changed-since", "main", code=3) == [
        ("registry/models/churn.yaml", "stage-unknown")
    ]
    team.git("rm", "-q", "-f", "registry/policy.yaml")
    assert judged(team, "--changed-since", "main", code=3) == [
        ("registry/models/churn.yaml", "stage-unknown")
    ]


def test_changed_since_uses_the_policy_that_is_there(team: Team) -> None:
    team.write("policy.yaml", "stages: {Canary: {alias: canary, native: false}}\n")
    team.commit("A stage of our own")
    team.write("models/churn.yaml", "name: churn\nstages: {Canary: 2}\n")
    assert judged(team, "--changed-since", "HEAD", code=0) == []
    team.write("models/churn.yaml", "name: churn\nstages: {Canary: [2, 3]}\n")
    assert judged(team, "--changed-since", "HEAD", code=3) == [
        ("registry/models/churn.yaml", "stage-one-version")
    ]


@pytest.mark.parametrize("name", ["policy.yaml", "policy.yml"])
def test_changed_since_is_not_green_under_a_policy_that_nobody_can_read(
    team: Team, name: str
) -> None:
    team.write(name, "stages: {Canary: {native: false}}\n")
    team.commit("A broken policy")
    team.write("models/churn.yaml", "name: churn\nstages: {Whatever: 2}\n")
    code = "stage-needs-alias" if name == "policy.yaml" else "file-extension"
    assert judged(team, "--changed-since", "HEAD", code=3) == [(f"registry/{name}", code)]
    assert judged(team, "registry/models/churn.yaml", code=3) == [(f"registry/{name}", code)]


@pytest.mark.parametrize("folder", ["a", "z"])
def test_changed_since_sees_a_second_manifest_of_a_model(team: Team, folder: str) -> None:
    """Wherever the new one stands: before the old one or behind it."""
    team.write("models/m/churn.yaml", "name: churn\nstages: {}\n")
    team.git("rm", "-q", "registry/models/churn.yaml")
    team.commit("Moved")
    team.write(f"models/{folder}/churn.yaml", "name: churn\nstages: {}\n")
    expected = [(f"registry/models/{folder}/churn.yaml", "duplicate-model")]
    assert judged(team, "--changed-since", "HEAD", code=3) == expected
    assert judged(team, f"registry/models/{folder}", code=3) == expected


@pytest.mark.parametrize(
    ("unchanged", "changed", "files"),
    [
        ({"b": "[old]"}, {"old": ""}, ["b"]),
        ({"b": "[older, old]"}, {"c": "[old]"}, ["b", "c"]),
        ({"old": ""}, {"c": "[old]"}, ["c"]),
        ({"b": "[older]"}, {"c": "[old]"}, []),
        ({"a": "[x]", "b": "[x]"}, {"c": "[old]"}, []),
    ],
    ids=["new name", "listed twice", "name in use", "no clash", "a clash of others"],
)
def test_changed_since_sees_former_names_in_other_files(
    team: Team, unchanged: dict[str, str], changed: dict[str, str], files: list[str]
) -> None:
    def body(former: str) -> str:
        return f"stages: {{}}\n{f'formerly: {former}' if former else ''}\n"

    team.commit("Before", **{name: body(former) for name, former in unchanged.items()})
    for name, former in changed.items():
        team.write(f"models/{name}.yaml", f"name: {name}\n{body(former)}")
    found = judged(team, "--changed-since", "HEAD", code=3 if files else 0)
    assert found == [(f"registry/models/{name}.yaml", "former-name") for name in files]
    ran = team.run("validate", "--changed-since", "HEAD", "--format", "json")
    assert ran.json["manifests"] == len(changed)
    given = [f"registry/models/{name}.yaml" for name in changed]
    assert judged(team, *given, code=3 if {*files} & {*changed} else 0) == [
        (path, "former-name") for path in given if path.endswith(tuple(f"/{f}.yaml" for f in files))
    ]


def test_paths(team: Team, tmp_path: Path) -> None:
    team.commit(fraud=BROKEN)
    assert judged(team, "registry/models/churn.yaml", code=0) == []
    assert {file for file, _ in judged(team, "registry/models/fraud.yaml", code=3)} == {
        "registry/models/fraud.yaml"
    }
    assert judged(team, str(team.folder / "registry/models"), code=3) == judged(
        team, "registry", code=3
    )
    elsewhere = tmp_path / "new.yaml"
    elsewhere.write_text("name: new\nstages: {Nowhere: 1}\n")
    found = team.run("validate", str(elsewhere), "registry/models/churn.yaml", "--format", "json")
    assert found.code == 3 and found.json["manifests"] == 2
    assert told(found) == [(elsewhere.as_posix(), "stage-unknown")]
    policy = tmp_path / "policy.yaml"
    policy.write_text("drift: maybe\n")
    assert judged(team, str(policy), code=3) == [(policy.as_posix(), "bad-value")]
    ran = team.run("validate", "registry/models/gone.yaml")
    assert ran.code == 64 and "There is no registry/models/gone.yaml." in ran.err


def test_the_policy_as_a_path_is_every_manifest(team: Team) -> None:
    """It is part of their rules; pre-commit, for one, names the files that change and no other."""
    team.commit(fraud="stages: {Canary: 1}\n")
    assert judged(team, "registry/models/churn.yaml", code=0) == []
    team.write("policy.yaml", "drift: heal\n")
    ran = team.run("validate", str(team.folder / "registry/policy.yaml"), "--format", "json")
    assert ran.code == 3 and ran.json["manifests"] == 2
    assert told(ran) == [("registry/models/fraud.yaml", "stage-unknown")]


def test_paths_follow_no_links(team: Team, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("name: linked\nstages: {}\n")
    (team.folder / "registry/models/linked.yaml").symlink_to(outside)
    expected = [("registry/models/linked.yaml", "not-a-file")]
    assert judged(team, "registry/models/linked.yaml", code=3) == expected == judged(team, code=3)


def test_from_a_sub_folder_and_with_a_registry_folder_of_another_name(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.git("mv", "registry", "models-in-git")
    (team.folder / "models-in-git/models/fraud.yaml").write_text(
        "name: fraud\nstages: {Nowhere: 1}\n"
    )
    monkeypatch.chdir(team.folder / "models-in-git/models")
    command = [sys.executable, "-m", "mlflow_gitops", "--registry-dir", "models-in-git", "validate"]
    ran = subprocess.run(command, env=os.environ | GIT_ENVIRONMENT, capture_output=True, text=True)
    assert ran.returncode == 3, ran.stderr
    assert ran.stdout.startswith("models-in-git/models/fraud.yaml:2:10: error[stage-unknown]")
    ran = subprocess.run(
        [*command, "fraud.yaml"], env=os.environ | GIT_ENVIRONMENT, capture_output=True, text=True
    )
    assert ran.returncode == 3 and ran.stdout.startswith(
        "models-in-git/models/fraud.yaml:2:10: error[stage-unknown]"
    )


def test_a_schema_copy(team: Team) -> None:
    schemas = team.folder / "schemas"
    schemas.mkdir()
    for name in ("model.schema.json", "policy.schema.json"):
        (schemas / name).write_text(
            (shared_path("schemas") / name).read_text(encoding="utf-8"), encoding="utf-8"
        )
    team.commit("Schemas for editors")
    assert judged(team, code=0) == []
    (schemas / "model.schema.json").write_text("{}\n")
    for args in ((), ("--changed-since", "HEAD")):
        assert judged(team, *args, code=0) == [("schemas/model.schema.json", "schema-copy-differs")]
    assert judged(team, "registry/models/churn.yaml", code=0) == []
    # The rules are the command's own: under a schema that allows everything, the manifest is still
    # wrong.
    team.write("models/fraud.yaml", "name: fraud\nanything: goes\n")
    assert ("registry/models/fraud.yaml", "unknown-field") in judged(team, code=3)
