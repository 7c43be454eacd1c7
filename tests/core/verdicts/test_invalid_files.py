"""What an invalid file stops: the content of its own model's file, and entries of protected stages
while the policy is invalid (RULES R12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.plan.refusals.run_limit import limit_refusal
from mlflow_gitops.core.verdicts.invalid_files import FileErrors
from mlflow_gitops.core.yaml.problems import Problem
from tests.support.core.one_model import (
    BASE,
    make_context,
    make_desired,
    make_history,
    make_observed,
    make_version,
)

ERROR = Problem("registry/models/m.yaml", 3, 1, "unknown-field", "there is no field oops")
POLICY_ERROR = Problem("registry/policy.yaml", 1, 1, "yaml-syntax", "a bracket is not closed")
CANARY = "stages: {Canary: {alias: canary, native: false}, Staging: {protected: true}}"


def planned(
    errors: FileErrors, *bodies: str, shown: str = "None", base: bool = True, policy: str = ""
) -> ModelPlan:
    """A plan of the model `m` that git wants like this, one body a commit, and of which MLflow
    shows version 1 in a stage."""
    states = [make_desired(body, policy) for body in bodies]
    history = make_history(*states, base=BASE if base else None, state="known" if base else "none")
    observed = make_observed(make_version(1, shown), 2)
    return plan_model("m", history, observed, replace(make_context(), errors=errors))


@pytest.mark.parametrize("shown", ["None", "Staging", "Production"])
def test_an_invalid_model_is_healed_to_what_the_last_valid_commit_wants(shown: str) -> None:
    plan = planned(FileErrors((ERROR,)), "stages: {Production: 1}", shown=shown)
    assert plan.sync == "Invalid" and [refusal.code for refusal in plan.refusals] == ["invalid"]
    assert len(plan.applying) == (shown != "Production")
    assert "registry/models/m.yaml:3:1" in plan.refusals[0].detail
    assert plan.is_invalid and not plan.is_refused


@pytest.mark.parametrize("is_held", [False, True])
def test_a_held_model_waits_and_is_healed(is_held: bool) -> None:
    errors = FileErrors((ERROR, ERROR), is_held)
    plan = planned(errors, "stages: {Production: 1}", "stages: {Production: 1, Staging: 2}")
    moved = sorted(change.version or 0 for change in plan.applying)
    assert moved == ([1] if is_held else [1, 2])
    assert bool(plan.stamps) is not is_held
    assert "(and 1 more error)" in plan.refusals[0].detail


@pytest.mark.parametrize(
    ("body", "policy", "is_known", "refused"),
    [
        ("stages: {Production: 2}", "", True, ["Production"]),
        ("stages: {Staging: 2}", "", True, []),
        ("stages: {Staging: 2}", CANARY, True, ["Staging"]),
        ("stages: {Canary: 2}", CANARY, True, []),
        ("stages: {Canary: 2, Staging: 1}", CANARY, False, ["Staging", "Canary"]),
    ],
)
def test_an_invalid_policy_refuses_entries_of_protected_stages(
    body: str, policy: str, is_known: bool, refused: list[str]
) -> None:
    errors = FileErrors(of_policy=(POLICY_ERROR,), is_policy_known=is_known)
    plan = planned(errors, "stages: {}", body, policy=policy)
    assert [refusal.field for refusal in plan.refusals] == refused
    assert {refusal.code for refusal in plan.refusals} <= {"policy_invalid"}
    assert plan.is_refused is bool(refused) and not plan.is_invalid


def test_what_mlflow_shows_is_adopted_under_an_invalid_policy() -> None:
    errors = FileErrors(of_policy=(POLICY_ERROR,))
    for shown, codes in (("Production", []), ("Staging", ["policy_invalid"])):
        plan = planned(errors, "stages: {Production: 1}", shown=shown, base=False)
        assert [refusal.code for refusal in plan.refusals] == codes


def test_an_invalid_model_does_not_count_for_the_limit() -> None:
    invalid = planned(FileErrors((ERROR,)), "stages: {Production: 1}")
    valid = planned(FileErrors(), "stages: {Production: 1}")
    assert limit_refusal([invalid, valid], None, 1) is None
    assert limit_refusal([valid, valid], None, 1) is not None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), "registry/models/m.yaml"),
        (("registry/models/m.yaml",), "registry/models/m.yaml"),
        (("registry/models/team/m.yaml",), "registry/models/team/m.yaml"),
        (("registry/models/a/m.yaml", "registry/models/m.yaml"), "registry/models/m.yaml"),
        (("registry/policy.yaml", "registry/models/other.yaml"), "registry/models/m.yaml"),
    ],
)
def test_the_file_of_a_model_is_where_its_errors_are(files: Sequence[str], expected: str) -> None:
    errors = FileErrors(tuple(Problem(file, 1, 1, "wrong-type", "x") for file in files))
    assert errors.file_of("m", "registry/models/m.yaml") == expected
