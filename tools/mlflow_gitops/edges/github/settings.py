"""What GitHub's settings say of a repository, read for `doctor`. Nothing is written; what the token
may not see stays unread.

The paths are those of GitHub's REST API, version 2022-11-28. PyGithub has no objects for some of
them, so all are read plainly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from mlflow_gitops.core.setup.doctor_github import Environment, Settings, Unread
from mlflow_gitops.core.setup.doctor_workflows import ENVIRONMENTS, App
from mlflow_gitops.edges.github.client import GitHub
from mlflow_gitops.errors import GitHubFailure

T = TypeVar("T")

_CODEOWNERS_SHOWN = 20


def read_settings(
    github: GitHub,
    branch: str | None,
    app: App | None,
    environments: Collection[str] = frozenset(ENVIRONMENTS.values()),
) -> Settings:
    """Everything that `doctor` judges. `branch` is the main line's, by default the default branch;
    `app` is what the workflows make an App's token from. Raises GitHubFailure where the repository
    itself cannot be read."""
    return _Reader(github).settings(branch, app, environments)


class _Reader:
    def __init__(self, github: GitHub) -> None:
        self._github = github

    def settings(
        self, branch: str | None, app: App | None, environments: Collection[str]
    ) -> Settings:
        default = self._github.default_branch
        main = branch or default
        ref = quote(main, safe="")
        rules = self._try(
            lambda: self._list(f"rules/branches/{ref}", "read the rules of the main branch")
        )
        secrets = self._try(
            lambda: self._names("actions/secrets", "secrets", "list the names of secrets")
        )
        return Settings(
            repository=self._github.repository,
            branch=main,
            default_branch=default,
            rules=rules,
            classic=self._try(lambda: self._classic(ref)),
            bypass=rules if isinstance(rules, Unread) else self._try(lambda: self._bypass(rules)),
            environments={
                name: self._try(partial(self._environment, name)) for name in environments
            },
            token=self._try(
                lambda: self._object(
                    "actions/permissions/workflow", "read what a workflow's token may do"
                )
            ),
            secrets=secrets,
            app=self._try(lambda: self._has_app(app)) if app else None,
            codeowners=self._try(self._codeowners),
        )

    def _classic(self, ref: str) -> Mapping[str, Any] | None:
        """The classic rule; None where there is none. Who may not read it gets a 404, too, with
        another message."""
        from github import GithubException

        with self._github.asking("read the protection of the main branch"):
            try:
                return self._plain(f"branches/{ref}/protection")
            except GithubException as error:
                data = error.data if isinstance(error.data, dict) else {}
                if error.status == 404 and "not protected" in str(data.get("message", "")).lower():
                    return None
                raise

    def _bypass(self, rules: Sequence[Mapping[str, Any]]) -> list[str]:
        """Who may go past the rulesets that hold here."""
        found: set[str] = set()
        for number in sorted({rule["ruleset_id"] for rule in rules if rule.get("ruleset_id")}):
            ruleset = self._object(f"rulesets/{number}", "read who may go past a ruleset")
            if "bypass_actors" not in ruleset:
                raise GitHubFailure(
                    "GitHub shows who may go past a ruleset only to whoever may change it."
                )
            for actor in ruleset["bypass_actors"]:
                kind = str(actor.get("actor_type") or "somebody")
                found.add(f"{kind} {actor['actor_id']}" if actor.get("actor_id") else kind)
        return sorted(found)

    def _environment(self, name: str) -> Environment | None:
        path = f"environments/{quote(name, safe='')}"
        try:
            found = self._object(path, f"read the environment {name}")
        except GitHubFailure as failure:
            if failure.status == 404:
                return None
            raise
        policy = found.get("deployment_branch_policy")
        if policy is None:
            return Environment(None)
        if policy.get("protected_branches"):
            return Environment(None, protected=True)
        listed = self._object(
            f"{path}/deployment-branch-policies", f"read the branches of the environment {name}"
        )
        patterns = (
            f"tag {one['name']}" if one.get("type") == "tag" else one["name"]
            for one in listed["branch_policies"]
        )
        return Environment(tuple(patterns))

    def _has_app(self, app: App) -> bool:
        wanted = [(f"actions/variables/{name}", f"variables/{name}") for name in app.variables]
        wanted += [(f"actions/secrets/{name}", f"secrets/{name}") for name in app.secrets]
        environment = (
            f"environments/{quote(app.environment, safe='')}/" if app.environment else None
        )
        return all(
            self._is_there(here) or (environment and self._is_there(environment + there))
            for here, there in wanted
        )

    def _is_there(self, path: str) -> bool:
        try:
            self._object(path, "see whether an App is configured")
        except GitHubFailure as failure:
            if failure.status == 404:
                return False
            raise
        return True

    def _codeowners(self) -> list[str]:
        found = self._object("codeowners/errors", "read the faults of CODEOWNERS")
        return [
            f"line {one['line']}: {one['kind']} ({one['path']})"
            for one in found["errors"][:_CODEOWNERS_SHOWN]
        ]

    # -- asking -----------------------------------------------------------------------------------------------------

    def _try(self, read: Callable[[], T]) -> T | Unread:
        try:
            return read()
        except GitHubFailure as failure:
            return Unread(str(failure))

    def _object(self, path: str, what: str) -> dict[str, Any]:
        with self._github.asking(what):
            return self._plain(path)

    def _plain(self, path: str) -> dict[str, Any]:
        _, answer = self._github.client.requester.requestJsonAndCheck(
            "GET", f"{self._github.repo.url}/{path}"
        )
        return dict(answer)

    def _list(self, path: str, what: str) -> list[Any]:
        """A list of which no more than a hundred are expected."""
        with self._github.asking(what):
            _, answer = self._github.client.requester.requestJsonAndCheck(
                "GET", f"{self._github.repo.url}/{path}", parameters={"per_page": 100}
            )
            return list(answer)

    def _names(self, path: str, key: str, what: str) -> list[str]:
        with self._github.asking(what):
            _, answer = self._github.client.requester.requestJsonAndCheck(
                "GET", f"{self._github.repo.url}/{path}", parameters={"per_page": 100}
            )
            return [str(one["name"]) for one in answer[key]]
