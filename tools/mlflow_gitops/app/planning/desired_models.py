"""What a snapshot wants of each model, by the rules of the registry that it is planned against."""

from __future__ import annotations

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.names import Kind, file_stem
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot


class DesiredModels:
    """The desired states of one snapshot. `stageless` is as in `Policy`."""

    def __init__(self, snapshot: Snapshot, folder: RegistryFolder, *, stageless: bool) -> None:
        self.policy: Policy = snapshot.policy.without_stages() if stageless else snapshot.policy
        self.by_name: dict[str, Desired] = {
            name: Desired(manifest, self.policy.for_model(name, manifest.kind))
            for name, manifest in snapshot.manifests.items()
        }
        """The models that the snapshot has a manifest of."""
        self.folder = folder

    def emptied(self, name: str, kind: Kind) -> Desired:
        """What is wanted of a model whose manifest is gone: every stage empty on purpose, and
        nothing declared."""
        rules = self.policy.for_model(name, kind)
        file = f"{self.folder}/models/{file_stem(name)}.yaml"
        stages: dict[str, tuple[int, ...]] = {stage: () for stage in rules.stages}
        return Desired(Manifest(name, file, None, (), {}, stages, {}, {}, kind), rules)
