"""The words that a shell offers while somebody types: names, versions and stages from the working
tree.

Each function returns pairs of a word and a remark on it. Shells put the words on a command line,
and zsh evaluates them. So only words that have no meaning to any shell are offered: a model named
`a;b` has to be typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.settings import Settings

Offer = tuple[str, str]

_PLAIN = re.compile(r"[^\W][\w.+-]*( [\w.+-]+)*")
"""Letters and digits of any script, and after the first one `. _ + -` and single spaces."""


def environments(settings: Settings) -> list[Offer]:
    """The environments that the repository lists."""
    workspace = Workspace(replace(settings, environment=None), all_environments=True)
    return _plain((name, "") for name in workspace.environments)


def models(settings: Settings) -> list[Offer]:
    """The models that have a manifest. No manifest is read."""
    workspace = Workspace(settings)
    names = sorted({model_of(stem_of(path)) for path in _manifests(workspace)})
    return _plain((name, "") for name in names)


def versions(settings: Settings, model: str) -> list[Offer]:
    """The versions that a model's manifest names, the newest first, with the stages and aliases
    that each holds."""
    manifest = _manifest(Workspace(settings), model)
    if manifest is None:
        return []

    labels: dict[int, list[str]] = {number: [] for number in manifest.versions}
    for stage, numbers in manifest.stages.items():
        for number in numbers:
            labels.setdefault(number, []).append(stage)
    for alias, number in manifest.aliases.items():
        labels.setdefault(number, []).append(alias)
    newest_first = sorted(labels, reverse=True)
    return _plain((str(number), " ".join(labels[number])) for number in newest_first)


def stages(settings: Settings, model: str | None) -> list[Offer]:
    """The policy's stages, for one model or by its general rules, with the versions that hold
    them."""
    workspace = Workspace(settings)
    manifest = _manifest(workspace, model) if model is not None else None
    versions = manifest.stages if manifest else {}
    return _plain(
        (stage, " ".join(map(str, versions.get(stage, ()))))
        for stage in _rules(workspace, model or "").stages
    )


def overrides(settings: Settings, model: str | None) -> list[Offer]:
    """The gates that the policy allows to override, for one model or by its general rules. The
    reason is typed behind the equals sign."""
    rules = _rules(Workspace(settings), model or "")
    return [(f"{gate}=", "") for gate, _ in _plain((gate, "") for gate in sorted(rules.overrides))]


def holders(settings: Settings, model: str) -> list[Offer]:
    """Everything that names one version: its number, or a stage or an alias that it alone holds."""
    manifest = _manifest(Workspace(settings), model)
    if manifest is None:
        return []

    numbers_by_name = {
        stage: numbers[0] for stage, numbers in manifest.stages.items() if len(numbers) == 1
    }
    numbers_by_name |= manifest.aliases
    numbers_by_name.pop("Archived", None)
    offers = _plain((name, str(number)) for name, number in numbers_by_name.items())
    return [*offers, *versions(settings, model)]


def codes() -> list[Offer]:
    """The codes that commands print, each with its kind."""
    from mlflow_gitops.core.explanations import read_explanations
    from mlflow_gitops.shared import shared_path

    page = (shared_path("registry") / "codes.md").read_text(encoding="utf-8")
    kinds = {entry.code: entry.kind for entry in read_explanations(page)}
    return _plain(kinds.items())


def _plain(offers: Iterable[Offer]) -> list[Offer]:
    """The offers whose word is safe on any shell's command line. An unsafe remark is dropped."""
    return [
        (word, remark if _PLAIN.fullmatch(remark) else "")
        for word, remark in offers
        if _PLAIN.fullmatch(word)
    ]


def _manifests(workspace: Workspace) -> list[str]:
    paths = workspace.checkout.registry_paths(workspace.registry)
    return [path for path in paths if workspace.registry.classify(path) == "manifest"]


def _manifest(workspace: Workspace, model: str) -> Manifest | None:
    """A model's manifest; None if there is none that can be read."""
    for path in _manifests(workspace):
        if stem_of(path) == file_stem(model):
            return read_manifest(workspace.checkout.read(path).data or b"", path)[0]
    return None


def _rules(workspace: Workspace, model: str) -> ModelPolicy:
    path = workspace.registry.policy_path
    data = workspace.checkout.read(path).data
    policy = read_policy(data, path)[0] if data is not None else None
    return (policy or Policy()).for_model(model)
