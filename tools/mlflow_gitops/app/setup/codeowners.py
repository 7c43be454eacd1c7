"""The CODEOWNERS file of a repository: its text, the text it should have, and its problems."""

from __future__ import annotations

from collections.abc import Collection

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.registry_folder import ALLOWED_SIGNERS, ENVIRONMENTS, NOTIFY
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.setup import codeowners
from mlflow_gitops.core.setup.codeowners import LOCATIONS, CodeOwners
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import Failure
from mlflow_gitops.settings import SETTINGS_FILE


def existing(workspace: Workspace) -> CodeOwners | None:
    """The file that GitHub uses; None if there is none."""
    for location in LOCATIONS:
        data = _read(workspace, location)
        if data is not None:
            return CodeOwners(location, data.decode("utf-8", "surrogateescape"))
    return None


def _read(workspace: Workspace, location: str) -> bytes | None:
    """The content of one possible CODEOWNERS; None if there is no such file."""
    if workspace.checkout.is_left_out(location):
        source = workspace.checkout.read(location)
        if source.data is None:
            raise Failure(f"{location} {source.fault}.")
        return source.data

    file = workspace.top / location
    if not file.is_file():
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{location} cannot be read: {error.strerror or error}.") from None


def expected_text(
    workspace: Workspace,
    snapshot: Snapshot,
    current: CodeOwners,
    *,
    has_tools: bool | None = None,
    adds_settings: bool = False,
) -> str:
    """The text that the file should have, by the owners in the manifests and the policy.
    `has_tools`: whether there is a folder `tools`; None looks for it in the checkout.
    `adds_settings`: whether the repository's settings file is about to be written."""
    if has_tools is None:
        has_tools = workspace.checkout.has_folder("tools")
    platform_paths = ["schemas/"]
    if workspace.environment:
        platform_paths.insert(0, f"{workspace.root}/{ENVIRONMENTS}")
        for name in (NOTIFY, ALLOWED_SIGNERS):
            if workspace.checkout.exists(f"{workspace.root}/{name}"):
                platform_paths.insert(1, f"{workspace.root}/{name}")
    if adds_settings or workspace.checkout.exists(SETTINGS_FILE):
        platform_paths.append(SETTINGS_FILE)
    if has_tools:
        platform_paths.append("tools/")
    platform_paths.append(".github/")
    if not current.file.startswith(".github/"):
        platform_paths.append(current.file)
    lines = codeowners.block_lines(snapshot, workspace.registry, platform_paths, current)
    return current.with_block(workspace.registry, lines)


def problems(
    workspace: Workspace, snapshot: Snapshot, changed: Collection[str] | None = None
) -> list[Problem]:
    """What `validate` reports about CODEOWNERS. `changed` has the paths of the only manifests that
    were read, existing or deleted; None if all were read.

    The lines of invalid manifests may stay, since their owners are unknown. Under an invalid
    policy, the other manifests are checked one by one.
    """
    current = existing(workspace)
    if current is not None and codeowners.is_too_large(current):
        return [codeowners.too_large(current)]
    if current is None:
        if changed is not None:
            return []
        return codeowners.missing_file(workspace.registry.policy_path, snapshot)
    if changed is None and not snapshot.validity.policy:
        return codeowners.stale_block(current, expected_text(workspace, snapshot, current))

    expected: dict[str, str | None] = {}
    for path in changed or ():
        is_manifest = workspace.registry.classify(path) == "manifest"
        if is_manifest and not workspace.checkout.exists(path):
            expected[path] = None
    for manifest in snapshot.manifests.values():
        expected[manifest.file] = codeowners.manifest_line(manifest)
    return codeowners.stale_manifests(current, workspace.registry, sorted(expected.items()))


def stale_lines(
    workspace: Workspace, snapshot: Snapshot, current: CodeOwners, *, has_tools: bool
) -> list[Problem]:
    """What is wrong with a CODEOWNERS for the manifests of a snapshot. The lines of invalid
    manifests may stay, since their owners are unknown. Under an invalid policy, the other manifests
    are checked one by one."""
    if codeowners.is_too_large(current):
        return [codeowners.too_large(current)]
    if not snapshot.validity.policy:
        expected_lines = expected_text(workspace, snapshot, current, has_tools=has_tools)
        return codeowners.stale_block(current, expected_lines)

    manifests = snapshot.manifests.values()
    expected = sorted((manifest.file, codeowners.manifest_line(manifest)) for manifest in manifests)
    return codeowners.stale_manifests(current, workspace.registry, expected)
