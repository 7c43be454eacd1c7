"""When MLflow registered the model that a receipt is about, by what MLflow shows now (RULES R6)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.registrations import ShownRegistration
from mlflow_gitops.core.history.line.renames import Renames
from mlflow_gitops.core.history.line.reused_names import name_free_since
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.observed.model import ObservedModel

NOT_SHOWN = "1970-01-01T00:00:00Z"
"""For a model whose time MLflow does not show: no claim that it was made again is confirmed."""


def shown_registration(
    observed: Mapping[str, ObservedModel],
    renames: Renames,
    positions: Mapping[str, int],
    owner: str | None,
) -> ShownRegistration:
    """What the models in MLflow say about a receipt's model. A receipt is about the model that had
    the name at its commit, under whatever name MLflow has it now. `positions` has the index of each
    commit of the line, `owner` is the environment's."""

    @cache
    def by_name() -> dict[str, list[tuple[range, str]]]:
        """By name, the commits at which a model had it, and when MLflow registered that model."""
        registered: dict[str, list[tuple[range, str]]] = {}
        for model in observed.values():
            periods = renames.periods(file_stem(model.name))
            start = name_free_since(renames, periods[0])
            for period in periods:
                commits = range(max(period.first, start), period.end)
                name = model_of(period.stem)
                registered.setdefault(name, []).append((commits, model.created or NOT_SHOWN))
        return registered

    def find_registered(receipt: Receipt, name: str) -> str | None:
        index = positions.get(receipt.commit)
        if index is None or receipt.owner != owner:
            return None
        times = [time for commits, time in by_name().get(name, ()) if index in commits]
        return min(times, default=None)

    return find_registered
