"""Decide which models a plan covers, and read them in MLflow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.bases import BaseFinder
from mlflow_gitops.app.planning.desired_models import DesiredModels
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


@dataclass(frozen=True, slots=True)
class PlannedModels:
    """The models of one plan, and everything else that was read to decide it."""

    desired: Mapping[str, Desired]
    """What the target wants of each model, those included that --prune empties."""
    observed: Mapping[str, ObservedModel]
    managed: Sequence[str]
    """The models to plan, in order: they have a manifest, or --prune empties them."""
    unplanned: int
    """How many more models have a manifest, are not planned, and are known not to change."""
    without_manifest: tuple[str, ...]
    """The models that lost their manifest and are left as they are."""
    unmanaged: tuple[str, ...]
    pruned: Mapping[str, str]
    """The models without a manifest that a run has emptied, each with the commit of its stamp."""
    is_everything_pruned: bool
    """Whether no manifest is left and all models are to be emptied."""


class Selector:
    """Selects the models of plans for one target. `branch` are the models of the branch that a
    merge goes into, None if the target is not a merge."""

    def __init__(
        self,
        registry: Registry,
        models: DesiredModels,
        branch: DesiredModels | None,
        histories: HistoryReader,
        bases: BaseFinder,
        *,
        prune: bool,
    ) -> None:
        self._registry = registry
        self._models = models
        self._desired = models.by_name
        self._branch = branch.by_name if branch else None
        self._histories = histories
        self._bases = bases
        self._prune = prune

    def select(self, names: Sequence[str], unplanned: int) -> PlannedModels:
        """Select `names`, or every model. `unplanned` is the number of models that a saved plan
        leaves out. Raises Failure for a name that has no manifest."""
        candidates = self._candidates(names)
        is_whole = not names and self._branch is None
        observed = self._observe(candidates, is_whole=is_whole)

        without_manifest = sorted(observed.keys() - self._desired.keys())
        gone = [name for name in without_manifest if self._is_gone(observed[name])]
        self._check_names(names, observed, gone)
        emptied = {}
        if self._prune:
            emptied = {name: self._models.emptied(name, observed[name].kind) for name in gone}

        with_manifest = set(candidates) & self._desired.keys()
        left_out = len(self._desired) - len(with_manifest)
        if self._branch is None:
            # The number comes from a saved plan, which may have been edited.
            left_out = max(0, min(unplanned, left_out))
        return PlannedModels(
            {**self._desired, **emptied},
            observed,
            sorted(with_manifest | emptied.keys()),
            left_out,
            tuple(name for name in gone if name not in emptied),
            tuple(name for name in without_manifest if name not in gone),
            self._emptied_before(observed, set(without_manifest) - set(gone)),
            self._prune and not names and not self._desired,
        )

    def _candidates(self, names: Sequence[str]) -> list[str]:
        """`names`, or every model with a manifest; for a merge, those of them that it changes."""
        if self._branch is None:
            return list(names or self._desired)
        candidates = names or dict.fromkeys((*self._desired, *self._branch))
        return [
            name
            for name in candidates
            if _is_changed(self._branch.get(name), self._desired.get(name))
        ]

    def _observe(self, names: Collection[str], *, is_whole: bool) -> Mapping[str, ObservedModel]:
        prompts = []
        for name in names:
            desired = self._desired.get(name) or (self._branch or {}).get(name)
            if desired is not None and desired.manifest.kind == "prompt":
                prompts.append(name)
        if is_whole:
            prompts += self._histories.former_prompts(self._desired)
        return self._registry.observe(names, only=not is_whole, prompts=prompts)

    def _is_gone(self, model: ObservedModel) -> bool:
        """Whether this repository managed a model at its base and has no manifest for it now."""
        if self._bases.owner is None or model.owner != self._bases.owner or model.base is None:
            return False
        if model.base not in self._bases.line:
            # If the base is a later commit, the manifest came later, and the target never had it.
            return not self._bases.is_on_main_line(model.base)
        return self._histories.has_manifest(file_stem(model.name), model.base)

    def _emptied_before(
        self, observed: Mapping[str, ObservedModel], names: Collection[str]
    ) -> dict[str, str]:
        models = (observed[name] for name in sorted(names))
        return {
            model.name: model.base
            for model in models
            if self._bases.owner and model.owner == self._bases.owner and model.base
        }

    def _check_names(
        self, names: Sequence[str], observed: Mapping[str, ObservedModel], gone: Sequence[str]
    ) -> None:
        for name in names:
            if name in self._desired or (name in gone and self._prune):
                continue
            suggestion = did_you_mean(name, self._desired)
            hint = f"; {suggestion}" if suggestion else "."
            finding = "is in MLflow and has no manifest" if name in observed else "has no manifest"
            raise Failure(f"{name} {finding} in {self._models.folder}/models/{hint}")


def _is_changed(before: Desired | None, after: Desired | None) -> bool:
    """Whether two commits want something different of a model. That its file moved is no change."""
    if before is None or after is None:
        return before is not after
    is_other_text = replace(after.manifest, file=before.manifest.file) != before.manifest
    return is_other_text or after.fields != before.fields
