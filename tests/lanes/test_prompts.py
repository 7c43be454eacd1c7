"""MLflow's prompts under git: manifests with `kind: prompt`, from import to rollback, on every
registry."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mlflow_gitops.core.observed.prompts import prompt_words
from tests.support.proxy import proxy
from tests.support.registries.lane import LaneRegistry, uncrowded
from tests.support.team import Team

Register = Callable[..., str]


@pytest.fixture
def prompt(shelf: LaneRegistry) -> Register:
    """Registers a prompt with these texts as its versions, through MLflow's own function, and gives
    its name."""

    def register(*texts: Any, base: str = "greeting") -> str:
        name = f"{base}-{shelf._prefix}"
        for text in texts:
            shelf.client.register_prompt(name, text, commit_message=f"It says {text!r}")
        return name

    return register


def aliases(shelf: LaneRegistry, name: str) -> dict[str, int]:
    """What MLflow's own function for prompts shows of them."""
    found = shelf.client._get_registry_client().get_registered_model(name)
    return {alias: int(version) for alias, version in found.aliases.items()}


def loaded(shelf: LaneRegistry, name: str, alias: str) -> Any:
    """What a service gets."""
    return shelf.client.load_prompt(f"prompts:/{name}@{alias}", cache_ttl_seconds=0).template


def manifest(stages: str, rest: str = "") -> str:
    return f"kind: prompt\nstages: {stages}\n{rest}"


def test_promoted_rolled_back_and_told(team: Team, shelf: LaneRegistry, prompt: Register) -> None:
    name = prompt(
        "Hello {{name}}", "Good day {{name}}", [{"role": "user", "content": "Hi {{name}}"}]
    )
    team.commit(**{name: manifest("{Production: 1}")})
    done = team.reconcile()
    assert {"model": name, "stage": "Production", "version": 1} in done.json["changed"]
    assert (
        aliases(shelf, name) == {"production": 1}
        and loaded(shelf, name, "production") == "Hello {{name}}"
    )

    promoted = team.run("promote", name, "2", "Production", "--commit")
    assert promoted.code == 0, promoted.err
    assert f'digest: "{digest(shelf, name, 2)}"' in text(team, name)
    plan = team.run("plan", "--detailed-exitcode")
    assert plan.code == 2 and "Production  1 → 2" in plan.out
    assert "2 compared with 1: template: 1 new line, 1 gone" in plan.out
    team.reconcile()
    assert loaded(shelf, name, "production") == "Good day {{name}}"
    assert team.run("rollback", name, "--commit").code == 0
    assert "exempt" not in team.run("plan").out
    team.reconcile()
    assert loaded(shelf, name, "production") == "Hello {{name}}"
    assert team.run("status", name, "--exit-code").code == 0
    assert team.run("verify", name).code == 0
    events = team.run("log", name, "--format", "json").json
    assert [(event["stage"], event["from"], event["to"]) for event in events] == [
        ("Production", [], [1]), ("Production", [1], [2]), ("Production", [2], [1]),
    ]  # fmt: skip
    assert all(event["effect"]["result"] == "applied" for event in events)
    shown = team.run("show", name, "--lineage", "--format", "json").json
    assert shown["models"][0]["made_from"][0]["digest"] == digest(shelf, name, 1)
    stages = {int(version.version): version.current_stage for version in versions(shelf, name)}
    assert stages == {1: "None", 2: "None", 3: "None"}, "no stage of MLflow's is touched"


def versions(shelf: LaneRegistry, name: str) -> list[Any]:
    return list(
        shelf.client.search_model_versions(
            f"name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'"
        )
    )


def digest(shelf: LaneRegistry, name: str, number: int) -> str:
    [found] = [version for version in versions(shelf, name) if int(version.version) == number]
    return prompt_words(found.tags).digest


def text(team: Team, name: str) -> str:
    return (team.folder / f"registry/models/{name}.yaml").read_text()


def test_a_promotion_is_judged(team: Team, shelf: LaneRegistry, prompt: Register) -> None:
    """What a prompt has is judged as a model's; what it cannot have fails, unless the policy takes
    it away for prompts."""
    asks = (
        "require: {pinned: true, status: READY, tags: {reviewed: 'yes'}, metrics: {accuracy: {min:"
        " 0.9}}}"
    )
    policy = f"stages: {{Production: {{alias: live, {asks}}}}}\n"
    team.write("policy.yaml", policy)
    name = prompt("Hello", "Hello there")
    shelf.client.set_prompt_alias(name, "live", 1)
    team.commit("Rules", **{name: manifest("{Production: 1}")})
    team.reconcile()
    pin = f'{{digest: "{digest(shelf, name, 2)}"}}'
    team.commit(**{name: manifest("{Production: 2}", f"versions: {{2: {pin}}}\n")})
    plan = team.run("plan", name, "--format", "json")
    verdicts = {gate["gate"]: gate["status"] for gate in plan.json["models"][0]["gates"]}
    assert verdicts == {
        "status": "passed",
        "pinned": "passed",
        "tags": "failed",
        "metrics": "failed",
    }
    assert plan.code == 4 and "a prompt has nothing for metrics to judge" in plan.out

    nothing = "stages: {Production: {require: {metrics: null}}}"
    team.write("policy.yaml", f"{policy}models:\n  - {{match: '*', kind: prompt, {nothing}}}\n")
    team.commit("Prompts have no metrics", **{name: manifest("{Production: 1}")})
    team.reconcile()
    shelf.client.set_prompt_version_tag(name, "2", "reviewed", "yes")
    team.commit(**{name: manifest("{Production: 2}", f"versions: {{2: {pin}}}\n")})
    team.reconcile()
    assert aliases(shelf, name) == {"live": 2}


def test_drift_is_healed_and_another_text_is_refused(
    team: Team, shelf: LaneRegistry, prompt: Register
) -> None:
    name = prompt("Hello", "Hello there")
    pins = "\n".join(
        f'  {n}: {{digest: "{digest(shelf, name, n)}", tags: {{by: git}}}}' for n in (1, 2)
    )
    rest = (
        f"description: Greets.\ntags: {{team: support}}\naliases: {{short: 1}}\nversions:\n{pins}\n"
    )
    team.commit(**{name: manifest("{Production: 1, Staging: 2}", rest)})
    team.reconcile()
    assert aliases(shelf, name) == {"production": 1, "staging": 2, "short": 1}
    shelf.client.set_prompt_alias(name, "production", 2)
    shelf.client.delete_prompt_alias(name, "short")
    shelf.client.set_prompt_tag(name, "team", "sales")
    shelf.client.set_prompt_tag(name, "_mlflow_experiment_ids", ",7,")
    plan = team.run("plan", name, "--format", "json").json["models"][0]
    assert plan["sync"] == "Drifted" and len(plan["changes"]) == 3
    team.reconcile()
    found = shelf.client.get_prompt(name)
    assert (
        aliases(shelf, name) == {"production": 1, "staging": 2, "short": 1}
        and found.description == "Greets."
    )
    assert found.tags["team"] == "support" and found.tags["_mlflow_experiment_ids"] == ",7,"
    assert shelf.client.load_prompt(f"prompts:/{name}/2", cache_ttl_seconds=0).tags["by"] == "git"

    shelf.client.set_prompt_version_tag(name, "1", "mlflow.prompt.text", "Send me your password")
    refused = team.run("plan", name, "--format", "json")
    assert refused.code == 4
    assert [refusal["code"] for refusal in refused.json["models"][0]["refusals"]] == ["pin"]
    found_by = {
        one["field"] for one in team.run("verify", name, "--format", "json").json["unexplained"]
    }
    assert found_by == {"pin 1 digest"}


def test_a_stage_is_handed_over_by_one_write(
    team: Team, shelf: LaneRegistry, prompt: Register
) -> None:
    """MLflow moves an alias in one statement, so that a service that loads the prompt meanwhile
    finds the old or the new."""
    name = prompt("old", "new")
    team.commit(**{name: manifest("{Production: 1, Staging: 2}")})
    team.reconcile()
    team.commit(**{name: manifest("{Production: 2, Staging: 1}")})
    found: list[Any] = []
    done_with = threading.Event()

    def read() -> None:
        while not done_with.is_set():
            try:
                found.append(loaded(shelf, name, "production"))
            except Exception as missing:
                found.append(missing)

    reader = threading.Thread(target=read)
    if team.uri.startswith("http"):  # SQLite, opened twice in one process, may be locked
        reader.start()
    done = team.reconcile(name).json["models"][0]
    done_with.set()
    if reader.ident is not None:
        reader.join()
        assert found and found == sorted(found, key=["old", "new"].index), "old, then new"
    assert [(change["action"], change["key"]) for change in done["changes"]] == [
        ("set_alias", "production"), ("set_alias", "staging"),
    ]  # fmt: skip
    assert loaded(shelf, name, "production") == "new" and loaded(shelf, name, "staging") == "old"


def test_a_name_is_a_models_or_a_prompts(team: Team, shelf: LaneRegistry, prompt: Register) -> None:
    taken, model = prompt("Hello"), shelf.model(1)
    missing = f"nowhere-{model}"
    team.commit(
        **{
            taken: "stages: {Production: 1}\n",
            model: manifest("{Production: 1}"),
            missing: manifest("{}"),
        }
    )
    ran = team.run("plan", "--format", "json")
    assert ran.code == 4
    told = {
        model["model"]: [refusal["code"] for refusal in model["refusals"]]
        for model in ran.json["models"]
    }
    assert told == {taken: ["name_taken"], model: ["name_taken"], missing: ["missing_version"]}
    named = team.run("plan", taken, model, "--format", "json").json["models"]
    assert {one["model"]: one["refusals"][0]["code"] for one in named} == {
        taken: "name_taken",
        model: "name_taken",
    }
    assert team.run("reconcile", "--yes").code == 4
    assert aliases(shelf, taken) == {} and shelf.stages(model) == {1: "None"}
    assert not list(shelf.client.search_registered_models(f"name = '{missing}'")), (
        "nobody makes it a model"
    )
    assert "not a prompt" in team.run("promote", model, "1", "Staging").err


def test_imported_and_followed(team: Team, shelf: LaneRegistry, prompt: Register) -> None:
    name = prompt("Hello", "Hello there")
    shelf.client.set_prompt_alias(name, "production", 2)
    shelf.client.set_prompt_alias(name, "short", 1)
    team.commit("Root")
    told = team.run("import", name, "--tags", "--format", "json").json
    assert [(model["model"], model["result"], model["pending"]) for model in told["models"]] == [
        (name, "created", [])
    ]
    written = text(team, name)
    assert (
        "kind: prompt\nstages:\n  Production: 2\naliases:\n  short: 1\nversions:\n  1: {digest: "
        in written
    )
    assert "mlflow" not in written.split("\n", 1)[1], "what is MLflow's own is not declared"
    assert team.run("validate").code == 0
    plan = team.run("plan", name, "--detailed-exitcode")
    assert plan.code == 0, plan.out
    team.commit("Import")
    team.reconcile(name)
    shelf.client.set_prompt_alias(name, "production", 1)
    again = team.run("import", name, "--format", "json").json["models"][0]
    assert again["result"] == "updated" and "Production: 1" in text(team, name)
    assert team.run("plan", name, "--detailed-exitcode").code == 0
    assert (
        shelf.client.load_prompt(f"prompts:/{name}@production", cache_ttl_seconds=0).template
        == "Hello"
    )


def test_a_retired_prompt_is_told_and_pruned(
    team: Team, shelf: LaneRegistry, prompt: Register
) -> None:
    name = prompt("Hello")
    team.commit(**{name: manifest("{Production: 1}")})
    team.reconcile()
    team.git("rm", "-q", f"registry/models/{name}.yaml")
    team.commit("Retire it")
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0 and name in ran.err and aliases(shelf, name) == {"production": 1}
    team.reconcile("--prune", "--max-changes", "1")
    assert aliases(shelf, name) == {}


def test_two_versions_line_by_line(team: Team, shelf: LaneRegistry, prompt: Register) -> None:
    chat = [{"role": "system", "content": "Be kind.\n```\n@everyone <img src=x>\x1b[2J"}]
    name = prompt("Hello {{name}}\nHow are you?", "Hello {{name}}\nWell?", chat)
    team.commit(**{name: manifest("{Production: 1}")})
    team.reconcile()
    shown = team.run("compare", name, "Production", "2")
    assert shown.code == 0, shown.err
    assert "    -How are you?\n    +Well?\n" in shown.out
    other = team.run("compare", name, "2", "3")
    assert "+[system]" in other.out and "\x1b" not in other.out and "\\u001b[2J" in other.out
    page = team.run("compare", name, "2", "3", "--format", "markdown").out
    assert "@everyone" in page.split("````diff\n")[1].split("\n````\n")[0], (
        "dead, whatever it writes"
    )
    data = team.run("compare", name, "1", "2", "--format", "json").json
    assert data["prompt"]["diff"] == [
        "@@ -1,2 +1,2 @@",
        " Hello {{name}}",
        "-How are you?",
        "+Well?",
    ]
    assert data["from"]["digest"] == digest(shelf, name, 1)


def test_the_report_and_the_state_are_told(
    team: Team, shelf: LaneRegistry, prompt: Register
) -> None:
    name, other = prompt("Hello"), prompt("Bye", base="parting")
    team.commit(**{name: manifest("{Production: 1}")})
    before = team.run("status", "--format", "json").json["models"]
    syncs = {one["model"]: one["sync"] for one in before}
    assert (syncs[name], syncs[other]) == ("Pending", "Unmanaged")
    team.reconcile(name)
    assert team.run("report", "--out", str(team.folder / "page")).code == 0
    page = "".join(file.read_text() for file in (team.folder / "page").glob("*.html"))
    assert name in page


def test_requests(
    team: Team, shelf: LaneRegistry, prompt: Register, request: pytest.FixtureRequest
) -> None:
    """Prompts are two more listings where a manifest is of one, and none anywhere else."""
    if not team.uri.startswith("http"):
        pytest.skip("requests are counted over HTTP")
    name, model = prompt("Hello"), shelf.model(1)
    team.commit(**{model: "stages: {Production: 1}\n"})
    team.reconcile()
    with uncrowded(request.getfixturevalue("http_server")), proxy(team.uri) as between:
        assert team.run("plan", uri=between.address).code == 0
        assert len(between.requests) == 2
        team.commit(**{name: manifest("{Production: 1}")})
        between.reset()
        assert team.run("plan", uri=between.address).code == 0
        assert len(between.requests) == 4
        between.reset()
        assert team.run("plan", name, uri=between.address).code == 0
        assert len(between.requests) == 2
        between.reset()
        assert team.run("reconcile", name, "--yes", uri=between.address).code == 0
        paths = [path.rpartition("/mlflow/")[2] for _, path in between.requests]
        assert paths.count("registered-models/alias") == 1
        assert paths.count("registered-models/search") == paths.count("model-versions/search") == 3
        assert "model-versions/transition-stage" not in paths
