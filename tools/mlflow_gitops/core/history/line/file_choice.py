"""Which files of a line decide what is asked of it, so that the changes of the others need not be
read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import NamedTuple

from mlflow_gitops.core.manifests.names import file_stem, folded, model_of
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of


class FileSummary(NamedTuple):
    """The index of the last commit of a line that changed a file, and whether any commit that
    changed it deleted a file of the registry folder, as one that renames a model does."""

    last: int
    is_beside_deletion: bool


class Needed(NamedTuple):
    """Which changes of a file are needed, by the indexes of their commits: those from `first` on
    and the last one before it, but none from `end` on. None: to the end."""

    first: int = 0
    end: int | None = None


_ALL = Needed()

FileChoice = Callable[[Mapping[str, FileSummary]], Mapping[str, Needed]]
"""Chooses from all files that a line ever changed those whose changes are needed, and which."""


class IncompleteHistory(Exception):
    """An answer needs changes of files that were not chosen."""


def files_of_models(registry: RegistryFolder, models: Collection[str]) -> FileChoice:
    """The files that decide what a line says of these models. If the line never had one of them,
    all do: they decide what to suggest instead."""

    def choose(files: Mapping[str, FileSummary]) -> Mapping[str, Needed]:
        stems = _stems(registry, files)
        if not {file_stem(model) for model in models} <= set(stems.values()):
            return dict.fromkeys(files, _ALL)
        return dict.fromkeys(_decisive(files, stems, {folded(model) for model in models}), _ALL)

    return choose


def files_since(registry: RegistryFolder, start: int, *, shortens: bool = True) -> FileChoice:
    """The files that decide what the commits of a line from an index on did. A change of the policy
    may be one of every model.

    A model whose files no commit changed beside a deletion always existed since its first commit
    and was never renamed, so its earlier changes do not matter. They do if its manifest cannot be
    read at `start`: `model_timelines` then raises `IncompleteHistory`, and its caller must choose
    again, with `shortens=False`.
    """

    def choose(files: Mapping[str, FileSummary]) -> Mapping[str, Needed]:
        policy = files.get(registry.policy_path)
        stems = _stems(registry, files)
        if policy is not None and policy.last >= start:
            chosen: Iterable[str] = files
        else:
            names = {_name(stem) for path, stem in stems.items() if files[path].last >= start}
            chosen = _decisive(files, stems, names)
        if not shortens:
            return dict.fromkeys(chosen, _ALL)
        return _shortened(files, stems, chosen, Needed(start))

    return choose


def files_between(registry: RegistryFolder, start: int, end: int) -> FileChoice:
    """The files that decide what each model declared before the index `end`, and which commit from
    `start` on made it so. As for `files_since`, `IncompleteHistory` may follow."""

    def choose(files: Mapping[str, FileSummary]) -> Mapping[str, Needed]:
        return _shortened(files, _stems(registry, files), files, Needed(start, end))

    return choose


def _shortened(
    files: Mapping[str, FileSummary],
    stems: Mapping[str, str],
    chosen: Iterable[str],
    needed: Needed,
) -> Mapping[str, Needed]:
    """Of the manifests among the chosen files, what is needed; of those whose models may have been
    renamed, everything, since a name may be noted later."""
    may_be_renamed = _beside_deletion(files, stems)
    return {
        path: needed if path in stems and _name(stems[path]) not in may_be_renamed else _ALL
        for path in chosen
    }


def _stems(registry: RegistryFolder, paths: Iterable[str]) -> dict[str, str]:
    kinds = ((path, registry.classify(path)) for path in paths)
    return {path: stem_of(path) for path, kind in kinds if kind in ("manifest", "extension")}


def _decisive(
    files: Mapping[str, FileSummary], stems: Mapping[str, str], names: Iterable[str]
) -> Iterable[str]:
    """The manifests of models with these folded names, those of every model that may have been
    renamed from or to another name, and all files that are no manifests."""
    decisive = {*names, *_beside_deletion(files, stems)}
    return [path for path in files if path not in stems or _name(stems[path]) in decisive]


def _beside_deletion(files: Mapping[str, FileSummary], stems: Mapping[str, str]) -> set[str]:
    """The folded names of models that may have been deleted or renamed."""
    return {_name(stem) for path, stem in stems.items() if files[path].is_beside_deletion}


@cache
def _name(stem: str) -> str:
    """The name of a manifest's model, as registries that ignore its spelling take it: a manifest
    beside another one of that name decides, too."""
    return folded(model_of(stem))
