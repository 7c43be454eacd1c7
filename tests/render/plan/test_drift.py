"""The log names healed drift, and whose value was replaced."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.render.plan.drift import healed_drift
from mlflow_gitops.render.reconcile import outcome_lines
from mlflow_gitops.render.terminal import Style

MOVED = (
    Change("transition", 5, before="Archived", after="Production", cause="drift"),
    Change("transition", 3, before="Production", after="Archived", cause="drift"),
)


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        (MOVED, ["Production 3 (set in MLflow) replaced by 5"]),
        (MOVED[:1], ["Production, which 5 had left in MLflow, holds it again"]),
        (MOVED[1:], ["Production 3 (set in MLflow) removed"]),
        (
            [Change("set_alias", None, "champion", 3, 5, "drift")],
            ["alias champion 3 (set in MLflow) replaced by 5"],
        ),
        (
            [Change("set_alias", None, "champion", None, 5, "drift")],
            ["alias champion, removed in MLflow, is 5 again"],
        ),
        (
            [Change("set_tag", 2, "team", "x" * 70, "risk", "drift")],
            [
                f'tag team of version 2 "{"x" * 60}…" (10 more characters)'
                ' (set in MLflow) replaced by "risk"'
            ],
        ),
        (
            [Change("delete_tag", None, "team", "fraud", None, "drift")],
            ['tag team "fraud" (set in MLflow) removed'],
        ),
        (
            [Change("set_description", None, None, "theirs", "ours", "drift")],
            ['description "theirs" (set in MLflow) replaced by "ours"'],
        ),
        ([Change("transition", 5, before="None", after="Production", cause="commit")], []),
    ],
)
def test_whose_value_was_replaced(changes: list[Change], sentences: list[str]) -> None:
    assert list(healed_drift(changes)) == sentences


def test_the_log_has_it() -> None:
    lines = list(outcome_lines(Outcome("churn", "applied", MOVED), Style()))
    assert "  drift healed: Production 3 (set in MLflow) replaced by 5" in lines
