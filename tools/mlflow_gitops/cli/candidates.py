"""What a shell may offer while somebody types: names, versions and stages, from the working tree
alone.

Each gives pairs of a word and a remark on it. Shells put words on a command line, and zsh evaluates
what it is given, so only words that mean nothing to any shell are offered: who has a model named
`a;b` types it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy, read_policy
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.edges.system import files
from mlflow_gitops.settings import Settings

Offer = tuple[str, str]

_PLAIN = re.compile(r"[^\W][\w.+-]*( [\w.+-]+)*")
"""Letters and digits of any script, `. _ + -` and single spaces, none of them first."""


def environments(settings: Settings) -> list[Offer]:
    """The environments that the repository keeps."""
    workspace = Workspace(replace(settings, environment=None), whole=True)
    return _plain((name, "") for name in workspace.environments)


def models(settings: Settings) -> list[Offer]:
    """The models that have a manifest. No manifest is read."""
    workspace = Workspace(settings)
    names = sorted({model_of(stem_of(path)) for path in _manifests(workspace)})
    return _plain((name, "") for name in names)


def versions(settings: Settings, model: str) -> list[Offer]:
    """The versions that a model's manifest speaks of, the newest first, with what each holds."""
    manifest = _manifest(Workspace(settings), model)
    if manifest is None:
        return []
    held: dict[int, list[str]] = {number: [] for number in manifest.versions}
    for stage, holders in manifest.stages.items():
        for number in holders:
            held.setdefault(number, []).append(stage)
    for alias, number in manifest.aliases.items():
        held.setdefault(number, []).append(alias)
    return _plain((str(number), " ".join(held[number])) for number in sorted(held, reverse=True))


def stages(settings: Settings, model: str | None) -> list[Offer]:
    """The stages that the policy knows, for one model or by its general rules, with what each
    holds."""
    workspace = Workspace(settings)
    manifest = _manifest(workspace, model) if model is not None else None
    held = manifest.stages if manifest else {}
    return _plain(
        (name, " ".join(map(str, held.get(name, ()))))
        for name in _rules(workspace, model or "").stages
    )


def holders(settings: Settings, model: str) -> list[Offer]:
    """All that can stand for a version: itself, or a stage or an alias that it holds."""
    manifest = _manifest(Workspace(settings), model)
    if manifest is None:
        return []
    named = {stage: held for stage, held in manifest.stages.items() if len(held) == 1}
    named |= {alias: (number,) for alias, number in manifest.aliases.items()}
    return [*_plain((name, str(*held)) for name, held in named.items()), *versions(settings, model)]


def _plain(offers: Iterable[Offer]) -> list[Offer]:
    return [
        (word, remark if _PLAIN.fullmatch(remark) else "")
        for word, remark in offers
        if _PLAIN.fullmatch(word)
    ]


def _manifests(workspace: Workspace) -> list[str]:
    listed = files.registry_paths(workspace.top, workspace.registry)
    return [path for path in listed if workspace.registry.classify(path) == "manifest"]


def _manifest(workspace: Workspace, model: str) -> Manifest | None:
    """A model's manifest; None where there is none, or none that can be read."""
    for path in _manifests(workspace):
        if stem_of(path) == file_stem(model):
            return read_manifest(files.read_file(workspace.top / path, path).data or b"", path)[0]
    return None


def _rules(workspace: Workspace, model: str) -> ModelPolicy:
    path = workspace.registry.policy_path
    data = files.read_file(workspace.top / path, path).data
    policy = read_policy(data, path)[0] if data is not None else None
    return (policy or Policy()).for_model(model)
