"""A repository where `doctor` finds nothing missing: its workflows, and its settings on GitHub."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlflow_gitops.core.setup.doctor import CheckResult

SHA = "0123456789abcdef0123456789abcdef01234567"
VALIDATE = f"""\
on: {{pull_request: null, merge_group: null, workflow_dispatch: null}}
permissions: {{}}
jobs:
  validate:
    permissions: {{contents: read}}
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@{SHA} # v7
      - uses: ./.github/actions/mlflow-gitops
      - run: mlflow-gitops validate --format github
"""
PLAN = f"""\
on: {{workflow_run: {{workflows: [validate], types: [completed]}}}}
jobs:
  plan:
    permissions: {{contents: read, statuses: write}}
    environment: mlflow-read
    steps:
      - uses: actions/checkout@{SHA}
        with: {{fetch-depth: 0}}
      - env: {{MLFLOW_TRACKING_PASSWORD: "${{{{ secrets.MLFLOW_TRACKING_PASSWORD }}}}"}}
        run: |
          mlflow-gitops --main origin/main plan --rev "$HEAD" --onto origin/main
"""
RECONCILE = f"""\
on: {{push: {{branches: [main]}}}}
permissions: {{contents: read}}
jobs:
  reconcile:
    environment: {{name: mlflow-write}}
    steps:
      - uses: actions/checkout@{SHA}
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: acme/mlflow-gitops/.github/actions/mlflow-gitops@{SHA}
        with: {{args: reconcile --yes}}
"""
PROMOTE = f"""\
on: workflow_dispatch
permissions: {{contents: write}}
jobs:
  promote:
    environment: mlflow-write
    steps:
      - uses: actions/create-github-app-token@{SHA}
        with:
          client-id: ${{{{ vars.GITOPS_APP_ID }}}}
          private-key: ${{{{ secrets.GITOPS_APP_KEY }}}}
"""
WORKFLOWS = {"validate": VALIDATE, "plan": PLAN, "reconcile": RECONCILE}

RULES: list[dict[str, Any]] = [
    {"type": "deletion", "ruleset_id": 7},
    {"type": "non_fast_forward", "ruleset_id": 7},
    {
        "type": "pull_request", "ruleset_id": 7,
        "parameters": {
            "required_approving_review_count": 1, "dismiss_stale_reviews_on_push": True,
            "require_code_owner_review": True,
        },
    },
    {
        "type": "required_status_checks", "ruleset_id": 7,
        "parameters": {
            "required_status_checks": [
                {"context": "mlflow-gitops/plan", "integration_id": 15368},
            ]
        },
    },
]  # fmt: skip
CLASSIC: dict[str, Any] = {
    "required_pull_request_reviews": {
        "dismiss_stale_reviews": True,
        "require_code_owner_reviews": True,
        "required_approving_review_count": 1,
    },
    "required_status_checks": {
        "contexts": ["mlflow-gitops/plan"],
        "checks": [{"context": "mlflow-gitops/plan", "app_id": 15368}],
    },
    "enforce_admins": {"enabled": True},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
}


def sound_settings() -> dict[str, Any]:
    """GitHub's settings of a repository where nothing is missing."""
    found: dict[str, Any] = {
        "rules/branches/main": RULES,
        "rules/branches/mlflow-gitops/receipts": RULES[:2],
        "rulesets/7": {"id": 7, "bypass_actors": []},
        "actions/permissions/workflow": {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": True,
        },
        "actions/secrets": {"total_count": 0, "secrets": []},
    }
    for name in ("mlflow-read", "mlflow-write"):
        policy = {"protected_branches": False, "custom_branch_policies": True}
        found[f"environments/{name}"] = {"name": name, "deployment_branch_policy": policy}
        found[f"environments/{name}/deployment-branch-policies"] = {
            "branch_policies": [{"name": "main", "type": "branch"}]
        }
    return found


def checks_of(findings: Iterable[CheckResult], status: str) -> set[str]:
    return {finding.check for finding in findings if finding.status == status}
