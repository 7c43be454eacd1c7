"""What becomes of each model's manifest in an import. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import TYPE_CHECKING

from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.authoring.edit_manifest import apply_edit
from mlflow_gitops.core.authoring.manifest_content import ImportScope, content_of
from mlflow_gitops.core.authoring.new_manifest import new_manifest
from mlflow_gitops.core.authoring.update_manifest import Basis, update_edit
from mlflow_gitops.core.history.mainline import Commit, MainLine, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.names import file_stem, name_fault
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.plan_model import departures
from mlflow_gitops.core.plan.refusals import Context, refusals
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import Failure, GitFailure
from mlflow_gitops.render.diff import unified

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


@dataclass(frozen=True, slots=True)
class Folders:
    """Where new manifests go below models/: the folder of the first glob that a name matches, else
    the value of a tag."""

    globs: Sequence[tuple[str, str]] = ()
    tag: str | None = None

    def folder_for(self, model: ObservedModel) -> str:
        """The folder with a slash at its end; empty for models/ itself."""
        for glob, folder in self.globs:
            if matches(model.name, glob):
                return f"{folder}/"
        value = model.tags.get(self.tag, "") if self.tag else ""
        return f"{file_stem(value)}/" if value.strip() else ""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    wants: ImportScope
    folders: Folders
    dry_run: bool
    form: str
    prompts: bool = False
    """Whether prompts without a manifest get one, too."""


@dataclass(slots=True)
class ImportResult:
    """What became of one model. `pending` is what plan will show of it all the same."""

    model: str
    file: str
    result: str = "unchanged"
    old: bytes | None = None
    new: bytes = b""
    pending: Sequence[Change] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def diff(self) -> str:
        return (
            unified(self.file, self.old, self.new) if self.result in ("created", "updated") else ""
        )


class Importer:
    """One run: the manifests that are there, and what git says of them."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        snapshot: Snapshot,
        seen: Sequence[ObservedModel],
        options: ImportOptions,
    ) -> None:
        self._workspace = workspace
        self._snapshot = snapshot
        self._seen = seen
        self._policy: Policy = snapshot.policy
        if registry.stageless:
            self._policy = snapshot.policy.without_stages()
        self._options = options
        listing = files.registry_paths(workspace.top, workspace.registry) if snapshot.count else []
        manifests = [path for path in listing if workspace.registry.classify(path) == "manifest"]
        self._files = {stem_of(path): path for path in manifests}
        self._folded = {stem.lower(): stem for stem in self._files}
        self._schema = bool(files.schema_copies(workspace.top).get("schemas/model.schema.json"))
        self._line = self._head_line()
        self._owner = None if self._line is None else workspace.owner(self._line)
        line = self._line or MainLine([], [], {})
        self._evidence = WorkspaceEvidence(workspace, registry, line)

    def import_model(self, seen: ObservedModel, *, named: bool) -> ImportResult:
        """What becomes of one model's manifest; nothing is written here."""
        stem = file_stem(seen.name)
        file = self._files.get(stem)
        new_file = (
            f"{self._workspace.registry}/models/{self._options.folders.folder_for(seen)}{stem}.yaml"
        )
        done = ImportResult(seen.name, file or new_file)
        rules = self._policy.for_model(seen.name, seen.kind)
        if fault := self._fault(seen, stem, named=named):
            done.result = "left"
            done.notes.append(fault)
        elif file is None:
            taken = content_of(seen, rules, self._options.wants)
            new = new_manifest(seen.name, taken, self._schema_path(new_file), seen.kind)
            self._settle(done, "created", new, taken.notes, rules, seen)
        elif (manifest := self._snapshot.manifests.get(seen.name)) and manifest.kind != seen.kind:
            done.result = "left"
            done.notes.append(
                f"it is a {seen.kind} in MLflow, and its manifest is of a {manifest.kind}"
            )
        elif manifest:
            self._update(done, manifest, seen, rules)
        else:
            done.result = "invalid"
            done.notes.append("its manifest has errors; mlflow-gitops validate says which")
        return done

    def _fault(self, seen: ObservedModel, stem: str, *, named: bool) -> str | None:
        """Why a model gets no manifest."""
        if fault := name_fault(seen.name, seen.kind):
            return fault
        twin = self._folded.setdefault(stem.lower(), stem)
        if twin != stem:
            return (
                f"its manifest would be that of {twin} but for case, which some file systems take"
                " for one"
            )
        owned = seen.owner is not None and self._owner is not None and seen.owner != self._owner
        if owned and not named and stem not in self._files:
            return f"it is managed from elsewhere ({seen.owner}). Name it to import it all the same"
        return None

    def _update(
        self, done: ImportResult, manifest: Manifest, seen: ObservedModel, rules: ModelPolicy
    ) -> None:
        held = [version for versions in manifest.stages.values() for version in versions]
        taken = content_of(seen, rules, self._options.wants, [*held, *manifest.aliases.values()])
        edit, kept = update_edit(manifest, taken, rules, partial(self._basis, seen, manifest))
        done.old = files.read_file(self._workspace.top / done.file, done.file).data or b""
        try:
            new = apply_edit(done.old, done.file, edit, tuple(rules.stages))
        except Failure as failure:
            done.result = "left"
            done.notes.append(str(failure))
            return
        self._settle(
            done,
            "updated" if new != done.old else "unchanged",
            new,
            [*taken.notes, *kept],
            rules,
            seen,
        )

    def _settle(
        self,
        done: ImportResult,
        result: str,
        new: bytes,
        notes: Sequence[str],
        rules: ModelPolicy,
        seen: ObservedModel,
    ) -> None:
        """Check what was made as `validate` does, and look what plan will say of it."""
        manifest, document = read_manifest(new, done.file)
        if manifest is not None:
            check_policy(document, rules)
        if manifest is None or document.problems:
            done.result = "left"
            done.notes.append(f"its manifest would be invalid: {document.problems[0].message}")
            return
        done.result, done.new = result, new
        desired, nobody = Desired(manifest, rules), Commit("", "", "", "")
        done.pending = departures(desired, nobody, seen)
        history = ModelHistory(None, "none", (Point(nobody, desired),))
        refused = refusals(
            desired, history, seen, (), Context(self._owner or seen.owner or "", "", self._evidence)
        )
        done.notes += [
            *notes,
            *(f"plan will refuse it: {one.detail}; {one.way_out}" for one in refused),
        ]

    def _schema_path(self, file: str) -> str | None:
        return "../" * file.count("/") + "schemas/model.schema.json" if self._schema else None

    def _head_line(self) -> MainLine | None:
        """The history of HEAD; None without a repository."""
        try:
            git = self._workspace.git
            return (
                git.line(git.resolve("HEAD"), self._workspace.registry)
                if git.has_commits()
                else MainLine([], [], {})
            )
        except GitFailure:
            return None

    def _basis(self, seen: ObservedModel, manifest: Manifest) -> Basis:
        """The manifest at the commit that the model was last reconciled to, or else at the last
        commit."""
        data = self._before.get(seen.name)
        before = read_manifest(data, manifest.file)[0] if data is not None else None
        return Basis(before, reconciled=self._reconciled(seen))

    def _reconciled(self, seen: ObservedModel) -> bool:
        """Whether this repository reconciled a model, to a commit that HEAD has."""
        return (
            self._line is not None and seen.base in self._line.index and seen.owner == self._owner
        )

    @cached_property
    def _before(self) -> Mapping[str, bytes]:
        """What each model's manifest was at its basis, by the model's name, from git in one go."""
        if self._line is None:
            return {}
        changes: dict[str, list[tuple[int, str | None]]] = {}
        for i, path, blob in self._line.changes:
            changes.setdefault(stem_of(path), []).append((i, blob))
        found: dict[str, str] = {}
        for seen in self._seen:
            upto = (
                self._line.index[seen.base or ""]
                if self._reconciled(seen)
                else len(self._line.shas)
            )
            # A move is a file that is gone and one that has come, in either order.
            then = [(i, blob) for i, blob in changes.get(file_stem(seen.name), ()) if i <= upto]
            last = [blob for i, blob in then if i == then[-1][0] and blob is not None]
            if last:
                found[seen.name] = last[0]
        contents = self._workspace.git.blobs(found.values())
        return {name: contents[blob] for name, blob in found.items() if blob in contents}


def matches(name: str, glob: str) -> bool:
    """Whether a model's name matches a glob."""
    # `*` and `?` alone are patterns, as in the policy; a name may well have brackets.
    return fnmatchcase(name, glob.replace("[", "[[]"))
