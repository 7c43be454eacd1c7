"""Read a repository's settings for `doctor`. Nothing is written; what the token may not see stays
`Unread`.

The paths are those of GitHub's REST API, version 2022-11-28. PyGithub has no objects for some of
them, so all are read as plain JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from mlflow_gitops.core.setup.workflow_files import (
    App,
    Job,
    address_variables,
    app_needs,
    opens_pull_requests,
)
from mlflow_gitops.edges.forge import ProtectedBranches
from mlflow_gitops.edges.github.api.failures import NEEDS_PLAN
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.protection import (
    DeploymentEnvironment,
    ReceiptsProtection,
    RepositorySettings,
    Unread,
    strictest,
)
from mlflow_gitops.edges.github.setup.bypass import ruleset_actors
from mlflow_gitops.edges.github.setup.workflow_reader import (
    WorkflowSettingsReader,
    names_of,
    organization_names,
)
from mlflow_gitops.errors import ForgeFailure

_Setting = TypeVar("_Setting")

_CODEOWNERS_SHOWN = 20


def read_settings(
    github: GitHubConnection,
    branches: ProtectedBranches,
    jobs: Sequence[Job],
    environments: Collection[str],
) -> RepositorySettings:
    """Read the settings that protect the branches and environments.

    `jobs` are those of the workflows. Raises ForgeFailure if the repository itself cannot be read.
    """
    default = github.default_branch
    main = branches.main or default
    reader = _SettingsReader(github, quote(main, safe=""))
    receipts = _SettingsReader(github, quote(branches.receipts, safe=""))
    app = app_needs(jobs)
    workflows = WorkflowSettingsReader(github)
    read = reader.or_unread
    rules = read(reader.rules)
    classic = read(reader.classic_rule)
    bypass = rules if isinstance(rules, Unread) else read(partial(reader.bypass, rules))
    return RepositorySettings(
        repository=github.repository,
        branch=main,
        default_branch=default,
        rules=rules,
        classic=classic,
        bypass=bypass,
        receipts=ReceiptsProtection(
            branches.receipts, read(receipts.rules), read(receipts.classic_rule)
        ),
        environments={name: read(partial(reader.environment, name)) for name in environments},
        token=read(reader.token_permissions),
        secrets=read(reader.secrets),
        address_variables=read(partial(reader.variables, address_variables(jobs))),
        has_app=read(partial(reader.has_app, app)) if app else None,
        codeowners=read(reader.codeowners_errors),
        opens_pull_requests=opens_pull_requests(jobs),
        organization_secrets=read(workflows.organization_secrets),
        workflow_states=read(partial(workflows.states, jobs)),
        fork_workflows=read(workflows.of_forks),
        actions_app=read(partial(workflows.actions_app, rules, classic)),
    )


class _SettingsReader:
    """Reads one setting a method. `ref` is the branch, quoted for a URL. Methods raise
    ForgeFailure."""

    def __init__(self, github: GitHubConnection, ref: str) -> None:
        self._github = github
        self._ref = ref

    def or_unread(self, read: Callable[[], _Setting]) -> _Setting | Unread:
        """Read a setting; what is refused, or has another form than is documented, is unread."""
        try:
            with self._github.request("read a setting"):
                return read()
        except ForgeFailure as failure:
            needs_plan = failure.code == NEEDS_PLAN
            if needs_plan:
                return Unread(failure.message, failure.fix, needs_plan)
            return Unread(str(failure))

    def rules(self) -> list[Any]:
        """The rules of all rulesets that apply to the branch."""
        with self._github.request("read the rules of a branch"):
            rules = list(self._github.get_page(f"rules/branches/{self._ref}"))
            strictest(rules, None)  # raises if a rule has not the documented form
            return rules

    def classic_rule(self) -> Mapping[str, Any] | None:
        """The classic rule; None if there is none."""
        from github import GithubException

        with self._github.request("read the protection of a branch"):
            try:
                classic = dict(self._github.get(f"branches/{self._ref}/protection"))
                strictest((), classic)  # as for the rules
                return classic
            except GithubException as error:
                if _means_unprotected(error):
                    return None
                raise

    def bypass(self, rules: Sequence[Mapping[str, Any]]) -> list[str]:
        """Who may bypass the rulesets that these rules belong to."""
        actors: set[str] = set()
        if any(rule.get("ruleset_id") is None for rule in rules):
            raise ForgeFailure("GitHub does not say which ruleset each rule belongs to.")
        for number in sorted({rule["ruleset_id"] for rule in rules}):
            ruleset = self._object(f"rulesets/{number}", "read who may bypass a ruleset")
            if ruleset.get("bypass_actors") is None:
                raise ForgeFailure(
                    "GitHub shows who may bypass a ruleset only to those who may change it."
                )
            actors.update(ruleset_actors(ruleset))
        return sorted(actors)

    def environment(self, name: str) -> DeploymentEnvironment | None:
        """An environment; None if there is none of this name."""
        path = f"environments/{quote(name, safe='')}"
        try:
            environment = self._object(path, f"read the environment {name}")
        except ForgeFailure as failure:
            if failure.status == 404:
                return None
            raise

        policy = environment.get("deployment_branch_policy")
        if policy is None:
            return DeploymentEnvironment(None)
        if policy.get("protected_branches"):
            return DeploymentEnvironment(None, protected=True)

        policies = self._object(
            f"{path}/deployment-branch-policies", f"read the branches of the environment {name}"
        )
        if any(entry["name"] is None for entry in policies["branch_policies"]):
            raise ForgeFailure(f"GitHub does not name every branch that {name} accepts.")
        patterns = (
            f"tag {entry['name']}" if entry.get("type") == "tag" else entry["name"]
            for entry in policies["branch_policies"]
        )
        return DeploymentEnvironment(tuple(patterns))

    def token_permissions(self) -> dict[str, Any]:
        return self._object("actions/permissions/workflow", "read what a workflow's token may do")

    def secrets(self) -> list[str]:
        """The names of the repository's secrets."""
        with self._github.request("list the names of secrets"):
            answer = self._github.get_page("actions/secrets")
            return names_of(answer["secrets"])

    def variables(self, names: Sequence[str]) -> list[str]:
        """Those of these variables that the repository itself has."""
        purpose = "see whether the repository has a variable"
        return [name for name in names if self._exists(f"actions/variables/{name}", purpose)]

    def has_app(self, app: App) -> bool:
        """Whether the variables and secrets of an App exist, in the repository or in the job's
        environment."""
        environment = ""
        if app.environment:
            environment = f"environments/{quote(app.environment, safe='')}/"
        settings = [("variables", name) for name in app.variables]
        settings += [("secrets", name) for name in app.secrets]
        return all(
            self._exists(f"actions/{kind}/{name}")
            or (environment != "" and self._exists(f"{environment}{kind}/{name}"))
            or name in organization_names(self._github, kind)
            for kind, name in settings
        )

    def codeowners_errors(self) -> list[str]:
        errors = self._object("codeowners/errors", "read the faults of CODEOWNERS")["errors"]
        return [
            f"line {error['line']}: {error['kind']} ({error['path']})"
            for error in errors[:_CODEOWNERS_SHOWN]
        ]

    def _exists(self, path: str, purpose: str = "see whether an App is configured") -> bool:
        try:
            self._object(path, purpose)
        except ForgeFailure as failure:
            if failure.status == 404:
                return False
            raise
        return True

    def _object(self, path: str, purpose: str) -> dict[str, Any]:
        with self._github.request(purpose):
            return dict(self._github.get(path))


def _means_unprotected(error: Any) -> bool:
    """Whether a refusal means that the branch has no classic rule.

    A token without the permission gets the same status. Only the message differs: "Branch not
    protected", or "Branch not found" before the first receipt (REST API 2022-11-28), which is
    GitHub's text and not ours.
    """
    data = error.data if isinstance(error.data, dict) else {}
    message = str(data.get("message", "")).lower()
    return error.status == 404 and ("not protected" in message or "branch not found" in message)
