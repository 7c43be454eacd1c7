"""Decide which models a plan covers, and read them in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.bases.base_finder import BaseFinder
from mlflow_gitops.app.planning.desired_models import DesiredModels, InvalidModel
from mlflow_gitops.app.planning.lines import LineReader
from mlflow_gitops.app.planning.plan_lines import PlanLines
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.history_reader import HistoryReader, former_prompts
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.validity import Validity
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.core.yaml.problems import Problem
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
    invalid: Mapping[str, InvalidModel]
    """The models that have an invalid file, planned or not."""
    validity: Validity
    """The errors that this plan is about."""
    renamed: Mapping[str, str]
    """The models that MLflow only has under a former name, each with that name."""
    branch: Mapping[str, Desired] | None
    """What the branch that a merge goes into wants of each model; None if there is no merge."""
    earlier_errors: tuple[Problem, ...] = ()
    """For a merge: the errors that the branch has already, and that the merge has no part in."""


class Selector:
    """Selects the models of plans for one target. `branch` are the models of the branch that a
    merge goes into, None if the target is no merge; `touched` are the paths that it changes."""

    def __init__(
        self,
        registry: Registry,
        models: DesiredModels,
        branch: DesiredModels | None,
        histories: HistoryReader,
        bases: BaseFinder,
        *,
        prune: bool,
        touched: Collection[str] = (),
    ) -> None:
        self._registry = registry
        self._models = models
        self._desired = models.by_name
        self._branch = branch.by_name if branch else None
        self._branch_validity = branch.validity if branch else Validity()
        self._histories = histories
        self._bases = bases
        self._prune = prune
        self._touched = touched

    def select(self, names: Sequence[str], unplanned: int) -> PlannedModels:
        """Select `names`, or every model. `unplanned` is the number of models that a saved plan
        leaves out. Raises Failure for a name that has no manifest."""
        validity = self._validity(names)
        candidates = self._candidates(names, validity)
        is_whole = not names and self._branch is None
        observed = self._observe(candidates, is_whole=is_whole)
        self._bases.prepare(observed.values())

        with_file = self._desired.keys() | self._models.invalid.keys()
        without_file = observed.keys() - with_file
        hidden = self._hidden(observed, without_file)
        renamed = _renamed(self._desired, observed, self._is_gone)
        without_manifest = sorted(without_file - hidden.keys() - set(renamed.values()))
        gone = [name for name in without_manifest if self._is_gone(observed[name])]
        self._check_names(names, observed, gone, hidden)
        emptied = {}
        if self._prune:
            emptied = {name: self._models.emptied(name, observed[name].kind) for name in gone}

        with_manifest = set(candidates) & with_file
        left_out = len(self._desired.keys() - with_manifest)
        if self._branch is None:
            # The number comes from a saved plan, which may have been edited.
            left_out = max(0, min(unplanned, left_out))
        return PlannedModels(
            {**self._desired, **emptied},
            observed,
            sorted(with_manifest | hidden.keys() | emptied.keys()),
            left_out,
            tuple(name for name in gone if name not in emptied),
            tuple(name for name in without_manifest if name not in gone),
            self._emptied_before(observed, set(without_manifest) - set(gone)),
            self._prune and not names and not with_file,
            {**self._models.invalid, **hidden},
            validity,
            renamed,
            self._branch,
            self._earlier_errors(validity) if not names else (),
        )

    def _validity(self, names: Sequence[str]) -> Validity:
        """The errors that matter to a plan for `names`, or for every model; for a merge, those that
        it has a part in."""
        validity = self._models.validity.of(names) if names else self._models.validity
        if self._branch is None:
            return validity
        return validity.new_since(self._branch_validity, self._touched)

    def _earlier_errors(self, validity: Validity) -> tuple[Problem, ...]:
        counted = set(validity.errors)
        return tuple(error for error in self._models.validity.errors if error not in counted)

    def _candidates(self, names: Sequence[str], validity: Validity) -> list[str]:
        """`names`, or every model with a manifest; for a merge, those of them that it changes or
        makes invalid."""
        if self._branch is None:
            return list(names or dict.fromkeys((*self._desired, *validity.models)))
        candidates = names or dict.fromkeys((*self._desired, *self._branch, *validity.models))
        return [
            name
            for name in candidates
            if name in validity.models
            or _is_changed(self._branch.get(name), self._desired.get(name))
        ]

    def _hidden(
        self, observed: Mapping[str, ObservedModel], names: Collection[str]
    ) -> dict[str, InvalidModel]:
        """The models whose last manifest was below what is now an invalid file, such as a link: it
        may be there still, so it is not taken for deleted."""
        hidden = {}
        for name in names if self._models.validity.others else ():
            path = self._histories.files.last_path(file_stem(name))
            errors = tuple(
                error for error in self._models.validity.others if path.startswith(f"{error.file}/")
            )
            if errors and self._is_gone(observed[name]):
                hidden[name] = InvalidModel(errors, None, is_held=True)
        return hidden

    def _observe(self, names: Collection[str], *, is_whole: bool) -> Mapping[str, ObservedModel]:
        prompts, all_names = list[str](), list(names)
        for name in names:
            desired = self._desired.get(name) or (self._branch or {}).get(name)
            former_names = desired.manifest.formerly if desired is not None else ()
            all_names += former_names
            if desired is not None and desired.manifest.kind == "prompt":
                prompts += (name, *former_names)
        if is_whole:
            prompts += former_prompts(self._histories, self._desired)
        return self._registry.observe(all_names, only=not is_whole, prompts=prompts)

    def _is_gone(self, model: ObservedModel) -> bool:
        """Whether this repository managed a model at its base and has no manifest for it now."""
        if self._bases.owner is None or model.owner != self._bases.owner or model.base is None:
            return False
        if model.base not in self._bases.lines:
            # If the base is a later commit, the manifest came later, and the target never had it.
            return not self._bases.is_later(model.base)
        histories = self._bases.lines.of(model.base).histories
        return histories.files.has_manifest(file_stem(model.name), model.base)

    def _emptied_before(
        self, observed: Mapping[str, ObservedModel], names: Collection[str]
    ) -> dict[str, str]:
        owner = self._bases.owner
        models = (observed[name] for name in sorted(names) if observed[name].owner == owner)
        return {model.name: model.base for model in models if owner and model.base}

    def _check_names(
        self,
        names: Sequence[str],
        observed: Mapping[str, ObservedModel],
        gone: Sequence[str],
        hidden: Collection[str],
    ) -> None:
        for name in names:
            has_file = name in self._desired or name in self._models.invalid
            if has_file or name in hidden or (name in gone and self._prune):
                continue
            suggestion = did_you_mean(name, self._desired)
            hint = f"; {suggestion}" if suggestion else "."
            finding = "is in MLflow and has no manifest" if name in observed else "has no manifest"
            raise Failure(f"{name} {finding} in {self._models.folder}/models/{hint}")


def _renamed(
    desired_models: Mapping[str, Desired],
    observed: Mapping[str, ObservedModel],
    is_gone: Callable[[ObservedModel], bool],
) -> dict[str, str]:
    """The models that MLflow does not have, and has under a former name that this repository
    managed: their stages must not be emptied, and no second model must be created."""
    renamed = {}
    for name, desired in desired_models.items():
        for former in reversed(desired.manifest.formerly if name not in observed else ()):
            model = observed.get(former)
            if model is not None and is_gone(model):
                renamed[name] = former
                break
    return renamed


def branch_models(
    workspace: Workspace, lines: PlanLines, target: Target, *, stageless: bool
) -> DesiredModels | None:
    """The models of the branch that a merge goes into; None if the target is not a merge."""
    merge, branch = target.merge, target.branch
    if merge is None or branch is None:
        return None
    histories = lines.first.histories
    if branch.errors:
        histories = lines.histories_of(LineReader(workspace).to_commit(merge.onto))
    return DesiredModels(branch, workspace.registry, histories, stageless=stageless)


def _is_changed(before: Desired | None, after: Desired | None) -> bool:
    """Whether two commits want something different of a model. That its file moved is no change."""
    if before is None or after is None:
        return before is not after
    is_other_text = replace(after.manifest, file=before.manifest.file) != before.manifest
    return is_other_text or after.fields != before.fields
