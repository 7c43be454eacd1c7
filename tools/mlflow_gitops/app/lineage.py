"""Read in MLflow where versions came from: the run behind each, its data and its code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.lineage import Lineage, lineage_of
from mlflow_gitops.edges.system.unexpected import describe, is_unexpected
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def origins(
    registry: Registry,
    versions: Mapping[str, Collection[int]],
    specs: Callable[[str], Mapping[int, VersionSpec]],
    warn: Callable[[str], None],
) -> dict[tuple[str, int], Lineage]:
    """The origin of each version, by model and number. `specs` gives a model's pins.

    If a single version cannot be read, `warn` gets a sentence about it, and its origin is what its
    pins say. Raises RegistryFailure if MLflow cannot be reached at all.
    """
    observed = registry.observe(list(versions), only=True) if versions else {}

    def read(name: str, number: int) -> tuple[Lineage, str | None]:
        spec = specs(name).get(number)
        version = observed[name].versions.get(number) if name in observed else None
        if version is None:
            return lineage_of(spec), None
        try:
            return lineage_of(spec, version, registry.record(version)), None
        except RegistryFailure as failure:
            fault = f"The origin of {name} {number} could not be read completely: {failure}"
            return lineage_of(spec, version), fault
        except Exception as error:
            if not is_unexpected(error):
                raise
            fault = f"The origin of {name} {number} could not be read: {describe(error)}"
            return lineage_of(spec, version), fault

    keys = [(name, number) for name, numbers in versions.items() for number in sorted(numbers)]
    with ThreadPoolExecutor(max_workers=max(registry.writers, 1)) as pool:
        results = list(pool.map(lambda key: read(*key), keys))
    for _, fault in results:
        if fault:
            warn(fault)
    return {key: result for key, (result, _) in zip(keys, results, strict=True)}
