"""Names of models on the command line that are globs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlflow_gitops.core.manifests.names import model_of
from mlflow_gitops.core.manifests.policy import matches
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of
from mlflow_gitops.errors import Failure


def named_models(
    names: Sequence[str], paths: Iterable[str], registry: RegistryFolder
) -> Sequence[str]:
    """The names with each glob replaced by the models that it matches. `paths` are those of the
    registry's files; one that is invalid names a model, too. Raises Failure for a glob that matches
    none."""
    if not any(is_glob(name) for name in names):
        return names

    known = sorted(
        model_of(stem_of(path)) for path in paths if registry.classify(path) == "manifest"
    )
    models: dict[str, None] = {}
    for name in names:
        matching = [model for model in known if matches(model, name)] if is_glob(name) else [name]
        if not matching:
            raise Failure(f"No model with a manifest in {registry}/models/ matches {name}.")
        models.update(dict.fromkeys(matching))
    return list(models)


def is_glob(name: str) -> bool:
    """Whether a name on the command line is a glob."""
    return "*" in name or "?" in name
