"""The gates on real registries, scenario by scenario (RULES R3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.models import Signed, log_model
from tests.support.receipts import receipts_in
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Production:
    alias: production
    from: [Staging]
    soak: 24h
    require:
      metrics: {accuracy: {min: 0.9}, latency_ms: {max: 50}}
      no_worse_than: {stage: Production, metrics: {accuracy: {tolerance: 0.01}}}
overrides: [soak, metrics]
"""
Forward = Callable[..., None]


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    """The quickest lane: gates read a version through the same client in all lanes."""
    return sqlite_uri


@pytest.fixture
def gated(team: Team) -> Team:
    team.write("policy.yaml", POLICY)
    return team


def verdicts(ran: Ran) -> dict[str, list[str]]:
    """Gate to its verdicts, of the only model in a plan or a reconcile."""
    [model] = ran.json["models"]
    found: dict[str, list[str]] = {}
    for one in model["gates"]:
        found.setdefault(one["gate"], []).append(one["status"])
    return found


def refused(ran: Ran) -> str:
    """Why the only model was refused."""
    assert ran.code == 4, ran.out + ran.err
    [model] = ran.json["models"]
    [refusal] = model["refusals"]
    assert refusal["code"] == "gate" and refusal["way_out"]
    return str(refusal["detail"])


def plan(team: Team, *args: str) -> Ran:
    return team.run("plan", "--format", "json", *args)


def reconcile(team: Team) -> Ran:
    return team.run("reconcile", "--yes", "--format", "json")


def established(team: Team, shelf: LaneRegistry, forward: Forward, **second: Any) -> str:
    """A model whose version 1 holds Production by every gate, and whose version 2 (`second` says of
    what quality) has been in Staging for two days."""
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    shelf.logged(name, **{"accuracy": 0.96, "latency_ms": 30, **second})
    team.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    team.reconcile()
    forward(days=2)
    team.commit("First", **{name: "stages: {Production: 1, Staging: 2}\n"})
    team.reconcile()
    forward(days=2)
    assert shelf.stages(name) == {1: "Production", 2: "Staging"}
    return name


def test_the_first_promotion_ever(gated: Team, shelf: LaneRegistry, forward: Forward) -> None:
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    gated.commit("Straight to Production", **{name: "stages: {Production: 1}\n"})
    assert "1 was not in Staging before" in refused(plan(gated))
    assert "1 was not in Staging before" in refused(reconcile(gated))
    assert shelf.stages(name) == {1: "None"} and not shelf.tags(name)
    gated.commit("To Staging first", **{name: "stages: {Staging: 1}\n"})
    gated.reconcile()
    gated.commit("Promote", **{name: "stages: {Production: 1}\n"})
    forward(days=2)
    shown = plan(gated)
    assert verdicts(shown) == {
        "from": ["passed"], "soak": ["passed"], "metrics": ["passed", "passed"],
        "no_worse_than": ["exempt"]
    }  # fmt: skip
    gated.reconcile()
    assert shelf.stages(name) == {1: "Production"} and shelf.aliases(name) == {"production": 1}


def test_a_soak_runs_out(gated: Team, shelf: LaneRegistry, forward: Forward) -> None:
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    gated.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    gated.reconcile()
    forward(hours=3)
    gated.commit("Too early", **{name: "stages: {Production: 1}\n"})
    shown = plan(gated, "--detailed-exitcode")
    assert shown.code == 2, "what waits is no refusal"
    assert verdicts(shown)["soak"] == ["waiting"]
    [model] = shown.json["models"]
    assert model["sync"] == "Pending" and not any(change["applies"] for change in model["changes"])
    until = model["deferred"]
    ran = reconcile(gated)
    assert (
        ran.code == 0
        and ran.json["summary"]["deferred"] == 1
        and ran.json["models"][0]["result"] == "deferred"
    )
    assert ran.json["models"][0]["deferred"] == until
    text = gated.run("reconcile", "--yes")
    assert text.code == 0 and f"deferred until {until}" in text.out
    assert shelf.stages(name) == {1: "Staging"}
    assert gated.run("status", "--format", "json").json["models"][0]["sync"] == "Pending"
    forward(hours=22)
    gated.reconcile()
    assert shelf.stages(name) == {1: "Production"}


def test_a_hotfix_overrides_the_soak(gated: Team, shelf: LaneRegistry, forward: Forward) -> None:
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    gated.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    gated.reconcile()
    message = "Promote 1 (#7)\n\n* Promote 1\n\nGate-Override: soak: INC-42 hotfix\n\n* typo"
    gated.commit(message, **{name: "stages: {Production: 1}\n"})
    assert verdicts(plan(gated))["soak"] == ["overridden"]
    gated.reconcile()
    assert shelf.stages(name) == {1: "Production"}
    receipt = receipts_in(gated.folder)[-1].text
    assert "overridden" in receipt and "INC-42 hotfix" in receipt


def test_an_override_in_a_merged_commit_counts_where_it_touches_the_manifest(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    gated.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    gated.reconcile()
    gated.git("checkout", "-qb", "hotfix")
    gated.commit("Promote\n\nGate-Override: soak: INC-42", **{name: "stages: {Production: 1}\n"})
    (gated.folder / "notes.txt").write_text("beside")
    gated.commit("Elsewhere\n\nGate-Override: metrics: not this file")
    shown = plan(gated, "--onto", "main")
    assert verdicts(shown)["soak"] == ["overridden"], "the branch's commits will be the merge's"
    gated.git("checkout", "-q", "main")
    gated.git("merge", "-q", "--no-ff", "-m", "Merge pull request #7 from hotfix", "hotfix")
    found = verdicts(plan(gated))
    assert found["soak"] == ["overridden"] and found["metrics"] == ["passed", "passed"]
    gated.reconcile()
    assert shelf.stages(name) == {1: "Production"}


def test_an_override_holds_though_the_manifest_is_moved(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    """Twice: within the pull request, and by a merge that is reconciled together with it."""
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    gated.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    gated.reconcile()

    def move(old: str, new: str) -> None:
        (gated.folder / "registry/models" / new).mkdir()
        gated.git("mv", f"registry/models/{old}{name}.yaml", f"registry/models/{new}{name}.yaml")
        gated.commit("Sort the models")

    gated.git("checkout", "-qb", "hotfix")
    gated.commit("Promote\n\nGate-Override: soak: INC-42", **{name: "stages: {Production: 1}\n"})
    move("", "cards/")
    gated.git("checkout", "-q", "main")
    gated.git("merge", "-q", "--no-ff", "-m", "Merge pull request #7 from hotfix", "hotfix")
    assert verdicts(plan(gated))["soak"] == ["overridden"]
    move("cards/", "payments/")
    assert verdicts(plan(gated))["soak"] == ["overridden"]
    gated.reconcile()
    assert shelf.stages(name) == {1: "Production"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Gate-Override: from: because", "the policy does not let it be overridden"),
        ("Gate-Override: soak:", "it gives no reason"),
        ("Gate-Override: other/Production soak: reason", ""),
    ],
)
def test_an_override_that_does_not_count_says_so(
    gated: Team, shelf: LaneRegistry, forward: Forward, line: str, told: str
) -> None:
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    gated.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    gated.reconcile()
    gated.commit(f"Promote\n\n{line}", **{name: "stages: {Production: 1}\n"})
    shown = plan(gated)
    assert verdicts(shown)["soak"] == ["waiting"]
    notes = shown.json["models"][0]["notes"]
    assert [told in note for note in notes] == ([True] if told else [])


def test_a_rollback_passes_though_the_newer_looks_better(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = established(gated, shelf, forward, accuracy=0.99)
    gated.commit("Promote 2", **{name: "stages: {Production: 2}\n"})
    gated.reconcile()
    gated.git("revert", "--no-edit", "HEAD")
    found = verdicts(plan(gated))
    assert found == {
        "from": ["exempt"], "soak": ["exempt"], "metrics": ["passed", "passed"],
        "no_worse_than": ["exempt"]
    }  # fmt: skip
    gated.reconcile()
    assert shelf.stages(name) == {1: "Production", 2: "Staging"}


def test_a_click_and_then_a_merge_is_still_judged(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = established(gated, shelf, forward, accuracy=0.91)
    shelf.client.transition_model_version_stage(
        name, "2", "Production", archive_existing_versions=True
    )
    gated.commit("What was clicked", **{name: "stages: {Production: 2}\n"})
    shown = plan(gated)
    assert "accuracy 0.91 is worse than 1's 0.95" in refused(shown)
    assert (
        "2 is already there in MLflow" in gated.run("plan").out or shown.json["models"][0]["stages"]
    )
    assert "accuracy 0.91" in refused(reconcile(gated))
    assert shelf.stages(name) == {1: "Production", 2: "Staging"}, "the click is healed meanwhile"
    assert shelf.aliases(name) == {"production": 1, "staging": 2}


def test_a_refusal_never_leaves_production_empty(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    """Someone clicks a third version in; the merge that is refused must not lead to nobody in
    Production."""
    name = established(gated, shelf, forward, accuracy=0.91)
    shelf.logged(name, accuracy=0.5)
    shelf.client.transition_model_version_stage(
        name, "3", "Production", archive_existing_versions=True
    )
    gated.commit("Refused", **{name: "stages: {Production: 2}\n"})
    refused(reconcile(gated))
    assert shelf.stages(name) == {1: "Production", 2: "Staging", 3: "Archived"}


def test_the_revert_of_a_refused_commit_leaves_nothing_behind(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = established(gated, shelf, forward, accuracy=0.5)
    gated.commit("Refused", **{name: "stages: {Production: 2}\ntags: {left: behind}\n"})
    refused(reconcile(gated))
    assert "left" not in shelf.tags(name)
    gated.git("revert", "--no-edit", "HEAD")
    ran = gated.reconcile()
    assert not ran.json["models"][0]["gates"], "nobody enters anything"
    assert shelf.stages(name) == {1: "Production", 2: "Staging"}
    assert gated.run("status", "--exit-code").code == 0


def test_a_policy_and_a_promotion_in_one_commit(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    """Nor in two commits that one reconcile sees: a looser policy counts once it was in force."""
    name = established(gated, shelf, forward, accuracy=0.91)
    gated.write("policy.yaml", POLICY.replace("tolerance: 0.01", "tolerance: 0.5"))
    gated.commit("Loosen, and use it", **{name: "stages: {Production: 2}\n"})
    assert "accuracy 0.91 is worse" in refused(plan(gated))
    gated.git("reset", "-q", "--hard", "HEAD~1")
    gated.write("policy.yaml", POLICY.replace("tolerance: 0.01", "tolerance: 0.5"))
    gated.commit("Loosen")
    gated.commit("Use it at once", **{name: "stages: {Production: 2}\n"})
    assert "accuracy 0.91 is worse" in refused(plan(gated))
    gated.git("reset", "-q", "--hard", "HEAD~1")
    gated.reconcile()
    gated.commit("Use it once it is in force", **{name: "stages: {Production: 2}\n"})
    gated.reconcile()
    assert shelf.stages(name)[2] == "Production"


def test_one_pull_request_cannot_loosen_and_use_it_either(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = established(gated, shelf, forward, accuracy=0.91)
    gated.git("checkout", "-qb", "sly")
    gated.write(
        "policy.yaml", "stages: {Production: {alias: production}, Staging: {alias: staging}}\n"
    )
    gated.commit("Loosen")
    gated.commit("Use it", **{name: "stages: {Production: 2}\n"})
    assert "accuracy 0.91 is worse" in refused(plan(gated, "--onto", "main"))
    gated.git("checkout", "-q", "main")
    gated.git("merge", "-q", "--no-ff", "-m", "Merge", "sly")
    assert "accuracy 0.91 is worse" in refused(reconcile(gated))


def test_the_first_policy_ever_judges_itself(
    team: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    (team.folder / "registry" / "policy.yaml").unlink()
    name = shelf.model(0)
    shelf.logged(name, accuracy=0.5)
    team.commit("No policy yet", **{name: "stages: {Staging: 1}\n"})
    team.reconcile()
    team.write("policy.yaml", POLICY)
    team.commit("The first policy, and a promotion", **{name: "stages: {Production: 1}\n"})
    assert "accuracy 0.5 < 0.9" in refused(plan(team))


def test_metrics_on_several_datasets(gated: Team, shelf: LaneRegistry, forward: Forward) -> None:
    name = established(gated, shelf, forward, accuracy={"holdout": 0.96, "field": 0.97})
    gated.commit("Promote 2", **{name: "stages: {Production: 2}\n"})
    assert (
        "was measured on several datasets: field (digest-of-field), holdout (digest-of-holdout)"
        in refused(plan(gated))
    )
    gated.git("reset", "-q", "--hard", "HEAD~1")
    gated.write("policy.yaml", POLICY.replace("{min: 0.9}", "{min: 0.9, dataset: digest-of-field}"))
    gated.commit("Name it")
    gated.reconcile()
    gated.commit("Promote 2", **{name: "stages: {Production: 2}\n"})
    found = plan(gated)
    assert verdicts(found)["metrics"] == ["passed", "passed"]
    assert any("accuracy 0.97 ≥ 0.9" in gate["detail"] for gate in found.json["models"][0]["gates"])


def test_better_on_other_data_is_not_better(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = established(gated, shelf, forward, accuracy={"easier": 0.99})
    gated.commit("Promote 2", **{name: "stages: {Production: 2}\n"})
    assert (
        "accuracy was measured on different data: easier (digest-of-easier) for 2, holdout"
        " (digest-of-holdout) for 1" in refused(plan(gated))
    )


def test_a_run_that_is_gone(gated: Team, shelf: LaneRegistry, forward: Forward) -> None:
    name = shelf.model(1)
    gated.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    gated.reconcile()
    forward(days=2)
    gated.commit("Promote", **{name: "stages: {Production: 1}\n"})
    assert "accuracy of 1 is missing: it has neither run nor logged model" in refused(plan(gated))


def test_two_gates_fail_at_once_and_both_are_told(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = established(gated, shelf, forward, accuracy=0.85, latency_ms=61)
    gated.commit("Promote 2", **{name: "stages: {Production: 2}\n"})
    ran = reconcile(gated)
    detail = refused(ran)
    for part in (
        "accuracy 0.85 < 0.9",
        "latency_ms 61 > 50",
        "accuracy 0.85 is worse than 1's 0.95",
    ):
        assert part in detail
    assert verdicts(ran) == {
        "from": ["passed"], "soak": ["passed"], "metrics": ["failed", "failed"],
        "no_worse_than": ["failed"]
    }  # fmt: skip
    shown = gated.run("plan").out
    assert (
        re.search("✗ metrics +accuracy 0.85 < 0.9\n", shown)
        and re.search("✓ from +from Staging\n", shown)
        and "✗ refused [gate]" in shown
    )
    assert shelf.stages(name) == {1: "Production", 2: "Staging"}


def test_others_go_on_beside_a_refused_model(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = established(gated, shelf, forward, accuracy=0.5)
    other = shelf.model(1, "other")
    gated.commit("Both", **{name: "stages: {Production: 2}\n", other: "stages: {Staging: 1}\n"})
    ran = reconcile(gated)
    assert ran.code == 4
    assert {model["model"]: model["result"] for model in ran.json["models"]} == {
        name: "refused",
        other: "applied",
    }
    assert shelf.stages(other) == {1: "Staging"}


def test_what_mlflow_shows_before_the_first_reconcile_is_adopted(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    name = shelf.model(2)
    shelf.client.transition_model_version_stage(name, "1", "Production")
    gated.commit("Import", **{name: "stages: {Production: 1}\n"})
    assert {status for found in verdicts(plan(gated)).values() for status in found} == {"exempt"}
    assert "from, soak, metrics, no_worse_than  adopted" in gated.run("plan").out
    gated.reconcile()
    assert shelf.aliases(name) == {"production": 1}


def test_approvals_wait_before_the_merge_and_refuse_after_it(
    team: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(1)
    team.write("policy.yaml", "stages: {Production: {alias: production, approvals: 1}}\n")
    team.commit("Policy")
    team.git("checkout", "-qb", "feature")
    team.commit("Promote", **{name: "stages: {Production: 1}\n"})
    ahead = plan(team, "--onto", "main")
    [gate] = ahead.json["models"][0]["gates"]
    assert ahead.code == 0 and gate["status"] == "waiting" and gate["needs"] == "1 approval"
    team.git("checkout", "-q", "main")
    team.git("merge", "-q", "--no-ff", "-m", "Merge", "feature")
    assert "cannot be read: the forge is not configured" in refused(reconcile(team))
    assert shelf.stages(name) == {1: "None"}


def test_a_plan_onto_shows_what_the_merge_changes_and_counts_the_rest(
    gated: Team, shelf: LaneRegistry, forward: Forward
) -> None:
    names = [shelf.model(2, kind) for kind in ("one", "two", "three")]
    gated.commit("All", **{name: "stages: {Staging: 1}\n" for name in names})
    gated.reconcile()
    gated.git("checkout", "-qb", "feature")
    head = gated.commit("Move one", **{names[0]: "stages: {Staging: 2}\n"})
    gated.git("checkout", "-q", "main")
    gated.commit("Meanwhile, wrongly", **{names[1]: "stages: {Production: 1}\n"})
    gated.git("checkout", "-q", "feature")
    ran = plan(gated, "--onto", "main", "--detailed-exitcode")
    assert ran.code == 2, ran.err
    assert [model["model"] for model in ran.json["models"]] == [names[0]]
    assert ran.json["commit"] == head and ran.json["others"] == 2 and ran.json["onto"] == "main"
    [row] = ran.json["models"][0]["stages"]
    assert (row["from"], row["to"], row["commit"]) == ([1], [2], head)
    assert "2 models the same as on main." in gated.run("plan", "--onto", "main").out
    gated.commit("In conflict", **{names[1]: "stages: {Staging: 2}\n"})
    clash = gated.run("plan", "--onto", "main")
    assert (
        clash.code == 1
        and "conflicts with" in clash.err
        and f"registry/models/{names[1]}.yaml" in clash.err
    )
    gated.git("checkout", "-q", "main")
    nothing = gated.run("plan", "--rev", "main", "--onto", "main", "--detailed-exitcode")
    assert nothing.code == 0 and "3 models the same as on main." in nothing.out


def test_a_branch_that_main_was_merged_into(
    gated: Team, shelf: LaneRegistry, forward: Forward, tmp_path: Path
) -> None:
    """As GitHub's "Update branch" does: what main did meanwhile, and was reconciled, is part of
    what is planned there."""
    name, other = shelf.model(0), shelf.model(1, "other")
    shelf.logged(name, accuracy=0.95, latency_ms=40)
    gated.commit("To Staging", **{name: "stages: {Staging: 1}\n"})
    gated.git("init", "-q", "--bare", str(tmp_path / "hub"))
    gated.git("remote", "add", "origin", str(tmp_path / "hub"))
    gated.git("push", "-q", "-u", "origin", "main")
    gated.git("checkout", "-qb", "feature")
    gated.commit("Promote\n\nGate-Override: soak: INC-42", **{name: "stages: {Production: 1}\n"})
    gated.git("checkout", "-q", "main")
    gated.write("policy.yaml", POLICY.replace("min: 0.9", "min: 0.99"))
    gated.commit("Meanwhile", **{other: "stages: {Staging: 1}\n"})
    gated.git("push", "-q")
    gated.reconcile()
    gated.commit("New there", **{(newer := shelf.model(1, "newer")): "stages: {Staging: 1}\n"})
    gated.git("push", "-q")
    gated.reconcile(newer)
    gated.git("checkout", "-q", "feature")
    behind = plan(gated)
    assert newer not in behind.json["gone"], "its manifest is not gone, it came later"
    assert {r["code"] for model in behind.json["models"] for r in model["refusals"]} >= {"stale"}, (
        "main was not merged yet"
    )
    gated.git("merge", "-q", "-m", "Update", "main")
    gated.commit("More", **{other: "stages: {Staging: 1}\ndescription: More\n"})
    models = {model["model"]: model for model in plan(gated).json["models"]}
    assert [change["action"] for change in models[other]["changes"]] == ["set_description"]
    told = {gate["gate"]: gate["status"] for gate in models[name]["gates"]}
    assert told["soak"] == "overridden", "by a commit from before that merge"
    assert (
        models[name]["refusals"][0]["detail"] == "1 may not enter Production: accuracy 0.95 < 0.99"
    ), "by main's policy now"
    assert gated.run("status", other, "--format", "json").json["models"][0]["sync"] == "Pending"


@pytest.mark.parametrize(("limit", "code"), [("1MB", 0), ("100B", 4)])
def test_the_size_gate_reads_what_mlflow_recorded(
    uri: str, shelf: LaneRegistry, team: Team, limit: str, code: int
) -> None:
    name = shelf.model(0)
    log_model(uri, name, Signed().output("double"))
    team.write("policy.yaml", f"stages: {{Production: {{require: {{max_size: {limit}}}}}}}\n")
    team.commit("Rules")
    team.commit("Promote", **{name: "stages: {Production: 1}\n"})

    ran = team.run("reconcile", "--yes", "--format", "json")

    assert ran.code == code, ran.out
    [gate] = ran.json["models"][0]["gates"]
    assert (gate["gate"], gate["status"]) == ("max_size", "failed" if code else "passed")
    if code:
        assert gate["detail"].startswith("size ") and gate["detail"].endswith(f"bytes) > {limit}")
    assert shelf.stages(name) == {1: "None" if code else "Production"}


@pytest.mark.parametrize("value", [0.5, 0.9601, 1e300])
def test_the_metrics_that_a_promotion_pins_are_compared(
    gated: Team, shelf: LaneRegistry, forward: Forward, value: float
) -> None:
    """The reviewer sees them in the diff. A value that somebody logs later refuses, and once the
    version holds the stage, `verify` shows it."""
    name = established(gated, shelf, forward)
    ran = gated.run("promote", name, "2", "Production", "--commit")
    assert ran.code == 0 and "metrics: {accuracy: 0.96, latency_ms: 30.0}" in ran.out

    version = shelf.versions(name)[2]
    logged = {"dataset_name": "holdout", "dataset_digest": "digest-of-holdout"}
    model_id = version.source.removeprefix("models:/")
    shelf.client.log_metric(version.run_id, "accuracy", value, step=9, model_id=model_id, **logged)
    [model] = reconcile(gated).json["models"]
    assert model["result"] == "refused"
    assert any("is pinned to accuracy 0.96, MLflow has" in r["detail"] for r in model["refusals"])

    shelf.client.log_metric(version.run_id, "accuracy", 0.96, step=10, model_id=model_id, **logged)
    gated.reconcile()
    assert shelf.stages(name)[2] == "Production"
    shelf.client.log_metric(version.run_id, "accuracy", value, step=11, model_id=model_id, **logged)
    unexplained = gated.run("verify", "--format", "json").json["unexplained"]
    assert "pin 2 metrics.accuracy" in {finding["field"] for finding in unexplained}
