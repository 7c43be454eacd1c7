"""Read for `doctor` what GitHub does with workflows, and what an organization shares with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from mlflow_gitops.core.setup.workflow_files import Job
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.protection import Unread, strictest
from mlflow_gitops.edges.github.setup.workflow_settings import ACTIONS_APP, ForkWorkflows
from mlflow_gitops.errors import ForgeFailure


class WorkflowSettingsReader:
    """Methods raise ForgeFailure, or what reading a missing field raises."""

    def __init__(self, github: GitHubConnection) -> None:
        self._github = github

    def organization_secrets(self) -> list[str]:
        """The names of the organization's secrets that the repository's workflows get."""
        return organization_names(self._github, "secrets")

    def states(self, jobs: Sequence[Job]) -> Mapping[str, str] | None:
        """GitHub's state of each workflow that runs mlflow-gitops, by file name."""
        files = {PurePosixPath(job.file).name for job in jobs if job.commands}
        answer = _read(self._github, "actions/workflows", "list the workflows")
        if answer is None:
            return None
        listed = {PurePosixPath(entry["path"]).name: entry for entry in answer["workflows"]}
        return {file: listed[file]["state"] for file in files & listed.keys()}

    def of_forks(self) -> ForkWorkflows | None:
        """What pull requests of forks may do; None if the repository is public or not forked."""
        if not self._github.is_private or not self._github.allows_forks:
            return None
        path = "actions/permissions/fork-pr-workflows-private-repos"
        answer = _read(self._github, path, "read what workflows of forks may do", is_list=False)
        if answer is None:
            return None
        return ForkWorkflows(
            run=bool(answer["run_workflows_from_fork_pull_requests"]),
            get_secrets=bool(answer["send_secrets_and_variables"]),
            write=bool(answer["send_write_tokens_to_workflows"]),
        )

    def actions_app(
        self,
        rules: Sequence[Mapping[str, Any]] | Unread,
        classic: Mapping[str, Any] | Unread | None,
    ) -> int:
        """The id of the app GitHub Actions. An Enterprise Server has another one, which is read if
        the branch requires checks of another app than GitHub.com's."""
        required = strictest(
            () if isinstance(rules, Unread) else rules,
            classic if isinstance(classic, Mapping) else None,
        ).checks
        if set(required.values()) <= {None, ACTIONS_APP}:
            return ACTIONS_APP
        app = self._github.unless_missing(
            "read the app GitHub Actions",
            lambda: self._github.client.requester.requestJsonAndCheck(
                "GET", "/apps/github-actions"
            )[1],
        )
        return int(app["id"]) if app else ACTIONS_APP


def organization_names(github: GitHubConnection, kind: str) -> list[str]:
    """The names of the organization's `secrets` or `variables` that are shared with the
    repository; none if no organization owns it."""
    answer = _read(github, f"actions/organization-{kind}", f"list the organization's {kind}")
    return names_of(answer[kind]) if answer else []


def names_of(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of secrets or variables. Raises ValueError if one has none."""
    names = [entry["name"] for entry in entries]
    if None in names:
        raise ValueError("an entry without a name")
    return [str(name) for name in names]


def _read(
    github: GitHubConnection, path: str, purpose: str, *, is_list: bool = True
) -> Mapping[str, Any] | None:
    """A page, or the first hundred entries of a list; None if GitHub does not have the page."""
    try:
        with github.request(purpose):
            return dict(github.get_page(path) if is_list else github.get(path))
    except ForgeFailure as failure:
        if failure.status == 404:
            return None
        raise
