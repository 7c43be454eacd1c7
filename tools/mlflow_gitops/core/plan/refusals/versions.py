"""Versions that the registry does not have and cannot get (RULES R2, R10)."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.observed.model import HIGHEST_TAG, ObservedModel, version_number
from mlflow_gitops.core.verdicts.verdict import Refusal


def version_refusals(
    desired: Desired, base: Desired | None, model: ObservedModel, *, is_new: bool
) -> Iterator[Refusal]:
    """Versions that are missing in MLflow: refused unless the manifest says where to register them
    from, and MLflow can give them their number. A version that MLflow had at the base was deleted
    since, and is not registered again."""
    manifest = desired.manifest
    holders = {version for versions in manifest.stages.values() for version in versions}
    named_versions = holders | set(manifest.aliases.values())
    missing = (named_versions | manifest.versions.keys()) - model.versions.keys()
    if not missing:
        return

    reconciled = _reconciled_versions(base) if base is not None else frozenset()
    noted = version_number(model.tags.get(HIGHEST_TAG, ""))
    visible = max(model.versions, default=0)
    # MLflow does not give the number of a deleted version again.
    highest = max(visible, noted, *reconciled)
    # Versions that were deleted may have used numbers up. The next number is certain only if the
    # model is new, or if its highest number was noted.
    is_certain = is_new or noted > visible

    for version in sorted(missing):
        spec = manifest.versions.get(version)
        is_registered_here = spec is not None and spec.can_be_registered
        if version in reconciled and (version in named_versions or is_registered_here):
            yield _deleted_version(manifest, model, version, next_number=highest + 1)
        elif spec is None or not spec.can_be_registered:
            if version in named_versions:
                yield _missing_version(manifest, model, version, is_new=is_new)
        elif version <= highest or (is_certain and version > highest + 1):
            yield Refusal(
                "missing_version",
                f"version {version} of {manifest.name} cannot be registered: MLflow never gives a"
                f" number twice or out of turn, and the next one is {highest + 1}",
                f"pin it as version {highest + 1}, or take version {version} out of the manifest",
                version=version,
                expected=str(highest + 1),
            )
        else:
            highest = version


def _reconciled_versions(base: Desired) -> frozenset[int]:
    """The versions that MLflow had when the model was reconciled to its base: it is sealed only
    after all of them were read back."""
    manifest = base.manifest
    holders = {version for versions in manifest.stages.values() for version in versions}
    pinned = {number for number, spec in manifest.versions.items() if spec.can_be_registered}
    return frozenset(holders | set(manifest.aliases.values()) | pinned)


def _deleted_version(
    manifest: Manifest, model: ObservedModel, version: int, *, next_number: int
) -> Refusal:
    detail = f"version {version} of {manifest.name} was deleted in MLflow"
    if model.versions:
        detail += f"; it has {_version_summary(model)}"
    way_out = (
        f"take version {version} out of the manifest; a version that is registered again gets a new"
        f" number, {next_number} or higher"
    )
    return Refusal("missing_version", detail, way_out, version=version)


def _missing_version(
    manifest: Manifest, model: ObservedModel, version: int, *, is_new: bool
) -> Refusal:
    detail = f"MLflow has no version {version} of {manifest.name}"
    if model.versions:
        detail += f"; it has {_version_summary(model)}"
    if is_new:
        detail += "; it shows no such model to these credentials"

    way_out = (
        f"register it by training, or set versions.{version}.source so that reconcile registers it"
    )
    if manifest.kind == "prompt":
        way_out = "register it first (mlflow.genai.register_prompt)"
    return Refusal("missing_version", detail, way_out, version=version)


def _version_summary(model: ObservedModel) -> str:
    numbers = sorted(model.versions)
    newest = ", ".join(map(str, numbers[-5:]))
    return newest if len(numbers) <= 5 else f"{len(numbers)} versions, the newest {newest}"
