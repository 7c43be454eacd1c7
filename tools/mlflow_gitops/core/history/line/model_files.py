"""Which files of a line decide the history of one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlflow_gitops.core.manifests.names import file_stem, folded, model_of
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of


def files_of_model(
    registry: RegistryFolder, model: str, beside_deletion: Mapping[str, bool]
) -> Iterable[str]:
    """The paths whose changes decide what a line says of a model: its manifests, those of every
    model that may have been renamed from or to another name, and all that are no manifests.

    `beside_deletion` has every path that the line ever changed, each with whether a commit that
    changed it deleted any file, as a rename does. If the line never had the model, all paths
    decide what to suggest instead.
    """
    kinds = {path: registry.classify(path) for path in beside_deletion}
    stems = {
        path: stem_of(path) for path, kind in kinds.items() if kind in ("manifest", "extension")
    }
    if file_stem(model) not in stems.values():
        return beside_deletion

    # A manifest beside another one whose name some registries take for its own decides, too.
    names = {path: folded(model_of(stem)) for path, stem in stems.items()}
    decisive = {name for path, name in names.items() if beside_deletion[path]}
    decisive.add(folded(model))
    return [path for path in kinds if path not in names or names[path] in decisive]
