"""A manifest that a command edits: its file, its content, and what MLflow has of its versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, report_invalid, steps, warn
from mlflow_gitops.core.authoring.edit_pins import Pin, identity, identity_fields, left_out
from mlflow_gitops.core.authoring.metric_pins import has_metric_gates, metric_pins
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.names import file_stem, folded, model_of
from mlflow_gitops.core.manifests.policy import ModelPolicy, StageRule
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.core.wording import did_you_mean, shell_words, version_list
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import Failure, InvalidFiles, Refused, RegistryFailure
from mlflow_gitops.settings import Settings


@dataclass(frozen=True)
class OpenManifest:
    """A manifest that a command edits: its path, its content, and the rules that apply to it.
    `sources` has the manifest and the policy by path."""

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
        """The rule of a stage. Raises Failure if the policy has no such stage."""
        rule = self.rules.stages.get(stage)
        if rule is not None:
            return rule
        if stage.lower() == "none":
            raise Failure(
                f"None is not a stage; remove the version of {self.name} from {self.file} by hand"
                " instead."
            )
        hint = did_you_mean(stage, self.rules.stages, 0.5) or (
            f"the stages are {', '.join(self.rules.stages)}."
        )
        raise Failure(f"There is no stage {stage!r}; {hint}")


def open_manifest(
    settings: Settings, model: str, form: str, *, by_last_policy: bool = False
) -> OpenManifest:
    """Find and read the manifest of a model, in any folder below models/.

    Raises Failure if there is none, and InvalidFiles if it or the policy has errors, which are
    printed as `validate` does. Errors of other manifests do not matter, except those of a manifest
    whose name some registries take for this one. With `by_last_policy`, the last valid policy of
    the history applies if the present one has errors (RULES R12).
    """
    workspace = Workspace(settings)
    registry = workspace.registry
    models = f"{registry}/models/"
    kinds = {path: registry.classify(path) for path in workspace.checkout.registry_paths(registry)}
    # A file with the wrong ending counts, so that its error is reported.
    relevant = [path for path, kind in kinds.items() if kind in ("manifest", "policy", "extension")]
    stem = file_stem(model)
    manifest_paths = [
        path for path in relevant if path.startswith(models) and PurePosixPath(path).stem == stem
    ]
    if not manifest_paths:
        raise _no_manifest(registry, model, [path for path in kinds if kinds[path] == "manifest"])

    policy_paths = [path for path in relevant if not path.startswith(models)]
    manifests = [path for path, kind in kinds.items() if kind == "manifest"]
    read_paths = dict.fromkeys((*policy_paths, *manifest_paths, *_twins(manifests, model)))
    sources = {path: workspace.checkout.read(path) for path in read_paths}
    snapshot = build(sources.values(), registry)
    if by_last_policy and snapshot.validity.policy:
        last_policy = _last_policy(workspace)
        if last_policy is not None:
            warn(f"{snapshot.validity.policy[0].file} has errors; the last valid policy applies.")
            sources = {path: sources[path] for path in manifest_paths}
            sources[registry.policy_path] = last_policy
            snapshot = build(sources.values(), registry)
    if snapshot.errors:
        report_invalid(snapshot, form)
        raise InvalidFiles

    [file] = manifest_paths
    workspace.checkout.check_can_write(file)
    # What is edited is the file on disk, which a filter may have converted.
    sources[file] = files.read_file(workspace.top / file, file)
    manifest = snapshot.manifests[model]
    rules = snapshot.policy.for_model(model, manifest.kind)
    return OpenManifest(workspace, settings, sources, file, manifest, rules)


def _no_manifest(registry: RegistryFolder, model: str, manifests: Iterable[str]) -> Failure:
    names = [unquote(stem_of(path)) for path in manifests]
    hint = did_you_mean(model, names) or (
        "write it from MLflow with mlflow-gitops import, or create"
        f" {registry}/models/{file_stem(model)}.yaml with the lines name: {model} and stages: {{}}."
    )
    return Failure(f"{model} has no manifest in {registry}/models/; {hint}")


def _twins(paths: Iterable[str], model: str) -> list[str]:
    """The manifests whose names some file systems or registries take for this model's."""
    return [path for path in paths if folded(model_of(stem_of(path))) == folded(model)]


def _last_policy(workspace: Workspace) -> SourceFile | None:
    """The last valid policy up to HEAD; None if there was none."""
    git = workspace.git
    if not git.has_commits():
        return None
    line = git.line(git.resolve("HEAD"), workspace.registry)
    blob = HistoryReader(line, workspace.registry, git.blobs).policies.last_usable_blob()
    if blob is None:
        return None
    return SourceFile(workspace.registry.policy_path, git.blobs([blob]).get(blob))


def stages_after(
    target: OpenManifest, stage: str, versions: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """The stages that change if `stage` gets `versions`, with their new versions. A version leaves
    MLflow's other stages, because it can be in only one of them.

    Raises Refused if that would leave a protected stage empty.
    """
    changed = {stage: versions}
    if not target.rule(stage).native:
        return changed

    for other_stage, holders in target.manifest.stages.items():
        if other_stage == stage or not target.rule(other_stage).native:
            continue
        staying = tuple(version for version in holders if version not in versions)
        if staying == holders:
            continue
        if not staying and target.rule(other_stage).protected:
            raise Refused(
                f"{version_list(holders)} holds {other_stage}, which is protected and would be left"
                " empty.",
                fix=(
                    f"Promote another version to {other_stage} first, or set {other_stage}: null in"
                    " the manifest by hand."
                ),
            )
        changed[other_stage] = staying
    return changed


def observe_or_warn(target: OpenManifest) -> ObservedModel | None:
    """The model in MLflow, as `observe`. None, with a warning, if MLflow cannot be reached."""
    progress = steps(target.settings)
    progress("reading MLflow")
    try:
        return observe(target)
    except RegistryFailure as failure:
        warn(f"MLflow cannot be reached; continuing without it. {failure}")
        return None


def observe(target: OpenManifest) -> ObservedModel:
    """The model in MLflow, without versions if MLflow has no model of this name.

    Raises RegistryFailure if MLflow cannot be reached, and Failure if the name is a model in MLflow
    and a prompt in its manifest, or the reverse.
    """
    from mlflow_gitops.app.connect import connect

    kind = target.manifest.kind
    observed = connect(target.workspace, warn).read(target.name, kind)
    if observed is not None and observed.kind != kind:
        raise Failure(
            f"{target.name} is a {observed.kind} in MLflow and not a {kind}. Give the {kind}"
            " another name."
        )
    return observed or ObservedModel(target.name)


def pins_for(
    target: OpenManifest, observed: ObservedModel, versions: Sequence[int]
) -> dict[int, dict[str, Pin]]:
    """The pins to add for versions that get a stage; none that the manifest has already.

    Raises Refused for a version that MLflow does not have and reconcile cannot register, and for
    one that is pinned to something else.
    """
    pins: dict[int, dict[str, Pin]] = {}
    for version in versions:
        spec = target.manifest.versions.get(version, VersionSpec())
        observed_version = observed.versions.get(version)
        if observed_version is None:
            if not spec.can_be_registered:
                raise missing_version(target, observed, version)
            note(
                target.settings,
                f"MLflow does not have version {version} yet; reconcile registers it from"
                f" {spec.registered_from}.",
            )
            continue

        _check_pins(target, version, spec, observed_version)
        names = identity_fields(target.manifest.kind)
        if spec.origin is None and not any(getattr(spec, name) for name in names):
            pins[version] = {**identity(observed_version)}
            note_left_out(target.settings, observed_version)
        if spec.origin is None and not spec.metrics:
            values = measured_pins(target, observed_version)
            if values:
                pins.setdefault(version, {})["metrics"] = values
    return pins


def measured_pins(target: OpenManifest, version: ObservedVersion) -> dict[str, float]:
    """The values of the gates' metrics of a version; none, with a warning, if MLflow does not give
    them."""
    if not has_metric_gates(target.rules):
        return {}

    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.evidence import RegistryEvidence

    try:
        record = RegistryEvidence(connect(target.workspace, warn)).record(version)
    except (Unreadable, RegistryFailure) as reason:
        warn(f"The metrics of version {version.number} are not pinned: {reason}")
        return {}
    return metric_pins(target.rules, version, record)


def note_left_out(settings: Settings, version: ObservedVersion) -> None:
    """Print why a version's source is left out of its pins, if it is."""
    reason = left_out(version)
    if reason is not None:
        note(settings, f"{reason[0].upper()}{reason[1:]}.")


def _check_pins(
    target: OpenManifest, version: int, spec: VersionSpec, observed: ObservedVersion
) -> None:
    for name in identity_fields(target.manifest.kind):
        pinned, actual = getattr(spec, name), getattr(observed, name)
        if pinned not in (None, actual):
            raise Refused(
                f"Version {version} is pinned to {name} {shown_source(pinned)}, MLflow has"
                f" {shown_source(actual or 'none')}: it"
                " is not the version that was reviewed.",
                fix="If it is the right one: mlflow-gitops pin"
                f" {shell_words(target.name, version)}",
            )


def missing_version(target: OpenManifest, observed: ObservedModel, version: int) -> Refused:
    """The refusal for a version that MLflow does not have."""
    newest = sorted(observed.versions)[-5:]
    available = f"it has {version_list(newest)}" if newest else "it has none"
    if target.manifest.kind == "prompt":
        return Refused(
            f"MLflow has no version {version} of the prompt {target.name}; {available}.",
            fix="Register it with mlflow.genai.register_prompt.",
        )
    return Refused(
        f"MLflow has no version {version} of {target.name}; {available}.",
        fix=(
            "Register it by training, or set the source that reconcile registers it from:"
            f" mlflow-gitops pin --source SOURCE {shell_words(target.name, version)}"
        ),
    )
