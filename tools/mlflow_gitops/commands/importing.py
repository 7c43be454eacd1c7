"""`import`: writes manifests from a live registry; those that are there follow it, and keep what people wrote."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from mlflow_gitops.commands.output import emit, emit_json, note, steps, warn
from mlflow_gitops.commands.validate import report_invalid
from mlflow_gitops.core.desired import Desired
from mlflow_gitops.core.editing import edited
from mlflow_gitops.core.following import Basis, follow
from mlflow_gitops.core.guards import Context, refusals
from mlflow_gitops.core.history import ModelHistory
from mlflow_gitops.core.importing import Wants, take, written
from mlflow_gitops.core.mainline import Commit, Line, Point
from mlflow_gitops.core.manifest import Manifest, check_policy, read_manifest
from mlflow_gitops.core.names import file_stem, name_fault
from mlflow_gitops.core.observed import ObservedModel
from mlflow_gitops.core.plan import Change
from mlflow_gitops.core.planner import departures
from mlflow_gitops.core.policy import ModelPolicy, Policy
from mlflow_gitops.core.snapshot import Snapshot, classify, stem_of
from mlflow_gitops.edges import files
from mlflow_gitops.errors import INVALID, OK, Failure, GitFailure, UsageFailure
from mlflow_gitops.render import data as json_form
from mlflow_gitops.render.diff import shown, unified
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.render.text import many, say_change
from mlflow_gitops.settings import Settings
from mlflow_gitops.workspace import Workspace

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow import Registry


@dataclass(frozen=True, slots=True)
class Folders:
    """Where new manifests go below models/: the folder of the first glob that a name matches, else the value of a tag."""

    globs: Sequence[tuple[str, str]] = ()
    tag: str | None = None

    def of(self, model: ObservedModel) -> str:
        """The folder with a slash at its end; empty for models/ itself."""
        for glob, folder in self.globs:
            if _matches(model.name, glob):
                return f"{folder}/"
        value = model.tags.get(self.tag, "") if self.tag else ""
        return f"{file_stem(value)}/" if value.strip() else ""


@dataclass(frozen=True, slots=True)
class Options:
    wants: Wants
    folders: Folders
    dry_run: bool
    form: str


@dataclass(slots=True)
class Imported:
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
        return unified(self.file, self.old, self.new) if self.result in ("created", "updated") else ""


def run(settings: Settings, models: Sequence[str], options: Options) -> int:
    """Write the manifests of `models` (names, or globs), or of all that MLflow shows. Exits 3 where a manifest that is there
    is invalid; the others are written all the same."""
    workspace = Workspace(settings)
    here = (workspace.top / workspace.registry).is_dir()
    snapshot = workspace.tree() if here else Snapshot()
    if any(classify(one.file, workspace.registry) != "manifest" for one in snapshot.errors):
        return report_invalid(snapshot, options.form)
    progress = steps(settings)
    progress("reading MLflow")
    from mlflow_gitops.edges.mlflow import Registry

    registry = Registry(settings.tracking_uri, settings.registry_uri, warn)
    found, prompts = _observe(registry, models)
    progress(f"importing {many(len(found), 'model')}")
    work = _Import(workspace, snapshot, registry.stageless, options)
    done = [work.one(model, named=model.name in models) for model in found]
    if not options.dry_run:
        for each in done:
            if each.result in ("created", "updated"):
                files.put_file(workspace.top, each.file, each.new, new=each.old is None)
    _tell(settings, options, done, prompts)
    return INVALID if any(each.result == "invalid" for each in done) else OK


def folders(globs: Sequence[str], tag: str | None) -> Folders:
    """The folders that `GLOB=FOLDER` options and a tag name. Raises UsageFailure for a folder outside models/."""
    pairs = []
    for one in globs:
        glob, equals, folder = one.rpartition("=")
        parts = folder.strip("/").split("/")
        if not equals or not glob or any(not part or part.startswith(".") or "\\" in part for part in parts):
            raise UsageFailure(f"--folder takes GLOB=FOLDER, with a folder below models/, not {one!r}.")
        pairs.append((glob, "/".join(parts)))
    return Folders(pairs, tag)


def _observe(registry: Registry, wanted: Sequence[str]) -> tuple[list[ObservedModel], list[str]]:
    """The wanted models in the order of their names, and the prompts that were left out. Raises Failure for a name that MLflow
    does not show."""
    globs = [name for name in wanted if "*" in name or "?" in name]
    everything = not wanted or bool(globs)
    found = registry.observe([*wanted], only=not everything)
    if everything and registry.stageless:  # a listing there has names alone
        found = registry.observe([name for name in found if not wanted or _wanted(name, wanted)], only=True)
    models = {name: model for name, model in found.items() if not model.is_prompt}
    prompts = sorted(found.keys() - models.keys()) if wanted else registry.prompts()
    for name in wanted:
        if name not in found and not (name in globs and any(_matches(model, name) for model in models)):
            near = difflib.get_close_matches(name, found, 1)
            hint = (
                f"Did you mean {near[0]}?" if near else f"Look at what {registry.shown} has with mlflow-gitops status."
            )
            raise Failure(f"MLflow shows no model {name}. {hint}")
    return [models[name] for name in sorted(models) if not wanted or _wanted(name, wanted)], prompts


def _wanted(name: str, wanted: Collection[str]) -> bool:
    return name in wanted or any(_matches(name, glob) for glob in wanted)


def _matches(name: str, glob: str) -> bool:
    # `*` and `?` alone are patterns, as in the policy; a name may well have brackets.
    return fnmatchcase(name, glob.replace("[", "[[]"))


class _Import:
    """One run: the manifests that are there, and what git says of them."""

    def __init__(self, workspace: Workspace, snapshot: Snapshot, stageless: bool, options: Options) -> None:
        self._workspace = workspace
        self._snapshot = snapshot
        self._policy: Policy = snapshot.policy.without_stages() if stageless else snapshot.policy
        self._options = options
        listing = files.names(workspace.top, workspace.registry) if snapshot.count else []
        manifests = [path for path in listing if classify(path, workspace.registry) == "manifest"]
        self._files = {stem_of(path): path for path in manifests}
        self._folded = {stem.lower(): stem for stem in self._files}
        self._schema = bool(files.schema_copies(workspace.top).get("schemas/model.schema.json"))
        self._line = self._head_line()
        self._owner = None if self._line is None else workspace.owner(self._line)

    def one(self, seen: ObservedModel, *, named: bool) -> Imported:
        """What becomes of one model's manifest; nothing is written here."""
        stem = file_stem(seen.name)
        file = self._files.get(stem)
        new_file = f"{self._workspace.registry}/models/{self._options.folders.of(seen)}{stem}.yaml"
        done = Imported(seen.name, file or new_file)
        rules = self._policy.for_model(seen.name)
        if fault := self._fault(seen, stem, named=named):
            done.result = "left"
            done.notes.append(fault)
        elif file is None:
            taken = take(seen, rules, self._options.wants)
            self._settle(
                done, "created", written(seen.name, taken, self._schema_path(new_file)), taken.notes, rules, seen
            )
        elif manifest := self._snapshot.manifests.get(seen.name):
            self._update(done, manifest, seen, rules)
        else:
            done.result = "invalid"
            done.notes.append("its manifest has errors; mlflow-gitops validate says which")
        return done

    def _fault(self, seen: ObservedModel, stem: str, *, named: bool) -> str | None:
        """Why a model gets no manifest."""
        if fault := name_fault(seen.name):
            return fault
        twin = self._folded.setdefault(stem.lower(), stem)
        if twin != stem:
            return f"its manifest would be that of {twin} but for case, which some file systems take for one"
        owned = seen.owner is not None and self._owner is not None and seen.owner != self._owner
        if owned and not named and stem not in self._files:
            return f"it is managed from elsewhere ({seen.owner}). Name it to import it all the same"
        return None

    def _update(self, done: Imported, manifest: Manifest, seen: ObservedModel, rules: ModelPolicy) -> None:
        held = [version for versions in manifest.stages.values() for version in versions]
        taken = take(seen, rules, self._options.wants, [*held, *manifest.aliases.values()])
        edit, kept = follow(manifest, taken, rules, partial(self._basis, seen, manifest))
        done.old = files.read_file(self._workspace.top / done.file, done.file).data or b""
        try:
            new = edited(done.old, done.file, edit, tuple(rules.stages))
        except Failure as failure:
            done.result = "left"
            done.notes.append(str(failure))
            return
        self._settle(done, "updated" if new != done.old else "unchanged", new, [*taken.notes, *kept], rules, seen)

    def _settle(
        self, done: Imported, result: str, new: bytes, notes: Sequence[str], rules: ModelPolicy, seen: ObservedModel
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
        refused = refusals(desired, history, seen, (), Context(self._owner or seen.owner or "", ""))
        done.notes += [*notes, *(f"plan will refuse it: {one.detail}; {one.way_out}" for one in refused)]

    def _schema_path(self, file: str) -> str | None:
        return "../" * file.count("/") + "schemas/model.schema.json" if self._schema else None

    def _head_line(self) -> Line | None:
        """The history of HEAD; None without a repository."""
        try:
            git = self._workspace.git
            return git.line(git.resolve("HEAD"), self._workspace.registry) if git.has_commits() else Line([], [], {})
        except GitFailure:
            return None

    def _basis(self, seen: ObservedModel, manifest: Manifest) -> Basis:
        """The manifest at the commit that the model was last reconciled to, or else at the last commit."""
        line = self._line
        if line is None or not line.shas:
            return Basis(None, reconciled=False)
        ours = seen.base in line.index and seen.owner == self._owner
        upto = line.index[seen.base] if ours and seen.base is not None else len(line.shas)
        stem, blob = file_stem(seen.name), None
        for i, path, content in line.changes:
            if i <= upto and stem_of(path) == stem and (content is not None or path == manifest.file):
                blob = content
        data = self._workspace.git.blobs([blob]).get(blob) if blob else None
        before = read_manifest(data, manifest.file)[0] if data is not None else None
        return Basis(before, reconciled=ours)


def _tell(settings: Settings, options: Options, done: Sequence[Imported], prompts: Sequence[str]) -> None:
    counts = {
        result: sum(each.result == result for each in done) for result in ("created", "updated", "unchanged", "left")
    }
    counts["invalid"] = sum(each.result == "invalid" for each in done)
    counts["pending"] = sum(bool(each.pending) for each in done)
    if options.form == "json":
        emit_json({"models": [_data(each) for each in done], "prompts": list(prompts), "summary": counts})
    else:
        for each in done:
            emit(shown(each.diff, Style()))
    for each in done:
        for text in each.notes:
            warn(f"{each.model}: {text}.")
        if each.pending:
            note(settings, f"{each.model}: plan will show {'; '.join(map(say_change, each.pending))}.")
    if prompts:
        some = ", ".join(prompts[:3]) + (f" and {len(prompts) - 3} more" if len(prompts) > 3 else "")
        note(settings, f"{many(len(prompts), 'prompt')} left out, since prompts have no stages: {some}.")
    said = [
        f"{counts[result]} {result}"
        for result in ("created", "updated", "unchanged", "left", "invalid")
        if counts[result]
    ]
    note(settings, f"{many(len(done), 'model')}: {', '.join(said) or 'none in MLflow'}.")
    if options.dry_run:
        note(settings, "Nothing was written.")
    elif counts["created"] or counts["updated"]:
        rest = "" if not counts["pending"] else " but what is said above"
        note(settings, f"See with mlflow-gitops plan that nothing changes in MLflow{rest}, then commit.")


def _data(each: Imported) -> Mapping[str, Any]:
    return {
        "model": each.model, "file": each.file, "result": each.result, "diff": each.diff,
        "pending": [json_form.change(one) for one in each.pending], "notes": each.notes,
    }  # fmt: skip
