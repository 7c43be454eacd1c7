"""Credentials go only to the servers that the main branch names (RULES R4).

An environment's address comes from the list in the working tree, which may be of a pull request.
Before anything is sent there, its host is compared with the one that main's list names. A reconcile
also compares it with the host of the environment's last receipt.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.environments import Environment, read_environments
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS
from mlflow_gitops.core.manifests.server_hosts import host_of, hosts_of
from mlflow_gitops.core.wording import and_list
from mlflow_gitops.errors import REFUSED, GitFailure, RegistryFailure

NEW_HOST = "--new-host"


class UnapprovedHost(RegistryFailure):
    """Nobody approved yet that credentials go to this server. No request was made."""

    exit_code = REFUSED
    code = "new_host"


def check_approved(workspace: Workspace, environment: Environment) -> None:
    """Raise UnapprovedHost if main's list does not name the hosts of an environment.

    Before the first list is committed there is nothing to compare with: its author names the server
    by hand.
    """
    hosts = hosts_of(environment)
    if not hosts:
        return  # a store that is opened directly gets no credentials
    main = _main_ref(workspace)
    listed = _listed(workspace, main) if main else None
    if listed is None and not _is_committed(workspace):
        return

    approved = listed.get(environment.name) if listed else None
    new_hosts = sorted(hosts - (hosts_of(approved) if approved else set()))
    if new_hosts:
        raise UnapprovedHost(
            f"environments.yaml names {and_list(new_hosts)} for {environment.name}, and on"
            f" {_shown(main)} it names {_names(approved)}. No request"
            " was made, so that no credential goes to a server that nobody approved.",
            fix=(
                f"Merge the change of {workspace.root}/{ENVIRONMENTS} first; then reconcile"
                f" {NEW_HOST} begins to use it."
            ),
        )


def check_reconciled(workspace: Workspace, environment: Environment) -> None:
    """Raise UnapprovedHost if the environment was last reconciled on another host, as its newest
    receipt says; without a readable receipt, if main's list named another one before."""
    hosts = hosts_of(environment)
    if not hosts:
        return
    before = _hosts_before(workspace, environment)
    new_hosts = sorted(hosts - before)
    if before and new_hosts:
        raise UnapprovedHost(
            f"{environment.name} is {and_list(new_hosts)} now, and was reconciled on"
            f" {and_list(sorted(before))} before. No request was made.",
            fix=f"If the server has really moved, run reconcile {NEW_HOST} once.",
        )


def changed_hosts(workspace: Workspace, revision: str, onto: str) -> list[str]:
    """What a revision changes in the addresses of the environments, one sentence each."""
    before, after = _listed(workspace, onto) or {}, _listed(workspace, revision) or {}
    sentences = []
    for name, environment in after.items():
        listed = before.get(name)
        new_hosts = sorted(hosts_of(environment) - (hosts_of(listed) if listed else set()))
        if new_hosts:
            sentences.append(
                f"{name} moves to another server: {and_list(new_hosts)}, on {onto} it is"
                f" {_names(listed)}. After the merge, reconcile needs {NEW_HOST} once."
            )
    return sentences


def _hosts_before(workspace: Workspace, environment: Environment) -> set[str]:
    main = _main_ref(workspace)
    line = workspace.git.first_parent_line(main) if main else None
    owner = workspace.owner(line) if line else None
    receipts = workspace.receipts_branch.readable_receipts() or ()
    for receipt in reversed(receipts):
        registry = receipt.content.get("registry")
        if receipt.content.get("owner") == owner and isinstance(registry, str):
            # Older receipts name the registry alone; the tracking server beside it is main's.
            tracking = receipt.content.get("tracking")
            if not isinstance(tracking, str):
                tracking = environment.tracking_uri if environment.registry_uri else registry
            return {host for address in (registry, tracking) if (host := host_of(address))}

    for listed in _earlier_lists(workspace, main):
        earlier = listed.get(environment.name)
        if earlier is not None and hosts_of(earlier) != hosts_of(environment):
            return hosts_of(earlier)
    return set()


def _earlier_lists(workspace: Workspace, main: str | None) -> Iterator[dict[str, Environment]]:
    """The lists of main's earlier commits, newest first."""
    if main is None:
        return
    path = f"{workspace.root}/{ENVIRONMENTS}"
    commits = workspace.git.query("log", "--first-parent", "--format=%H", main, "--", path)
    for commit in commits.split():
        listed = _listed(workspace, commit)
        if listed is not None:
            yield listed


def _main_ref(workspace: Workspace) -> str | None:
    """The main branch as it was fetched; None if it is not known here.

    Without a remote, RULES R1 takes the branch that is checked out. A local `main` beside it is
    what was approved.
    """
    git = workspace.git
    if workspace.settings.main is None and git.remote() is None:
        for branch in ("main", "master"):
            if git.ref(f"refs/heads/{branch}"):
                return f"refs/heads/{branch}"
    try:
        main = workspace.main_ref
        git.resolve(main)
    except GitFailure:
        return None
    return main


def _is_committed(workspace: Workspace) -> bool:
    return _text_at(workspace, "HEAD") is not None


def _listed(workspace: Workspace, revision: str) -> dict[str, Environment] | None:
    """The environments at a revision; empty if the list has errors, None if there is no list."""
    text = _text_at(workspace, revision)
    if text is None:
        return None
    environments, _ = read_environments(text.encode(), workspace.root)
    return environments or {}


def _text_at(workspace: Workspace, revision: str) -> str | None:
    path = f"{workspace.root}/{ENVIRONMENTS}"
    blob = workspace.git.query("rev-parse", "--verify", "-q", f"{revision}:{path}")
    return workspace.git.output("cat-file", "blob", blob) if blob else None


def _shown(main: str | None) -> str:
    return main.removeprefix("refs/heads/") if main else "main, which is not fetched here,"


def _names(environment: Environment | None) -> str:
    if environment is None:
        return "no such environment"
    return and_list(sorted(hosts_of(environment))) or "no server"
