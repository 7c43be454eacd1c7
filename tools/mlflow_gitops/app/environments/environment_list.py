"""The list of a repository's environments, and the one that --env chooses from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mlflow_gitops.core.manifests.environments import Environment, read_environments
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.edges.git.checkout import Checkout
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import Failure, InvalidFiles, UsageFailure
from mlflow_gitops.settings import Settings


class ListedEnvironments(Protocol):
    """What the choice of an environment asks of a repository. The members are those of
    `Workspace`, which imports this module."""

    settings: Settings
    root: str

    @property
    def has_environments(self) -> bool: ...
    @property
    def environments(self) -> Mapping[str, Environment]: ...


def read_list(
    checkout: Checkout, git: Git | None, root: str
) -> tuple[dict[str, Environment], tuple[Problem, ...]]:
    """The environments that the working tree lists. If the list has errors, the last valid one up
    to HEAD counts, and the errors come with it. Raises Failure if there is none."""
    path = f"{root}/{ENVIRONMENTS}"
    file = checkout.read(path)
    if file.data is None:
        raise Failure(f"{path} {file.fault}.")

    environments, problems = read_environments(file.data, root)
    if environments is not None:
        return environments, ()

    environments = _last_valid(git, path, root) if git is not None else None
    if environments is None:
        first = problems[0]
        raise InvalidFiles(
            f"{first.file}:{first.line}: {first.message}.",
            fix="mlflow-gitops validate lists all problems.",
        )
    return environments, tuple(problems)


def named_environment(repository: ListedEnvironments, name: str) -> Environment:
    """The environment that --env names. Raises UsageFailure if there is none of that name."""
    if repository.settings.tracking_uri or repository.settings.registry_uri:
        raise UsageFailure(
            f"--env {name} determines the MLflow server; pass either --env, or --tracking-uri"
            " and --registry-uri."
        )
    if not repository.has_environments:
        raise UsageFailure(
            f"There is no {repository.root}/{ENVIRONMENTS}, so there is no environment {name}."
        )
    if name not in repository.environments:
        raise UsageFailure(
            f"{repository.root}/{ENVIRONMENTS} has no environment {name!r}; it has"
            f" {_names(repository)}."
        )
    return repository.environments[name]


def no_environment_chosen(repository: ListedEnvironments) -> UsageFailure:
    """The failure of a command without --env in a repository that lists environments."""
    return UsageFailure(
        f"{repository.root}/{ENVIRONMENTS} lists environments: choose one with --env"
        f" {_names(repository)}."
    )


def _last_valid(git: Git, path: str, root: str) -> dict[str, Environment] | None:
    """The environments of the last valid list up to HEAD; None if there is none."""
    if not git.has_commits():
        return None
    line = git.first_parent_line("HEAD")
    git.add_changes(line, [path], lambda path: False, lambda path, blob, data: None)
    for _, _, blob in reversed(line.changes):
        data = git.blobs([blob]).get(blob) if blob else None
        environments = read_environments(data, root)[0] if data is not None else None
        if environments is not None:
            return environments
    return None


def _names(repository: ListedEnvironments) -> str:
    try:
        return ", ".join(repository.environments)
    except Failure:
        return "NAME"
