"""Add to a plan what its reviewers ask: comparisons, who trained the versions, how long the present
one has held its stage, owners, and links. Runs that were not read for gates or comparisons are not
read for this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mlflow_gitops.app.comparisons import with_comparisons
from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.forges import web_pages
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reviewing.other_manifests import OtherManifests
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.mlflow_pages import MlflowPages, page_address, pages_of
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import ModelPlan, Plan, StageChange
from mlflow_gitops.core.plan.review import (
    PlanLinks,
    ReviewedVersion,
    StageReview,
    copies_of,
    held_since,
)
from mlflow_gitops.core.verdicts.entry_subject import unregistered
from mlflow_gitops.edges.mlflow.registry import Registry


class PlanReviewer:
    """Adds to the plans of one target what their reviewers ask."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        evidence: WorkspaceEvidence,
        target: Target,
    ) -> None:
        self._workspace = workspace
        self._registry = registry
        self._evidence = evidence
        self._others = OtherManifests(
            workspace, target.merge.commit if target.merge else target.tip
        )
        self._links = PlanLinks(self._mlflow_pages(), web_pages(workspace.git))

    def reviewed(self, planned: Planned, made_at: str) -> Plan:
        """The plan with everything that is known of the stages that change."""
        models = with_comparisons(
            planned.plan.models,
            planned.observed,
            self._evidence,
            lambda name: planned.desired[name].manifest.versions,
            self._registry.writers,
        )
        models = tuple(self._model(model, planned) for model in models)
        models = tuple(self._with_code(models))
        return replace(planned.plan, models=models, made_at=made_at, links=self._links)

    def _mlflow_pages(self) -> MlflowPages:
        setting = self._workspace.settings.mlflow_ui
        if setting:
            address = page_address(setting)
            return MlflowPages(address, address)
        if self._registry.workspace:
            return MlflowPages(None, None)  # where MLflow shows a workspace is not settled
        return pages_of(self._registry.uri, self._registry.tracking_uri)

    def _model(self, model: ModelPlan, planned: Planned) -> ModelPlan:
        desired = planned.desired.get(model.model)
        if desired is None:
            return model
        observed = planned.observed.get(model.model) or ObservedModel(model.model)
        rows = tuple(self._stage(row, model, desired, observed) for row in model.stages)
        return replace(model, stages=rows, owners=desired.manifest.owners)

    def _stage(
        self, row: StageChange, model: ModelPlan, desired: Desired, observed: ObservedModel
    ) -> StageChange:
        if row.stage == "Archived":
            return row
        served, next_served = max(row.before, default=None), max(row.after, default=None)
        since = None
        if served is not None:
            version = observed.versions.get(served)
            reconciles = self._evidence.reconciles(model.model).since(
                version.created if version else None, observed.created
            )
            since = held_since(reconciles, row.stage, served)
        before, after = (
            self._version(number, desired, observed) if number is not None else None
            for number in (served, next_served)
        )
        return replace(row, review=StageReview(before, after, since))

    def _version(self, number: int, desired: Desired, observed: ObservedModel) -> ReviewedVersion:
        spec = desired.manifest.versions.get(number) or VersionSpec()
        version = observed.versions.get(number) or unregistered(number, spec)
        record = self._evidence.read_before(version)
        environment = self._workspace.environment
        copies = copies_of(
            desired.manifest,
            number,
            environment.name if environment is not None else "",
            self._others.manifests_of(desired.manifest.name),
        )
        return ReviewedVersion(
            number,
            version.run_id,
            record.trained_by if record else None,
            record.code_commit if record else None,
            record.datasets if record else (),
            copies,
            is_prompt=observed.is_prompt,
            is_registered=number in observed.versions,
        )

    def _with_code(self, models: tuple[ModelPlan, ...]) -> Iterator[ModelPlan]:
        """The models; noted of each version whether this repository has its code. One process of
        git is asked about all of them, and only if a forge shows commits."""
        reviews = [row.review for model in models for row in model.stages if row.review]
        versions = [version for review in reviews for version in (review.before, review.after)]
        commits = {version.code_commit for version in versions if version} - {None}
        if self._links.forge is None or not commits:
            yield from models
            return
        existing = self._workspace.git.existing_commits(commit for commit in commits if commit)
        for model in models:
            rows = (
                replace(row, review=_reviewed_code(row.review, existing)) for row in model.stages
            )
            yield replace(model, stages=tuple(rows))


def _reviewed_code(review: StageReview | None, existing: set[str]) -> StageReview | None:
    if review is None:
        return None
    before, after = (
        replace(version, has_code=version.code_commit in existing) if version else None
        for version in (review.before, review.after)
    )
    return replace(review, before=before, after=after)
