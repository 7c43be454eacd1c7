"""Which files of a line decide what is asked of it, so that the changes of the others need not be
read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from mlflow_gitops.core.manifests.names import file_stem, folded, model_of
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of


class FileSummary(NamedTuple):
    """The index of the last commit of a line that changed a file, and whether any commit that
    changed it deleted a file of the registry folder, as one that renames a model does."""

    last: int
    is_beside_deletion: bool


FileChoice = Callable[[Mapping[str, FileSummary]], Iterable[str]]
"""Chooses from all files that a line ever changed those whose changes are needed."""


def files_of_model(registry: RegistryFolder, model: str) -> FileChoice:
    """The files that decide what a line says of a model. If the line never had the model, all do:
    they decide what to suggest instead."""

    def choose(files: Mapping[str, FileSummary]) -> Iterable[str]:
        stems = _stems(registry, files)
        if file_stem(model) not in stems.values():
            return files
        return _decisive(files, stems, {folded(model)})

    return choose


def files_since(registry: RegistryFolder, start: int) -> FileChoice:
    """The files that decide what the commits of a line from an index on did. A change of the policy
    may be one of every model."""

    def choose(files: Mapping[str, FileSummary]) -> Iterable[str]:
        policy = files.get(registry.policy_path)
        if policy is not None and policy.last >= start:
            return files
        stems = _stems(registry, files)
        names = {_name(stem) for path, stem in stems.items() if files[path].last >= start}
        return _decisive(files, stems, names)

    return choose


def _stems(registry: RegistryFolder, paths: Iterable[str]) -> dict[str, str]:
    kinds = ((path, registry.classify(path)) for path in paths)
    return {path: stem_of(path) for path, kind in kinds if kind in ("manifest", "extension")}


def _decisive(
    files: Mapping[str, FileSummary], stems: Mapping[str, str], names: Iterable[str]
) -> Iterable[str]:
    """The manifests of models with these folded names, those of every model that may have been
    renamed from or to another name, and all files that are no manifests."""
    paths = {path: _name(stem) for path, stem in stems.items()}
    decisive = {*names, *(name for path, name in paths.items() if files[path].is_beside_deletion)}
    return [path for path in files if path not in paths or paths[path] in decisive]


def _name(stem: str) -> str:
    """The name of a manifest's model, as registries that ignore its spelling take it: a manifest
    beside another one of that name decides, too."""
    return folded(model_of(stem))
