"""`compare`, and the comparisons in a plan, on really logged models over SQLite and over HTTP."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.support.models import Signed, log_model
from tests.support.proxy import proxy
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team

ROWS = [1, 2, 3]


def two(uri: str, shelf: LaneRegistry, name: str = "model") -> str:
    """A model with two really logged versions that differ in everything."""
    full = shelf.model(0, name)
    log_model(
        uri, full, Signed(),
        metrics={"accuracy": 0.9}, params={"depth": "3", "seed": "7"}, data=[("holdout", ROWS)],
        tags={"dvc.data/train.csv": "5" * 32, "mlflow.source.git.commit": "a" * 40},
        requirements=["scikit-learn==1.4.2"],
    )  # fmt: skip
    log_model(
        uri, full, Signed().column("hour", "long"),
        metrics={"accuracy": 0.95, "f1": 0.5}, params={"depth": "5", "seed": "7"},
        data=[("holdout", ROWS)],
        tags={"dvc.data/train.csv": "6" * 32, "mlflow.source.git.commit": "b" * 40},
        requirements=["scikit-learn==1.5.0", "numpy==1.26.4"],
    )  # fmt: skip
    return full


def test_two_logged_versions(uri: str, team: Team, shelf: LaneRegistry) -> None:
    name = two(uri, shelf)
    shelf.client.transition_model_version_stage(name, "1", "Production")
    shelf.client.set_registered_model_alias(name, "champion", "1")
    ran = team.run("compare", name, "Production", "2", "--format", "json")
    assert ran.code == 0 and ran.err == ""
    found = ran.json
    one, other = found["from"], found["to"]
    assert (one["version"], other["version"]) == (1, 2) and one["holds"] == [
        "Production",
        "@champion",
    ]
    assert (
        one["status"] == "READY"
        and one["registered"].endswith("Z")
        and one["registered"] <= other["registered"]
    )
    assert (
        one["run_id"]
        and one["run_id"] != other["run_id"]
        and one["source"].startswith("models:/m-")
    )
    assert (one["code_commit"], other["code_commit"]) == ("a" * 40, "b" * 40)
    assert one["size"] > 100 and one["python"].startswith("3.") and one["unread"] == []
    accuracy, f1 = found["metrics"]
    assert (accuracy["from"], accuracy["to"], accuracy["dataset"]["name"]) == (0.9, 0.95, "holdout")
    assert accuracy["delta"] == pytest.approx(0.05) and accuracy["dataset"]["digest"]
    assert (f1["metric"], f1["from"], f1["to"], f1["delta"]) == ("f1", None, 0.5, None)
    assert (
        found["params"] == [{"param": "depth", "from": "3", "to": "5"}]
        and found["same"]["params"] == 1
    )
    [dataset] = found["datasets"]
    assert (
        dataset["dataset"] == "holdout"
        and dataset["from"] == dataset["to"] == accuracy["dataset"]["digest"]
    )
    assert found["data"] == [{"path": "data/train.csv", "from": "5" * 32, "to": "6" * 32}]
    changes = [{"detail": "input hour: new and required", "breaks": True}]
    assert found["signature"] == {"compatible": False, "changes": changes}
    libraries = {
        library["library"]: (library["from"], library["to"]) for library in found["libraries"]
    }
    assert libraries == {"numpy": (None, "1.26.4"), "scikit-learn": ("1.4.2", "1.5.0")}
    # By alias, under the other name, and in the other forms.
    assert team.run("diff", name, "champion", "2", "--format", "json").json == found
    shown = team.run("compare", name, "1", "2").out
    for part in (
        "✗ input hour: new and required",
        "0.9 ",
        "+0.05",
        "scikit-learn",
        "5" * 32,
        "holdout",
    ):
        assert part in shown
    assert (
        "| `accuracy` | `0.9` | `0.95` |"
        in team.run("compare", name, "1", "2", "--format", "markdown").out
    )


def test_other_data_under_one_name_is_not_compared(
    uri: str, team: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(0)
    for rows, value in ((ROWS, 0.9), ([4, 5], 0.99)):
        log_model(uri, name, Signed(), metrics={"accuracy": value}, data=[("holdout", rows)])
    found = team.run("compare", name, "1", "2", "--format", "json").json
    assert [(m["from"], m["to"], m["delta"], m["comparable"]) for m in found["metrics"]] == [
        (0.9, None, None, False),
        (None, 0.99, None, False),
    ]
    assert "not the same data, not comparable" in team.run("compare", name, "1", "2").out


def test_what_is_not_recorded_is_said(uri: str, team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(1)
    log_model(uri, name, Signed())
    gone = shelf.client.create_model_version(name, "s3://models/3", "0" * 32, await_creation_for=0)
    ran = team.run("compare", name, "1", str(gone.version))
    assert ran.code == 0
    assert f"{'0' * 32} (not in MLflow)" in ran.out and "not recorded for 1 and 3" in ran.out
    assert team.run("compare", name, "1", "2", "--format", "json").json["signature"] is None


@pytest.mark.parametrize(
    ("which", "said"),
    [
        (("nothing", "1", "2"), "is not in MLflow"),
        (
            ("{name}", "1", "9"),
            (
                "no version, stage or alias 9 in MLflow; it has the versions 1, 2 and the aliases"
                " champion"
            ),
        ),
        (("{name}", "Staging", "2"), "no version, stage or alias Staging"),
    ],
)
def test_what_there_is_not(
    uri: str, team: Team, shelf: LaneRegistry, which: tuple[str, ...], said: str
) -> None:
    name = shelf.model(2)
    shelf.client.set_registered_model_alias(name, "champion", "1")
    ran = team.run("compare", *(part.format(name=name) for part in which))
    assert ran.code == 1 and said in ran.err and ran.out == ""


def test_a_stage_of_the_teams_own_goes_by_its_alias(
    uri: str, team: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(2)
    shelf.client.set_registered_model_alias(name, "c1", "2")
    team.write("policy.yaml", "stages: {Canary: {alias: c1, native: false}}\n")
    assert team.run("compare", name, "1", "Canary", "--format", "json").json["to"]["version"] == 2


# -- in a plan -------------------------------------------------------------------------------------


@pytest.fixture
def promoted(uri: str, team: Team, shelf: LaneRegistry) -> str:
    """A committed promotion of version 2 over version 1, not reconciled yet; and a model beside it
    that stays as it is."""
    name, other = two(uri, shelf), shelf.model(1, "other")
    team.commit("Start", **{name: "stages: {Production: 1}\n", other: "stages: {Production: 1}\n"})
    team.reconcile()
    team.commit("Promote 2 (#12)", **{name: "stages: {Production: 2}\n"})
    return name


def test_the_old_version_beside_the_new_one(team: Team, promoted: str) -> None:
    models = {
        model["model"]: model for model in team.run("plan", "--format", "json").json["models"]
    }
    [row] = models[promoted]["stages"]
    found = row["comparison"]
    compared = team.run("compare", promoted, "1", "2", "--format", "json").json
    assert compared == {"schema": 1, **found}
    assert (
        "2 compared with 1: accuracy 0.9 → 0.95 (+0.05); signature breaks: input hour"
        in team.run("plan").out
    )
    page = team.run("plan", "--format", "markdown").out
    assert "<details><summary>2 compared with 1</summary>" in page and "Promote 2 (#12)`" in page
    assert "\n✅ **Plan: 2 models: 1 to apply, 1 unchanged; 3 changes to make.**\n" in page
    status = team.run("status", "--format", "markdown").out
    assert f"| `{promoted}` | Pending | `Production 1 (git: 2)`" in status


def test_a_saved_plan_is_applied_without_its_comparisons(
    team: Team, shelf: LaneRegistry, promoted: str
) -> None:
    file = team.folder.parent / "plan.json"
    assert team.run("plan", "--out", str(file)).code == 0
    assert '"comparison"' not in file.read_text(encoding="utf-8")
    assert team.run("reconcile", "--plan", str(file), "--yes").code == 0
    assert shelf.stages(promoted) == {1: "Archived", 2: "Production"}


def test_evidence_that_cannot_be_read_fails_no_plan(
    team: Team, promoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> Any:
        raise RegistryFailure("the server forbids this", transient=True)

    monkeypatch.setattr(Registry, "record", refuse)
    monkeypatch.setattr(Registry, "model_file", refuse)
    ran = team.run("plan", "--format", "json")
    assert ran.code == 0
    [row] = next(model for model in ran.json["models"] if model["model"] == promoted)["stages"]
    assert row["comparison"]["to"]["unread"] == ["the server forbids this"]
    assert "not read: the server forbids this" in team.run("plan").out


class TestRequests:
    """What a plan asks for, counted between it and the server."""

    @pytest.fixture
    def uri(self, http_uri: str) -> str:
        return http_uri

    def asked(self, team: Team, uri: str, *args: str) -> Counter[str]:
        with proxy(uri) as between:
            assert team.run(*args, uri=between.address).code == 0
            return Counter(
                path.partition("?")[0].rpartition("2.0/")[2] for _, path in between.requests
            )

    def test_only_versions_about_to_change_are_read_and_once(
        self, team: Team, shelf: LaneRegistry, http_uri: str, promoted: str
    ) -> None:
        team.commit("Back", **{promoted: "stages: {Production: 1}\n"})
        team.write(
            "policy.yaml",
            "stages: {Production: {alias: production, require: {metrics: {accuracy: {min: 0.5}}}}}",
        )
        team.commit("A gate that reads, too")
        team.commit("Promote 2 again", **{promoted: "stages: {Production: 2}\n"})
        asked = self.asked(team, http_uri, "plan")
        assert (
            asked["mlflow/registered-models/search"] == asked["mlflow/model-versions/search"] == 1
        )
        assert asked["mlflow/runs/get"] == 2
        assert (
            asked["mlflow/model-versions/get-download-uri"] == 0
        )  # the logged model says where its artifacts are
        logged = [path for path in asked if path.startswith("mlflow/logged-models/")]
        assert sum(asked[path] for path in logged) == 2
        assert sum(asked.values()) <= 18, asked
        # A status judges, and compares nothing.
        asked = self.asked(team, http_uri, "status")
        assert (
            asked["mlflow/runs/get"] == 1 and asked["mlflow/model-versions/get-download-uri"] == 0
        )

    def test_nothing_is_read_where_no_version_is_replaced(
        self, team: Team, shelf: LaneRegistry, http_uri: str, promoted: str
    ) -> None:
        team.reconcile()
        assert set(self.asked(team, http_uri, "plan")) == {
            "mlflow/registered-models/search",
            "mlflow/model-versions/search",
        }
