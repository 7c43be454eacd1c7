"""Files of this program that nothing reads, because they are in another folder or have another
name than the one that is read (`prod/notify.yaml`, `notify.yml`). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from mlflow_gitops.core.manifests.registry_folder import (
    ALLOWED_SIGNERS,
    ENVIRONMENTS,
    NOTIFY,
    RegistryFolder,
)
from mlflow_gitops.core.wording import or_list
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.settings import SETTINGS_FILE

_POLICY = "policy.yaml"
_OF_ROOT = (ENVIRONMENTS, NOTIFY, ALLOWED_SIGNERS)


class RegistryLayout(NamedTuple):
    """Where a repository's files are read: the registry folder `root`, and the folder of each
    environment, or `root` alone."""

    root: str
    folders: Sequence[RegistryFolder]

    @property
    def has_environments(self) -> bool:
        return any(folder.path != self.root for folder in self.folders)

    def read_paths(self) -> dict[str, list[str]]:
        """The paths at which a file of each special name is read, by that name in lower case."""
        policies = dict.fromkeys(folder.policy_path for folder in self.folders)
        by_name: dict[str, list[str]] = {}
        for path in (*(f"{self.root}/{file}" for file in _OF_ROOT), *policies, SETTINGS_FILE):
            by_name.setdefault(path.rpartition("/")[2].lower(), []).append(path)
        return by_name | {_POLICY: list(policies)}


def misplaced_files(
    paths: Iterable[str], layout: RegistryLayout, exists: Callable[[str], bool]
) -> Iterator[Problem]:
    """The problems of files that are not read, among the paths in the repository. A wrong name in
    the right folder is an error; a file in another folder is a warning. `exists` says whether the
    repository has a path.

    Outside the registry folder, a file of such a name may belong to something else: it counts only
    if the right one is missing.
    """
    all_read_paths, has_environments = layout.read_paths(), layout.has_environments
    for path in sorted(paths):
        name = _usual_name(path)
        read_paths = all_read_paths.get(name, [])
        if path in read_paths or (not read_paths and not has_environments):
            continue

        if not read_paths:
            if _is_in_no_environment(path, layout):
                yield _warning(path, "it is in the folder of no environment")
        elif right_name := _name_there(path, name, read_paths):
            message = f"is not read: its name must be {right_name}"
            yield Problem(path, 1, 1, "file-extension", message)
        elif _is_manifest(path, layout):
            continue  # of a model of that name
        elif _is_inside(path, name, layout) or not any(map(exists, read_paths)):
            yield _warning(path, f"{name} belongs at {or_list(read_paths)}")


def _usual_name(path: str) -> str:
    """The name that was probably meant: `Notify.yml` is `notify.yaml`."""
    name = path.rpartition("/")[2].lower()
    if name.endswith(".yml"):
        name = f"{name[:-4]}.yaml"
    name = name.replace("allowed-signers", ALLOWED_SIGNERS)
    return SETTINGS_FILE if name.lstrip(".") == SETTINGS_FILE.lstrip(".") else name


def _name_there(path: str, name: str, read_paths: Iterable[str]) -> str | None:
    """The name of the file that is read in the same folder; None if none of this name is."""
    folder = path[: path.rfind("/") + 1]
    names = (
        read_path.removeprefix(folder) for read_path in read_paths if read_path.startswith(folder)
    )
    return next((right_name for right_name in names if right_name.lower() == name), None)


def _is_manifest(path: str, layout: RegistryLayout) -> bool:
    return any(folder.classify(path) == "manifest" for folder in layout.folders)


def _is_inside(path: str, name: str, layout: RegistryLayout) -> bool:
    """Whether a file is certainly meant for this program, by its folder or its name."""
    return name == SETTINGS_FILE or path.startswith(f"{layout.root}/")


def _is_in_no_environment(path: str, layout: RegistryLayout) -> bool:
    """Whether a YAML file is beside the environments' folders, where no manifest is read."""
    return (
        path.startswith(f"{layout.root}/")
        and path.lower().endswith((".yaml", ".yml"))
        and not any(path.startswith(f"{folder}/") for folder in layout.folders)
    )


def _warning(path: str, reason: str) -> Problem:
    return Problem(path, 1, 1, "misplaced-file", f"is not read: {reason}", "warning")
