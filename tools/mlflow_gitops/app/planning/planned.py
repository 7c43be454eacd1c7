"""What planning gives: the plan, and what was read to make it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from mlflow_gitops.app.planning.desired_models import InvalidModel
from mlflow_gitops.core.audit.receipts import RECEIPT_TAG
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Planned:
    """One plan with the readings behind it.

    `desired` is what the target wants of each planned model, those that --prune empties included.
    `observed` is what MLflow held when it was read; `owner` is the repository that planned.
    """

    plan: Plan
    desired: Mapping[str, Desired]
    observed: Mapping[str, ObservedModel]
    owner: str | None
    pruned: Mapping[str, str]
    """Models without a manifest that were reconciled to that, each with the commit of its stamp."""
    invalid: Mapping[str, InvalidModel] = field(default_factory=dict)
    """The planned models that have an invalid file."""

    @property
    def receipts(self) -> Mapping[str, str | None]:
        """The receipt that the stamp of each model names; None if it names none."""
        return {name: model.tags.get(RECEIPT_TAG) for name, model in self.observed.items()}

    @property
    def foreign(self) -> frozenset[str]:
        """The models of another owner: their stamps are about another repository's runs."""
        return frozenset(
            name for name, model in self.observed.items() if model.owner not in (None, self.owner)
        )

    def without(self, names: Collection[str]) -> Planned:
        """The same without the plans of some models."""
        models = tuple(model for model in self.plan.models if model.model not in names)
        return replace(self, plan=replace(self.plan, models=models))
