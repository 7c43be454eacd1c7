"""The repository's own settings: what `.mlflow-gitops.toml` of the main branch sets. A branch, a
pull request for example, cannot change them for its own plan: they decide which policy judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system.files import read_file
from mlflow_gitops.errors import GitFailure, InvalidFiles
from mlflow_gitops.settings import (
    PYPROJECT,
    RECEIPTS_BRANCH,
    REGISTRY_DIR,
    SETTINGS_FILE,
    Settings,
)

if TYPE_CHECKING:  # most repositories have no such file
    from mlflow_gitops.core.settings_file import FileSettings

_FILES = (SETTINGS_FILE, PYPROJECT)


def with_file_settings(
    settings: Settings, git: Git | None, top: Path, *, with_environment: bool
) -> Settings:
    """The settings with what the repository's file sets, for options that nobody gave.

    Once the main branch has a registry, its file counts, and a different one in the working tree
    is reported. Before that, the working tree's file counts. Raises InvalidFiles if a file that
    counts, or the working tree's, has errors.
    """
    if settings.registry_dir and settings.main and settings.receipts_branch:
        return settings
    has_file = any((top / name).is_symlink() or (top / name).is_file() for name in _FILES)
    if not has_file and (git is None or not _any_has_file(git, settings.main)):
        return replace(settings, receipts_branch=settings.receipts_branch or RECEIPTS_BRANCH)

    from mlflow_gitops.core.settings_file import FileSettings

    in_tree = _in_tree(top) or FileSettings()
    chosen = in_tree
    if git is not None and (main := _of_main(git, settings)):
        ref, chosen = main
        _report_differences(settings, in_tree, chosen, ref)

    return replace(
        settings,
        registry_dir=settings.registry_dir or chosen.registry_dir,
        main=settings.main or chosen.main or None,
        receipts_branch=settings.receipts_branch or chosen.receipts_branch or RECEIPTS_BRANCH,
        github=chosen.github,
        environment=settings.environment or (chosen.env if with_environment else "") or None,
    )


def _report_differences(
    settings: Settings, in_tree: FileSettings, chosen: FileSettings, ref: str
) -> None:
    given_options = {
        "registry_dir": settings.registry_dir,
        "main": settings.main,
        "receipts_branch": settings.receipts_branch,
        "env": settings.environment,
    }
    unused: dict[str, Any] = {name: "" for name, value in given_options.items() if value}
    from mlflow_gitops.core.settings_file import differences

    changed_settings = differences(replace(in_tree, **unused), replace(chosen, **unused))
    if changed_settings:
        settings.warn(
            f"{SETTINGS_FILE} in this checkout has {', '.join(changed_settings)}, which differs"
            f" from {ref}. That of {ref} counts until the change is merged."
        )


def _in_tree(top: Path) -> FileSettings | None:
    from mlflow_gitops.core.settings_file import read_file_settings

    contents: list[bytes | None] = []
    for name in _FILES:
        read = read_file(top / name, name) if (top / name).is_symlink() else None
        if read is not None and name == SETTINGS_FILE:
            raise InvalidFiles(f"{SETTINGS_FILE} {read.fault}.")
        exists = read is None and (top / name).is_file()
        contents.append(read_file(top / name, name).data if exists else None)
    return read_file_settings(*contents)


def _of_main(git: Git, settings: Settings) -> tuple[str, FileSettings] | None:
    """The main branch and what its file sets; None if it is not known, or has no registry yet."""
    from mlflow_gitops.core.settings_file import FileSettings, read_file_settings

    try:
        ref = _trusted_ref(git, settings.main)
        git.resolve(ref)
    except GitFailure:
        return None

    blobs = [_blob(git, ref, name) for name in _FILES]
    chosen = read_file_settings(*blobs) or FileSettings()
    folder = settings.registry_dir or chosen.registry_dir or REGISTRY_DIR
    paths = [f"{folder}/{name}" for name in ("models", "policy.yaml", ENVIRONMENTS)]
    if not git.output("ls-tree", "--full-tree", "--name-only", ref, "--", *paths, check=False):
        return None
    return ref, chosen


def _candidates(git: Git, requested: str | None) -> Iterator[str]:
    """The names that the main branch may have."""
    if requested is not None:
        yield requested
    elif (remote := git.remote()) is not None:
        yield from (f"refs/remotes/{remote}/{name}" for name in ("HEAD", "main", "master"))
    else:
        yield from ("refs/heads/main", "refs/heads/master", "HEAD")


def _any_has_file(git: Git, requested: str | None) -> bool:
    """Whether one of these branches has one of the files, by one question to git."""
    names = _candidates(git, requested)
    lines = [f"{name}:{file}" for name in names for file in _FILES if "\n" not in name]
    answer = git.output("cat-file", "--batch-check", feed="\n".join([*lines, ""]), check=False)
    return " blob " in answer


def _trusted_ref(git: Git, requested: str | None) -> str:
    """The main branch. Without a remote, the local `main` beside the branch that is checked out:
    that is what was approved."""
    if requested is None and git.remote() is None:
        for name in ("main", "master"):
            if git.ref(f"refs/heads/{name}"):
                return f"refs/heads/{name}"
    return git.main_ref(requested)


def _blob(git: Git, ref: str, name: str) -> bytes | None:
    blob = git.query("rev-parse", "--verify", "-q", f"{ref}:{name}")
    return git.output("cat-file", "blob", blob).encode("utf-8", "surrogateescape") if blob else None
