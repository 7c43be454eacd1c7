"""Which models the receipts record and the registry does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlflow_gitops.core.history.base import HIDDEN_BASE, Base
from mlflow_gitops.core.observed.absence import Absence, registry_place
from mlflow_gitops.core.observed.model import ObservedModel

if TYPE_CHECKING:
    from mlflow_gitops.app.planning.bases.base_finder import BaseFinder
    from mlflow_gitops.edges.mlflow.registry import Registry


def find_absence(
    bases: Mapping[str, Base],
    observed: Mapping[str, ObservedModel],
    registry: Registry,
    finder: BaseFinder,
) -> Absence:
    """The planned models that were reconciled and are not shown, at least one."""
    absent = tuple(name for name, base in bases.items() if base.state == "deleted")
    owner = finder.owner
    shown_models = sum(
        1 for model in observed.values() if model.owner in (None, owner) and model.base
    )
    address = registry_place(registry.display_uri, registry.workspace)
    return Absence(absent, shown_models, address, finder.recorded_place())


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
