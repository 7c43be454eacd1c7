"""Several MLflow servers from one repository: `--env` chooses a folder and an MLflow, and all else
is as it always is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.environments import Teams

POLICY = "stages:\n  Production: {alias: production}\n"


@pytest.fixture
def files(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Teams:
    """Manifests for two registries that are empty yet; prod has a policy that it could share, dev
    has none."""
    uris = {name: blank_registry(tmp_path / f"{name}.db") for name in ("dev", "prod")}
    made = Teams(tmp_path / "repo", uris, {"prod": ", policy: policy.yaml"})
    made.write("policy.yaml", POLICY)
    for name in uris:
        made.put(name, "churn", "stages: {Production: 1}\n")
    made.commit("Both keep churn 1")
    return made


@pytest.fixture
def teams(files: Teams) -> Teams:
    """The same, and in each registry a model `churn` of two versions."""
    for name, uri in files.uris.items():
        client = MlflowClient(uri)
        client.create_registered_model("churn")
        for number in (1, 2):
            client.create_model_version("churn", f"s3://{name}/{number}", await_creation_for=0)
    return files


def stages(uri: str) -> dict[int, str]:
    found = MlflowClient(uri).search_model_versions("name = 'churn'")
    return {int(version.version): str(version.current_stage) for version in found}


def test_each_environment_is_reconciled_by_itself(teams: Teams) -> None:
    teams.apply("dev")
    assert stages(teams.uris["dev"]) == {1: "Production", 2: "None"}
    assert stages(teams.uris["prod"]) == {1: "None", 2: "None"}
    teams.apply("prod")
    assert stages(teams.uris["prod"])[1] == "Production"
    aliases = [
        MlflowClient(uri).get_registered_model("churn").aliases for uri in teams.uris.values()
    ]
    assert aliases == [{}, {"production": 1}], "the shared policy is prod's alone"
    root = teams.git("rev-list", "--max-parents=0", "HEAD")
    owners = [
        MlflowClient(uri).get_registered_model("churn").tags["gitops.owner"]
        for uri in teams.uris.values()
    ]
    assert owners == [f"{root}:registry/dev:dev", f"{root}:registry/prod:prod"]


def test_the_audit_tells_each_environment_apart(teams: Teams) -> None:
    teams.apply("dev")
    teams.put("dev", "churn", "stages: {Production: 2}\n")
    teams.commit("Dev goes to 2")
    teams.apply("dev")
    told = teams.on("dev", "log", "--format", "json").json
    assert [(one["to"], bool(one["effect"])) for one in told if one["type"] == "stage"] == [
        ([1], True),
        ([2], True),
    ]
    told = teams.on("prod", "log", "--format", "json").json
    assert {one["type"] for one in told} == {"policy", "stage"}, (
        "prod's policy lies outside of its folder"
    )
    assert [(one["to"], one["effect"]) for one in told if one["stage"] == "Production"] == [
        ([1], None)
    ]
    held = [
        teams.on(name, "show", "--format", "json").json["models"][0]["stages"]
        for name in ("dev", "prod")
    ]
    assert [one["Production"] for one in held] == [[2], [1]]
    assert teams.on("dev", "verify").code == 0
    assert [teams.on(name, "status", "--exit-code").code for name in ("dev", "prod")] == [0, 2]


def test_a_plan_of_one_environment_is_none_of_another(teams: Teams, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    fingerprints = [
        teams.on(name, "plan", "--format", "json").json["fingerprint"] for name in ("dev", "prod")
    ]
    assert fingerprints[0] != fingerprints[1]
    assert teams.on("dev", "plan", "--out", plan).code == 0
    refused = teams.on("prod", "reconcile", "--yes", "--plan", plan)
    assert refused.code == 4, refused.out + refused.err
    assert stages(teams.uris["prod"])[1] == "None"


def test_a_folder_under_another_environments_name_is_refused(teams: Teams) -> None:
    teams.apply("dev")
    teams.write(
        "environments.yaml", f"test: {{folder: dev, tracking_uri: '{teams.uris['dev']}'}}\n"
    )
    teams.commit("Dev is called test")
    refused = teams.on("test", "reconcile", "--yes")
    assert refused.code == 4 and "--take-over" in refused.out


def test_the_shared_policy_judges_and_is_judged_by_what_stood_before(teams: Teams) -> None:
    """One pull request cannot loosen a gate and use it, wherever the policy lies (RULES R3)."""
    teams.apply("prod")
    teams.write(
        "policy.yaml",
        POLICY.replace("production}", "production, require: {tags: {tested: 'yes'}}}"),
    )
    teams.commit("Only what was tested")
    teams.write("policy.yaml", POLICY)
    teams.put("prod", "churn", "stages: {Production: 2}\n")
    teams.commit("Loosened, and used")
    refused = teams.on("prod", "plan")
    assert refused.code == 4 and "tag tested is missing" in refused.out
    teams.put("prod", "churn", "stages: {Production: 1}\n")
    assert "registry/prod/models/churn.yaml" in teams.git("status", "--porcelain")
    assert teams.on("prod", "plan").code == 0


def test_naming_another_policy_is_judged_by_the_one_that_was_named_before(teams: Teams) -> None:
    """A pull request that lets the list name a policy without gates, and promotes."""
    teams.write(
        "policy.yaml",
        POLICY.replace("production}", "production, require: {tags: {tested: 'yes'}}}"),
    )
    teams.commit("Only what was tested")
    teams.apply("prod")
    listed = (teams.folder / "registry/environments.yaml").read_text(encoding="utf-8")
    teams.git("checkout", "-qb", "sly")
    teams.write("lax.yaml", POLICY)
    teams.write("environments.yaml", listed.replace("policy: policy.yaml", "policy: lax.yaml"))
    teams.put("prod", "churn", "stages: {Production: 2}\n")
    teams.commit("Another policy, and used")
    teams.git("checkout", "-q", "main")
    assert "tag tested is missing" in teams.on("prod", "plan", "--rev", "sly", "--onto", "main").out
    teams.git("merge", "-q", "--no-ff", "-m", "Merge", "sly")
    refused = teams.on("prod", "reconcile", "--yes")
    assert refused.code == 4 and "tag tested is missing" in refused.out
    assert stages(teams.uris["prod"])[1] == "Production"
    # Once it is the policy, it judges.
    teams.git("revert", "-m", "1", "--no-edit", "HEAD")
    teams.write("environments.yaml", listed.replace("policy: policy.yaml", "policy: lax.yaml"))
    teams.write("lax.yaml", POLICY)
    teams.commit("Another policy")
    teams.put("prod", "churn", "stages: {Production: 2}\n")
    teams.commit("Used")
    assert teams.on("prod", "reconcile", "--yes").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan",), "choose one with --env dev, prod"),
        (("log",), "choose one with --env dev, prod"),
        (("--env", "test", "plan"), "has no environment 'test'; it has dev, prod"),
        (("--env", "dev", "--tracking-uri", "http://elsewhere", "plan"), "pass either --env"),
        (
            ("--registry-dir", "registry/dev", "--env", "dev", "plan"),
            "There is no registry/dev/environments.yaml",
        ),
    ],
    ids=" ".join,
)
def test_which_mlflow_is_meant_is_never_guessed(
    files: Teams, arguments: tuple[str, ...], said: str
) -> None:
    ran = files.on(None, *arguments)
    assert ran.code == 64 and said in ran.err


def test_the_variable_chooses_too(teams: Teams) -> None:
    assert (
        teams.on(None, "plan", MLFLOW_GITOPS_ENV="dev", MLFLOW_TRACKING_URI="http://elsewhere").code
        == 0
    )


def test_validate_looks_at_all_of_them(files: Teams) -> None:
    assert "2 manifests: 0 errors" in files.on(None, "validate").err
    files.put("dev", "churn", "stages: {Production: x}\n")
    files.write("environments.yaml", "dev: {tracking_uri: 'https://me:secret@host'}\n")
    told = files.on(None, "validate", "--format", "json")
    assert told.code == 3 and "secret" not in told.out
    assert [(error["file"], error["code"]) for error in told.json["errors"]] == [
        ("registry/environments.yaml", "credentials")
    ]
    files.write("environments.yaml", "dev: {tracking_uri: 'https://host'}\n")
    for given in ((), ("--changed-since", "HEAD"), (str(files.folder / "registry/dev"),)):
        told = files.on(None, "validate", *given, "--format", "json")
        assert [(error["file"], error["code"]) for error in told.json["errors"]] == [
            ("registry/dev/models/churn.yaml", "wrong-type")
        ], given


def test_a_list_that_is_wrong_is_an_invalid_file(files: Teams) -> None:
    files.write("environments.yaml", "dev: [1]\n")
    ran = files.on("dev", "plan")
    assert ran.code == 3 and "environments.yaml:1:6: error[wrong-type]: dev must be" in ran.out
    files.git("rm", "-q", "--cached", "registry/environments.yaml")
    files.git("commit", "-q", "--amend", "-m", "It was never valid")
    ran = files.on("dev", "plan")
    assert ran.code == 3 and "environments.yaml:1: dev must be a mapping" in ran.err


def test_the_last_valid_list_counts_while_the_list_is_wrong(teams: Teams) -> None:
    teams.apply("dev")
    for text in ("dev: [1]\n", "dev: {tracking_uri: 'https://me:secret@host'}\n", "{\n"):
        teams.write("environments.yaml", text)
        teams.git("add", "-A")
        teams.git("commit", "-q", "-m", "Wrong")
        MlflowClient(teams.uris["dev"]).transition_model_version_stage("churn", "1", "Archived")
        ran = teams.on("dev", "reconcile", "--yes", "--format", "json")
        assert ran.code == 3 and "secret" not in ran.out
        assert {error["file"] for error in ran.json["errors"]} == {"registry/environments.yaml"}
        assert stages(teams.uris["dev"])[1] == "Production", "drift is healed"

    teams.put("dev", "churn", "stages: {Production: 2}\n")
    teams.git("commit", "-qa", "-m", "Promote")
    ran = teams.on("dev", "reconcile", "--yes", "--format", "json")
    [refusal] = ran.json["models"][0]["refusals"]
    assert ran.code == 3 and refusal["code"] == "policy_invalid"
    assert teams.on("dev", "validate").code == teams.on(None, "validate").code == 3


def test_a_file_that_is_given_is_judged_in_its_environment(files: Teams) -> None:
    files.put("prod", "churn", "stages: {Canary: 1}\n")
    file = str(files.folder / "registry/prod/models/churn.yaml")
    told = files.on(
        None, "validate", file, str(files.folder / "registry/environments.yaml"), "--format", "json"
    ).json
    assert (told["manifests"], [error["code"] for error in told["errors"]]) == (
        1,
        ["stage-unknown"],
    )


def test_a_change_of_codeowners_is_judged_in_every_environment(files: Teams) -> None:
    files.put("prod", "churn", "stages: {}\nowners: ['@acme/risk-ml']\n")
    files.on(None, "codeowners")
    files.git("add", "-A")
    files.git("commit", "-q", "-m", "Owners")
    file = files.folder / ".github/CODEOWNERS"
    for given in (("--changed-since", "HEAD"), (str(file),)):
        assert files.on(None, "validate", *given).code == 0
    file.write_text(file.read_text().replace("@acme/risk-ml", "@mallory"))
    for given in (("--changed-since", "HEAD"), (str(file),), ()):
        assert files.on(None, "validate", *given).code == 3, given


def test_a_shared_policy_that_is_missing_stops_it(files: Teams) -> None:
    (files.folder / "registry/policy.yaml").unlink()
    ran = files.on("prod", "plan")
    assert ran.code == 3 and "registry/policy.yaml" in ran.out


def test_init_makes_an_environments_folder(files: Teams) -> None:
    files.write("environments.yaml", "uat: {tracking_uri: 'https://host'}\n")
    made = files.on("uat", "init", "--yes", "--no-github", "--format", "json")
    written = {file["file"] for file in made.json["files"]}
    assert {
        "registry/uat/policy.yaml",
        "registry/uat/models/.gitkeep",
        "schemas/environments.schema.json",
    } <= written
    assert files.on(None, "validate").code == 0
    files.on("uat", "init", "--yes", "--owner", "@acme/ml", "--no-github")
    everywhere = files.on(None, "init", "--yes", "--no-github", "--format", "json").json["files"]
    assert {one["file"] for one in everywhere} == {
        f"schemas/{name}.schema.json" for name in ("environments", "model", "policy")
    }


def test_codeowners_speaks_for_all_of_them(files: Teams) -> None:
    files.write("policy.yaml", 'owners: ["@acme/platform"]\n' + POLICY)
    files.put("dev", "churn", 'owners: ["@acme/risk"]\nstages: {Production: 1}\n')
    assert files.on(None, "codeowners").code == 0
    lines = (files.folder / ".github/CODEOWNERS").read_text().splitlines()
    assert "/registry/dev/models/churn.yaml @acme/risk" in lines
    assert {
        "/registry/policy.yaml @acme/platform",
        "/registry/environments.yaml @acme/platform",
    } <= set(lines)
    assert files.on(None, "validate").code == 0
    assert files.on(None, "codeowners", "--check").code == 0
