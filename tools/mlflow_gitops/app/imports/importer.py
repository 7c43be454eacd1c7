"""What an import makes of the manifest of each model. Nothing is written to files here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.imports.bases import ImportBases
from mlflow_gitops.app.imports.folders import Folders
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.authoring.edit_manifest import apply_edit
from mlflow_gitops.core.authoring.manifest_content import ImportScope, content_of
from mlflow_gitops.core.authoring.new_manifest import new_manifest
from mlflow_gitops.core.authoring.update_manifest import update_edit
from mlflow_gitops.core.history.mainline import Commit, MainLine, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.names import file_stem, folded, model_of, name_fault
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.manifests.snapshot import TWINS_WAY_OUT, Snapshot
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.changes import departures
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.refusals.model_refusals import refusals
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import Failure
from mlflow_gitops.render.diff import unified

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry

Outcome = Literal["created", "updated", "unchanged", "left", "invalid"]
"""`left`: the model has or gets no manifest that the import could write. `invalid`: its manifest
has errors."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    scope: ImportScope
    folders: Folders
    dry_run: bool
    form: str
    prompts: bool = False
    """Whether prompts without a manifest get one, too."""


@dataclass(slots=True)
class ImportResult:
    """The result for one model. `pending` has the changes that plan shows even after the import."""

    model: str
    file: str
    result: Outcome = "unchanged"
    old: bytes | None = None
    new: bytes = b""
    pending: Sequence[Change] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def diff(self) -> str:
        is_written = self.result in ("created", "updated")
        return unified(self.file, self.old, self.new) if is_written else ""


class Importer:
    """One import: the manifests in the working tree, and what git knows about them."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        snapshot: Snapshot,
        models: Sequence[ObservedModel],
        options: ImportOptions,
    ) -> None:
        self._workspace = workspace
        self._snapshot = snapshot
        self._options = options
        self._policy: Policy = snapshot.policy
        if registry.stageless:
            self._policy = snapshot.policy.without_stages()

        folder = workspace.registry
        paths = workspace.checkout.registry_paths(folder) if snapshot.count else []
        manifests = [path for path in paths if folder.classify(path) == "manifest"]
        self._files = {stem_of(path): path for path in manifests}
        self._names = {folded(name): name for name in map(model_of, self._files)}
        self._has_schema = bool(workspace.checkout.schema_copies().get("schemas/model.schema.json"))

        self._bases = bases = ImportBases(workspace, models)
        line = bases.line or MainLine([], [], {})
        self._evidence = WorkspaceEvidence(workspace, registry, line)

    def import_model(self, observed: ObservedModel, *, is_named: bool) -> ImportResult:
        """The result for one model. `is_named`: the user named it, so it is imported even if
        another repository manages it."""
        stem = file_stem(observed.name)
        file = self._files.get(stem)
        folder = self._options.folders.folder_for(observed)
        new_file = f"{self._workspace.registry}/models/{folder}{stem}.yaml"
        result = ImportResult(observed.name, file or new_file)

        fault = self._fault(observed, stem, is_named=is_named)
        if fault is not None:
            return _leave(result, fault)
        if file is None:
            return self._create(result, observed)

        manifest = self._snapshot.manifests.get(observed.name)
        if manifest is None:
            result.result = "invalid"
            result.notes.append("its manifest has errors; run mlflow-gitops validate to see them")
            return result
        if manifest.kind != observed.kind:
            return _leave(
                result,
                f"it is a {observed.kind} in MLflow, but its manifest is for a {manifest.kind}",
            )
        return self._update(result, manifest, observed)

    def _fault(self, observed: ObservedModel, stem: str, *, is_named: bool) -> str | None:
        """Why a model cannot get a manifest; None if it can."""
        fault = name_fault(observed.name, observed.kind)
        if fault is not None:
            return fault
        twin = self._names.setdefault(folded(observed.name), observed.name)
        if twin != observed.name:
            return (
                f"its name differs only in case, or in how its letters are written, from that"
                f" of {twin}, and some file systems and registries take both for one. To manage"
                f" {observed.name} instead, delete the manifest of {twin} and import it by name; to"
                f" manage both, {TWINS_WAY_OUT}"
            )
        owners = (observed.owner, self._bases.owner)
        is_foreign = None not in owners and observed.owner != self._bases.owner
        if is_foreign and not is_named and stem not in self._files:
            return (
                f"another repository manages it ({observed.owner}). Pass its name to import it"
                " anyway"
            )
        return None

    def _create(self, result: ImportResult, observed: ObservedModel) -> ImportResult:
        rules = self._policy.for_model(observed.name, observed.kind)
        content = content_of(observed, rules, self._options.scope)
        schema = None
        if self._has_schema:
            schema = "../" * result.file.count("/") + "schemas/model.schema.json"
        result.new = new_manifest(observed.name, content, schema, observed.kind)
        result.result = "created"
        return self._checked(result, content.notes, rules, observed)

    def _update(
        self, result: ImportResult, manifest: Manifest, observed: ObservedModel
    ) -> ImportResult:
        rules = self._policy.for_model(observed.name, observed.kind)
        holders = [version for versions in manifest.stages.values() for version in versions]
        declared = [*holders, *manifest.aliases.values()]
        content = content_of(observed, rules, self._options.scope, declared)
        basis = partial(self._bases.basis, observed, manifest)
        edit, kept_notes = update_edit(manifest, content, rules, basis)

        file = result.file
        try:
            self._workspace.checkout.check_can_write(file)
        except Failure as failure:
            return _leave(result, str(failure))
        old = files.read_file(self._workspace.top / file, file).data or b""
        result.old = old
        try:
            result.new = apply_edit(old, file, edit, tuple(rules.stages))
        except Failure as failure:
            return _leave(result, str(failure))
        result.result = "updated" if result.new != old else "unchanged"
        return self._checked(result, [*content.notes, *kept_notes], rules, observed)

    def _checked(
        self,
        result: ImportResult,
        notes: Sequence[str],
        rules: ModelPolicy,
        observed: ObservedModel,
    ) -> ImportResult:
        """Check the new manifest as `validate` does, and find out what plan will show for it."""
        manifest, document = read_manifest(result.new, result.file)
        if manifest is not None:
            check_policy(document, rules)
        if manifest is None or document.problems:
            return _leave(result, f"its manifest would be invalid: {document.problems[0].message}")

        desired, no_commit = Desired(manifest, rules), Commit("", "", "", "")
        result.pending = departures(desired, no_commit, observed)
        history = ModelHistory(None, "none", (Point(no_commit, desired),))
        context = PlanContext(self._bases.owner or observed.owner or "", "", self._evidence)
        result.notes += notes
        for refusal in refusals(desired, history, observed, (), context):
            result.notes.append(f"plan will refuse it: {refusal.detail}; {refusal.way_out}")
        return result


def _leave(result: ImportResult, note: str) -> ImportResult:
    result.result = "left"
    result.notes.append(note)
    return result
