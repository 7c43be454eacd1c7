"""A repository with a registry folder: its environments, its main line, and its snapshots.

This module knows git and files; `app/planning` adds MLflow.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS, RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot, build
from mlflow_gitops.core.yaml.problems import Problem, in_order
from mlflow_gitops.core.yaml.schema_check import schema_copy_problems
from mlflow_gitops.edges.git.checkout import Checkout
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.git.settings_file import with_file_settings
from mlflow_gitops.edges.system.processes import parallel_map
from mlflow_gitops.errors import GitFailure, UsageFailure
from mlflow_gitops.settings import REGISTRY_DIR, Settings

if TYPE_CHECKING:
    from mlflow_gitops.core.history.mainline import MainLine, StatedMessage
    from mlflow_gitops.core.manifests.environments import Environment
    from mlflow_gitops.edges.forge import Forge
    from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
    from mlflow_gitops.edges.git.receipts.signatures import SignatureRule


class Merge(NamedTuple):
    """What a revision will be once it is merged.

    `commit` is the merge commit, which no branch names. Plans and messages call it `revision`.
    `onto` is the branch's tip, and `name` is how the user named the branch.
    """

    commit: str
    revision: str
    onto: str
    name: str

    @property
    def is_nothing(self) -> bool:
        """Whether the branch has the revision already."""
        return self.commit == self.onto


class Workspace:
    """One repository and its registry folder; if it has several environments, the folder of one.

    `all_environments` is for commands that read all of them: `registry` is then the folder that
    they are in. Raises UsageFailure if the settings do not fit the repository.
    """

    def __init__(self, settings: Settings, *, all_environments: bool = False) -> None:
        start = (settings.repo or Path.cwd()).resolve()
        if not start.is_dir():
            raise UsageFailure(f"There is no folder {settings.repo}.")
        try:
            self._git: Git | None = Git.find(start)
        except GitFailure as error:
            self._git, self._git_error = None, error

        self.top = self._git.top if self._git else start
        self.settings = with_file_settings(
            settings, self._git, self.top, with_environment=not all_environments
        )
        is_from_file = bool(self.settings.registry_dir and not settings.registry_dir)
        anchor = self.top if settings.repo is None or is_from_file else start
        self.root = _registry_root(self.settings.registry_dir or REGISTRY_DIR, self.top, anchor)
        """The folder that --registry-dir or the repository's own file names."""
        self.checkout = Checkout(self.top, self._git, self.root)
        self.list_errors: tuple[Problem, ...] = ()
        """What is wrong with the list of environments, if an earlier one is used."""
        self.registry = RegistryFolder(self.root)
        self.environment: Environment | None = None
        if self.settings.environment is not None:
            from mlflow_gitops.app.environments.environment_list import named_environment

            self.environment = named_environment(self, self.settings.environment)
            self.registry = self.environment.folder
        elif not all_environments and self.has_environments:
            from mlflow_gitops.app.environments.environment_list import no_environment_chosen

            raise no_environment_chosen(self)

    @property
    def git(self) -> Git:
        """The repository. Raises GitFailure if there is none."""
        if self._git is None:
            raise self._git_error
        return self._git

    @property
    def has_environments(self) -> bool:
        return self.checkout.exists(f"{self.root}/{ENVIRONMENTS}")

    @cached_property
    def environments(self) -> dict[str, Environment]:
        """The environments that the working tree lists; in a workflow, that is the main branch.
        Empty if there is no list. If the list has errors, the last valid one up to HEAD counts, and
        `list_errors` has the errors. Raises Failure if there is none."""
        if not self.has_environments:
            return {}
        from mlflow_gitops.app.environments.environment_list import (
            read_list,
        )  # few repositories have one

        environments, self.list_errors = read_list(self.checkout, self._git, self.root)
        return environments

    @cached_property
    def forge(self) -> Forge | None:
        """The clone's forge; None if it has none, or if credentials are missing. It answers what it
        was asked before without another request."""
        from mlflow_gitops.app.forges import configured_forge

        return configured_forge(self._git)

    @cached_property
    def receipts_branch(self) -> ReceiptsBranch:
        """The receipts of this repository. Raises UsageFailure for an impossible name."""
        from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch  # few commands read them

        name = self.settings.receipts_branch
        branch = ReceiptsBranch.of_repository(self.git, name, lambda: self._signature_rule)
        branch.check_name(lambda: self.main_ref)
        return branch

    @cached_property
    def _signature_rule(self) -> SignatureRule:
        from mlflow_gitops.edges.git.receipts.signatures import read_signature_rule

        return read_signature_rule(self.git, self.main_ref, self.registry.policy_path, self.root)

    @cached_property
    def main_ref(self) -> str:
        """The name of the main branch. Reports it if the remote no longer has that branch."""
        branch = self.git.main_branch(self.settings.main)
        if branch.warning:
            self.settings.warn(branch.warning)
        return _indexed(self, branch.ref)

    @cached_property
    def main_line(self) -> dict[str, int]:
        """The commits of the main line, oldest first, each with its index."""
        return _positions(self.git, self.main_ref)

    def is_merged(self, commit: str) -> bool:
        """Whether the main branch has a commit, on its main line or beside it."""
        return commit in self.main_line or self.git.contains(self.main_ref, commit)

    def tree(self, *, digests: bool = True) -> Snapshot:
        """The working tree's snapshot, with warnings about schema copies that differ."""
        files = self.checkout.registry_files(self.registry)
        snapshot = build(files, self.registry, parallel_map, digests=digests)
        copies = schema_copy_problems(self.checkout.schema_copies())
        snapshot.problems = in_order([*snapshot.problems, *copies])
        return snapshot

    def at(self, commit: str) -> Snapshot:
        """A commit's snapshot, straight from git's objects."""
        return build(self.git.files_at(commit, self.registry), self.registry, parallel_map)

    def merge(self, revision: str, onto: str) -> Merge:
        """Merge a revision into a branch. The merge commit is only an object: no branch and no file
        changes (RULES R9). Raises GitFailure if they conflict."""
        branch = self.git.named_branch(onto)
        head, tip = self.git.resolve(revision), self.git.resolve(branch.ref)
        commit = tip if self.git.contains(tip, head) else self.git.merge(tip, head)
        return Merge(commit, head, tip, onto)

    def messages(self, sha: str, file: str, merge: Merge | None = None) -> list[StatedMessage]:
        """The commit messages that explain a commit's change of a file. For the revision of a
        planned merge, these are the messages of the commits that it brings in."""
        if merge is not None and sha == merge.revision and not merge.is_nothing:
            sha = merge.commit
        return self.git.messages(sha, file)

    def dirty_paths(self) -> list[str]:
        """Manifests and policy that differ from HEAD in the working tree."""
        return [
            path
            for path in self.git.dirty_paths(self.registry.paths)
            if self.registry.classify(path)
        ]

    def owner(self, line: MainLine) -> str | None:
        """What marks a model as this repository's: `<root commit>:<registry folder>`, and
        `:<environment>` if there are several. None in a shallow clone, which does not have its root
        commit."""
        folder = str(self.registry)
        if self.environment is not None:
            folder = f"{folder}:{self.environment.name}"
        if not line.shas:
            return f"uncommitted:{folder}"
        return None if self.git.is_shallow() else f"{line.shas[0]}:{folder}"


def remote_address(git: Git) -> str:
    """The remote's address for people (`github.com/acme/models`); empty if there is none."""
    from mlflow_gitops.core.history.web_pages import repository_address  # to write stamps only

    remote = git.remote()
    return repository_address(git.query("remote", "get-url", remote)) if remote else ""


def _positions(git: Git, main_ref: str) -> dict[str, int]:
    try:
        tip = git.resolve(main_ref)
    except GitFailure:
        if git.has_commits():
            raise
        return {}
    return git.first_parent_line(tip).index


def _indexed(workspace: Workspace, main_ref: str) -> str:
    """A main branch, of which this clone remembers the history from now on."""
    if workspace.settings.index:
        from mlflow_gitops.edges.git.index.history_index import open_index  # for histories only

        workspace.git.index = open_index(workspace.top, main_ref, workspace.registry.paths)
    return main_ref


def _registry_root(registry_dir: str, top: Path, anchor: Path) -> str:
    """The registry folder, relative to the repository's top. It is looked for in `anchor`: the
    folder that --repo names, or else the top."""
    inside = anchor.relative_to(top.resolve()).as_posix()
    folder = PurePosixPath(inside, registry_dir)
    if folder.is_absolute() or ".." in folder.parts or folder == PurePosixPath("."):
        raise UsageFailure(
            f"--registry-dir must be a folder inside the repository, not {registry_dir!r}."
        )
    return folder.as_posix()
