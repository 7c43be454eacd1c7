"""`doctor` on the workflow that looks at the health of versions."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.setup.health_workflow import check_health_workflow
from mlflow_gitops.core.setup.workflow_files import read_workflows
from tests.support.act import ROOT

SHIPPED = (ROOT / ".github/workflows/health.yml").read_text(encoding="utf-8")


def results(text: str) -> list[tuple[str, str, str]]:
    jobs, unread = read_workflows({"health.yml": text})
    assert not unread
    checked = check_health_workflow(jobs, is_watched=True)
    return [(result.check, result.status, result.detail) for result in checked]


def test_the_shipped_workflow_may_write_issues() -> None:
    assert [result[:2] for result in results(SHIPPED)] == [
        ("health", "ok"),
        ("health-issues", "ok"),
    ]
    assert "Issues: write" in results(SHIPPED)[1][2]


@pytest.mark.parametrize(
    "removed",
    [
        "          permission-issues: write\n",
        "      issues: write # the issues about versions that are not rolled back\n",
    ],
)
def test_a_token_without_issues(removed: str) -> None:
    assert removed in SHIPPED
    assert results(SHIPPED.replace(removed, ""))[1][:2] == ("health-issues", "missing")


@pytest.mark.parametrize("permissions", ["write-all", "{contents: write, issues: write}"])
def test_a_workflow_of_the_team(permissions: str) -> None:
    text = (
        f"on: {{schedule: []}}\npermissions: {permissions}\njobs:\n  look:\n    steps:\n"
        "      - run: mlflow-gitops github health\n"
    )
    assert results(text)[1] == ("health-issues", "ok", "what looks at health may write issues")
