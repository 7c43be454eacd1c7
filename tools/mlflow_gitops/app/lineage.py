"""Where versions came from, asked of MLflow: the run behind each, its data and its code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.lineage import Origin, origin
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def origins(
    registry: Registry,
    wanted: Mapping[str, Collection[int]],
    specs: Callable[[str], Mapping[int, VersionSpec]],
    warn: Callable[[str], None],
) -> dict[tuple[str, int], Origin]:
    """The origin of each wanted version, `specs` being a model's pins. What cannot be read of a
    single version is told to `warn`, and its pins stand alone. Raises RegistryFailure where MLflow
    cannot be asked at all."""
    observed = registry.observe(list(wanted), only=True) if wanted else {}

    def read(name: str, number: int) -> tuple[Origin, str | None]:
        spec = specs(name).get(number)
        seen = observed[name].versions.get(number) if name in observed else None
        if seen is None:
            return origin(spec), None
        try:
            return origin(spec, seen, registry.record(seen)), None
        except RegistryFailure as failure:
            return origin(
                spec, seen
            ), f"What {name} {number} was made from could not be read whole: {failure}"

    keys = [(name, number) for name, numbers in wanted.items() for number in sorted(numbers)]
    with ThreadPoolExecutor(max_workers=max(registry.writers, 1)) as pool:
        found = dict(zip(keys, pool.map(lambda key: read(*key), keys), strict=True))
    for fault in (fault for _, fault in found.values() if fault):
        warn(fault)
    return {key: known for key, (known, _) in found.items()}
