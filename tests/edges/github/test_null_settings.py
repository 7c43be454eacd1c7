"""`doctor` on answers about settings in which one field is null: each check finds what it found
before, or says that it does not know."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from mlflow_gitops.core.setup.workflow_files import read_workflows
from mlflow_gitops.edges.forge import ProtectedBranches
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.settings import read_settings
from mlflow_gitops.edges.github.settings_checks import check
from mlflow_gitops.errors import ForgeFailure
from tests.support.doctor import CLASSIC, PROMOTE, checks_of, sound_settings
from tests.support.github.bare_answers import Answers
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("bare")]

BRANCHES = ProtectedBranches("main", "mlflow-gitops/receipts")
ENVIRONMENTS = ("mlflow-read", "mlflow-write")


@pytest.fixture
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubAPI]:
    with GitHubAPI(Repository(tmp_path_factory.mktemp("github"))).serving() as served:
        yield served


def by_rulesets() -> dict[str, Any]:
    """Rules that ask for nothing, and whose bypass is open."""
    settings = copy.deepcopy(sound_settings())
    for rule in settings["rules/branches/main"]:
        for name, value in rule.get("parameters", {}).items():
            if isinstance(value, (bool, int)):
                rule["parameters"][name] = type(value)(0)
    actor = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    settings["rulesets/7"]["bypass_actors"] = [actor]
    return settings | _open()


def by_a_classic_rule() -> dict[str, Any]:
    settings = copy.deepcopy(sound_settings())
    settings["rules/branches/main"] = []
    classic = copy.deepcopy(CLASSIC)
    classic["required_pull_request_reviews"] = {
        "dismiss_stale_reviews": False,
        "require_code_owner_reviews": False,
        "required_approving_review_count": 0,
    }
    classic["enforce_admins"] = {"enabled": False}
    classic["allow_force_pushes"] = classic["allow_deletions"] = {"enabled": True}
    return settings | {"branches/main/protection": classic} | _open()


def _open() -> dict[str, Any]:
    """What is open besides the branch."""
    return {
        "actions/permissions/workflow": {
            "default_workflow_permissions": "write",
            "can_approve_pull_request_reviews": False,
        },
        "actions/secrets": {"total_count": 1, "secrets": [{"name": "MLFLOW_TRACKING_TOKEN"}]},
        "environments/mlflow-write/deployment-branch-policies": {
            "branch_policies": [{"name": "*", "type": "branch"}]
        },
    }


def ok(api: GitHubAPI) -> set[str]:
    """The checks that find nothing missing."""
    github = GitHubConnection(api.repository.full_name, api.token("ada"), api.url)
    jobs, _ = read_workflows({"promote.yml": PROMOTE})
    return checks_of(check(read_settings(github, BRANCHES, jobs, ENVIRONMENTS)), "ok")


@pytest.mark.weekly
@pytest.mark.parametrize("world", [by_rulesets, by_a_classic_rule])
def test_nothing_is_found_in_order_because_a_field_is_null(
    api: GitHubAPI, world: Callable[[], dict[str, Any]]
) -> None:
    api.repository.settings = world()
    answers = Answers(api)
    before = ok(api)
    fields = list(answers.nulls())
    assert len(fields) > 20
    found = []
    for operation, field in fields:
        answers.make_bare(operation, field)
        with suppress(ForgeFailure):  # in words
            found += [(operation, field, ok(api) - before)]
    assert [entry for entry in found if entry[2]] == []
