"""One manifest about to be edited: where it is, what it means, what MLflow says of its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, report_invalid, steps, warn
from mlflow_gitops.core.authoring.edit_pins import IDENTITY, identity
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.policy import ModelPolicy, StageRule
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.wording import did_you_mean, version_list
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import Failure, InvalidFiles, Refused, RegistryFailure
from mlflow_gitops.settings import Settings


@dataclass(frozen=True)
class OpenManifest:
    """One manifest about to be edited: its path, its content, what it means, and the rules it
    stands under."""

    workspace: Workspace
    settings: Settings
    sources: Mapping[str, SourceFile]
    file: str
    manifest: Manifest
    rules: ModelPolicy

    @property
    def data(self) -> bytes:
        return self.sources[self.file].data or b""

    @property
    def name(self) -> str:
        return self.manifest.name

    def holders(self, stage: str) -> tuple[int, ...]:
        return self.manifest.stages.get(stage, ())

    def rule(self, stage: str) -> StageRule:
        """The rule of a stage. Raises Failure where the policy has none of that name."""
        if (rule := self.rules.stages.get(stage)) is not None:
            return rule
        if stage.lower() == "none":
            raise Failure(
                f"None is no stage; take {self.name}'s version out of {self.file} by hand instead."
            )
        hint = did_you_mean(stage, self.rules.stages, 0.5) or (
            f"the stages are {', '.join(self.rules.stages)}."
        )
        raise Failure(f"There is no stage {stage!r}; {hint}")


def open_manifest(settings: Settings, model: str, form: str) -> OpenManifest:
    """The manifest of a model, wherever it lies below models/. Raises Failure where there is none,
    and InvalidFiles where it or the policy has errors, which are printed as `validate` does. Errors
    of other manifests stop nobody."""
    workspace = Workspace(settings)
    registry = workspace.registry
    stem, models = file_stem(model), f"{registry}/models/"
    listing = {
        path: registry.classify(path) for path in files.registry_paths(workspace.top, registry)
    }
    # A file of the wrong ending counts, since it is told to be one.
    relevant = [
        path for path, kind in listing.items() if kind in ("manifest", "policy", "extension")
    ]
    found = [
        path for path in relevant if path.startswith(models) and PurePosixPath(path).stem == stem
    ]
    if not found:
        names = [unquote(stem_of(path)) for path, kind in listing.items() if kind == "manifest"]
        hint = did_you_mean(model, names) or (
            "write it from MLflow with mlflow-gitops import, or create"
            f" {registry}/models/{stem}.yaml with the lines name: {model} and stages: {{}}."
        )
        raise Failure(f"{model} has no manifest in {registry}/models/; {hint}")
    policy = [path for path in relevant if not path.startswith(models)]
    sources = {path: files.read_file(workspace.top / path, path) for path in (*policy, *found)}
    snapshot = build(sources.values(), registry)
    if snapshot.errors:
        report_invalid(snapshot, form)
        raise InvalidFiles
    [file] = found
    manifest = snapshot.manifests[model]
    return OpenManifest(
        workspace,
        settings,
        sources,
        file,
        manifest,
        snapshot.policy.for_model(model, manifest.kind),
    )


# -- what changes -------------------------------------------------------------------------------------------------------


def stages_after(
    sheet: OpenManifest, stage: str, versions: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """The stages as they are once `stage` holds `versions`: they leave MLflow's other stages, where
    one version cannot be at the same time. Raises Refused where that would leave a protected stage
    empty."""
    changed = {stage: versions}
    for other, held in sheet.manifest.stages.items():
        if other == stage or not (sheet.rule(stage).native and sheet.rule(other).native):
            continue
        kept = tuple(version for version in held if version not in versions)
        if kept == held:
            continue
        if not kept and sheet.rule(other).protected:
            raise Refused(
                f"{version_list(held)} holds {other}, which is protected and would be left empty. "
                f"Promote another version to {other} first, or write {other}: null by hand."
            )
        changed[other] = kept
    return changed


def observe_or_warn(sheet: OpenManifest) -> ObservedModel | None:
    """The model as MLflow shows it, without versions where it has none of that name. None, with a
    warning, where MLflow cannot be asked."""
    progress = steps(sheet.settings)
    progress("asking MLflow")
    try:
        return observe(sheet)
    except RegistryFailure as failure:
        warn(f"MLflow cannot be asked; this goes on without it. {failure}")
        return None


def observe(sheet: OpenManifest) -> ObservedModel:
    """As `asked`; raises RegistryFailure."""
    from mlflow_gitops.app.connect import connect

    kind = sheet.manifest.kind
    seen = connect(sheet.workspace, warn).read(sheet.name, kind)
    if seen is not None and seen.kind != kind:
        raise Failure(
            f"{sheet.name} is a {seen.kind} in MLflow, no {kind}. Give the {kind} another name."
        )
    return seen or ObservedModel(sheet.name)


def pins_for(
    sheet: OpenManifest, seen: ObservedModel, versions: Sequence[int]
) -> dict[int, dict[str, str]]:
    """What to pin of versions that come to hold a stage: nothing where the manifest does already.
    Raises Refused for one that MLflow does not have and nobody said how to register, or that is
    pinned to something else."""
    wanted = {}
    for version in versions:
        spec = sheet.manifest.versions.get(version, VersionSpec())
        found = seen.versions.get(version)
        if found is None:
            if not spec.can_be_registered:
                raise missing_version(sheet, seen, version)
            note(
                sheet.settings,
                f"MLflow does not have version {version} yet; reconcile registers it from"
                f" {spec.registered_from}.",
            )
        elif differing := [
            word for word in IDENTITY if getattr(spec, word) not in (None, getattr(found, word))
        ]:
            word = differing[0]
            raise Refused(
                f"Version {version} is pinned to {word} {getattr(spec, word)}, MLflow has"
                f" {getattr(found, word) or 'none'}: it is not the version that was reviewed. If it"
                f" is the right one: mlflow-gitops pin {sheet.name} {version}"
            )
        elif spec.origin is None and not any(getattr(spec, word) for word in IDENTITY):
            wanted[version] = identity(found)
    return wanted


def missing_version(sheet: OpenManifest, seen: ObservedModel, version: int) -> Refused:
    have = f"it has {version_list(sorted(seen.versions)[-5:])}" if seen.versions else "it has none"
    if sheet.manifest.kind == "prompt":
        way = "Register it with mlflow.genai.register_prompt."
        return Refused(f"MLflow has no version {version} of the prompt {sheet.name}; {have}. {way}")
    return Refused(
        f"MLflow has no version {version} of {sheet.name}; {have}. Register it by training, or say"
        f" where reconcile shall register it from: mlflow-gitops pin {sheet.name} {version}"
        " --source SOURCE"
    )
