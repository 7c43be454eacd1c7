"""The format of a saved plan, held to golden files: what is written stays as it is, and files that
an earlier version wrote are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_gitops.app import saved_plan
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict

GOLDEN = Path(__file__).parent / "golden"
COMMIT = Commit("3f2a9c1" + "0" * 33, "2026-01-02T03:04:05Z", "Ana <ana@example.org>", "Promote 14")

PLAN = Plan(
    COMMIT.sha,
    (
        ModelPlan(
            "fraud-detector",
            "registry/models/fraud-detector.yaml",
            "Pending",
            "1" * 40,
            observed={"Production": (12,)},
            desired={"Production": (14,)},
            stages=(StageChange("Production", (12,), (14,), "commit", COMMIT),),
            changes=(
                Change("transition", 14, None, "Staging", "Production", "commit", False, COMMIT),
                Change("set_tag", None, "task", None, "classification", "drift"),
            ),
            gates=(
                Verdict("Production", 14, "soak", "waiting", "3 h of 24 h", until="2026-01-03"),
            ),
            refusals=(Refusal("frozen", "year-end", "wait", "commit"),),
            notes=("a note",),
            deferred="2026-01-03T00:00:00Z",
        ),
    ),
    Fingerprint({"files": "f" * 64, "registry": "e" * 64, "model fraud-detector": "d" * 64}),
    unmanaged=("stranger",),
    without_manifest=("gone",),
)


def test_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    saved_plan.save(PLAN, file, ["fraud-detector"], prune=True)
    assert file.read_text(encoding="utf-8") == (GOLDEN / "saved-plan-1.json").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("name", ["saved-plan-1.json", "saved-plan-1-with-comparisons.json"])
def test_every_format_is_read(name: str) -> None:
    saved = saved_plan.load(GOLDEN / name)
    assert saved.selection == ["fraud-detector"] and saved.prune and saved.other_models == 0
    assert not saved.is_empty
    saved.check(PLAN)


def test_another_format_is_no_plan_of_this_version(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    content = json.loads((GOLDEN / "saved-plan-1.json").read_text(encoding="utf-8"))
    for schema in (0, 2, "1", None):
        file.write_text(json.dumps(content | {"schema": schema}))
        with pytest.raises(saved_plan.Failure, match="not a plan of this version"):
            saved_plan.load(file)


def test_what_changed_is_named() -> None:
    saved = saved_plan.load(GOLDEN / "saved-plan-1.json")
    saved.content["made_from"] |= {"model fraud-detector": "other", "files": "other"}
    with pytest.raises(saved_plan.StalePlan) as raised:
        saved.check(PLAN)
    assert "the manifests or the policy, fraud-detector in MLflow changed" in raised.value.message
    assert raised.value.fix == "Plan again." and raised.value.exit_code == 4
