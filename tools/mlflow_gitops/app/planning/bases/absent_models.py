"""Which models the receipts record and the registry does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlflow_gitops.core.history.base import HIDDEN_BASE, Base
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.observed.absence import Absence, registry_place
from mlflow_gitops.core.observed.model import ObservedModel

if TYPE_CHECKING:
    from mlflow_gitops.app.planning.bases.base_finder import BaseFinder
    from mlflow_gitops.edges.mlflow.registry import Registry

_FIRST = 20
"""Recorded models that are read first."""


def find_absence(
    bases: Mapping[str, Base],
    observed: Mapping[str, ObservedModel],
    registry: Registry,
    finder: BaseFinder,
) -> Absence:
    """The planned models that were reconciled and are not shown, at least one."""
    absent = tuple(name for name, base in bases.items() if base.state == "deleted")
    owner = finder.owner
    shown_models = sum(_is_shown(model, owner) for model in observed.values())
    address = registry_place(registry.display_uri, registry.workspace)
    return Absence(absent, shown_models, address, finder.recorded_place())


def find_absence_beside(
    managed: Mapping[str, Kind],
    observed: Mapping[str, ObservedModel],
    registry: Registry,
    finder: BaseFinder,
) -> Absence | None:
    """For a plan of some models, all of them new: whether the registry shows none of the `managed`
    models that receipts record. None if it shows one, or if there are none."""
    recorded = sorted(finder.recorded_models() & set(managed) - set(observed))
    if not recorded or any(_is_shown(model, finder.owner) for model in observed.values()):
        return None
    # One that is shown is enough, and nearly always among the first.
    for names in (recorded[:_FIRST], recorded[_FIRST:]):
        prompts = [name for name in names if managed[name] == "prompt"]
        others = registry.observe(names, only=True, prompts=prompts) if names else {}
        if any(_is_shown(model, finder.owner) for model in others.values()):
            return None
    address = registry_place(registry.display_uri, registry.workspace)
    return Absence(tuple(recorded), 0, address, finder.recorded_place())


def _is_shown(model: ObservedModel, owner: str | None) -> bool:
    """Whether a model has stamps, and no other repository's."""
    return model.owner in (None, owner) and bool(model.base)


def with_hidden(
    bases: dict[str, Base], observed: Mapping[str, ObservedModel], absence: Absence
) -> dict[str, Base]:
    """The bases, with the models that may be hidden: if the registry shows none of those that were
    reconciled, a model that is not shown either may be there as well."""
    if not absence.is_whole:
        return bases
    return {
        name: HIDDEN_BASE if base.state == "none" and name not in observed else base
        for name, base in bases.items()
    }
