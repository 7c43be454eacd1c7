"""Plan single models of one target: pass to the core what git and MLflow say about a model."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.bases.base_finder import BaseFinder
from mlflow_gitops.app.planning.changed_plans import without_secrets
from mlflow_gitops.app.planning.desired_models import DesiredModels, InvalidModel
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace, remote_address
from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.history.entry_reader import with_entries
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import ModelPlan, Sync
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.plan.stage_rows import observed_stages
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.core.verdicts.invalid_files import FileErrors, invalid_model_refusal
from mlflow_gitops.edges.system.unexpected import is_unexpected, unexpected_refusal

if TYPE_CHECKING:
    from mlflow_gitops.app.file_lists import FileLists
    from mlflow_gitops.core.recorded.file_digests import ModelFiles
    from mlflow_gitops.core.verdicts.pinned_files import ReadFiles


class ModelPlanner:
    """Plans models one by one. `models` are the desired states of the target's snapshot; `bases`
    finds the models' bases and the lines that their histories follow; `began` is when the run
    began, RFC 3339."""

    def __init__(
        self,
        workspace: Workspace,
        target: Target,
        models: DesiredModels,
        bases: BaseFinder,
        options: PlanOptions,
        began: str,
    ) -> None:
        self._workspace = workspace
        self._target = target
        self._models = models
        self._bases = bases
        self._options = options
        self._began = began

    def plan_or_refuse(
        self,
        name: str,
        desired: Desired | None,
        observed: ObservedModel | None,
        base: Base,
        invalid: InvalidModel | None,
    ) -> ModelPlan:
        """Plan one model. An unexpected exception refuses this model, and no other."""
        try:
            return self.plan(name, desired, observed, base, invalid)
        except Exception as error:
            if not is_unexpected(error):
                raise
            refusal = unexpected_refusal(name, error, self._workspace.settings)
            sync: Sync = "Missing" if observed is None else "Unknown"
            file = desired.manifest.file if desired else None
            return ModelPlan(name, file, sync, base.commit, refusals=(refusal,))

    def plan(
        self,
        name: str,
        desired: Desired | None,
        observed: ObservedModel | None,
        base: Base,
        invalid: InvalidModel | None,
        read_files: ReadFiles | None = None,
    ) -> ModelPlan:
        """Plan one model. `desired` is None if no valid commit is known that wants anything of it,
        `observed` if MLflow does not have it, `invalid` if it has no invalid file, and `read_files`
        if the files of its versions are not to be compared with their pins."""
        errors = FileErrors(
            invalid.problems if invalid else (),
            invalid is not None and invalid.is_held,
            (*self._workspace.list_errors, *self._models.validity.policy),
            self._models.is_policy_known,
        )
        if desired is None:
            refusal = invalid_model_refusal(errors)
            stages = observed_stages(observed) if observed else {}
            refusals = (refusal,) if refusal else ()
            return ModelPlan(name, None, "Invalid", base.commit, stages, refusals=refusals)

        stem = file_stem(name)
        line = self._bases.lines.of(base.commit)
        history = line.histories.history(
            stem, desired, base, uncommitted=self._target.is_uncommitted(stem)
        )
        context = PlanContext(
            owner=self._bases.owner or (observed.owner if observed else None) or "",
            now=format_datetime(self._workspace.settings.now()),
            evidence=line.evidence,
            find_repository=lambda: self._repository,
            take_over=self._options.take_over,
            writing=self._options.writing,
            errors=errors,
            began=self._began,
            read_files=read_files,
            find_list=self._find_list,
            **self._bases.gap_of(base),
        )
        judged = with_entries(line.histories, history, line.judges.of)
        plan = plan_model(name, judged, observed, context)
        if self._options.writing:
            from mlflow_gitops.app.planning.judging.right_stamps import with_right_stamps

            plan = with_right_stamps(plan, judged, observed, line, self._bases)
        if errors.of_model:
            plan = replace(plan, file=errors.file_of(stem, desired.manifest.file))
        return without_secrets(plan)

    @cached_property
    def _repository(self) -> str:
        return remote_address(self._workspace.git)

    def _find_list(self, digest: str) -> ModelFiles | None:
        """The files that a pinned digest was made of; None if nobody kept their list."""
        return self._file_lists.find(digest)

    @cached_property
    def _file_lists(self) -> FileLists:
        from mlflow_gitops.app.file_lists import FileLists  # only for files that are not the pinned

        return FileLists(self._workspace)
