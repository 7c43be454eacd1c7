"""`promote --from`: which number a version of another environment gets here, and what pins it to
where it comes from."""

from __future__ import annotations

from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import note, warn
from mlflow_gitops.core.manifests.origin_pin import ORIGIN_TAG, OriginPin
from mlflow_gitops.core.observed.model import HIGHEST_TAG, ObservedModel
from mlflow_gitops.errors import Refused, UsageFailure


def copied(
    sheet: OpenManifest, environment: str, version: int
) -> tuple[int, dict[int, dict[str, OriginPin]]]:
    """The number of the copy, and what is to be pinned of it: that of one that is here or on its
    way, else the next free one. Raises Refused where there is no such version, and RegistryFailure
    where either MLflow cannot be asked."""
    place = sheet.workspace.environment
    if place is None:
        raise UsageFailure(
            "Which environment shall have the copy? Name it before the command: --env NAME promote"
            f" … --from {environment}."
        )
    if environment == place.name:
        raise UsageFailure(
            f"{environment} is where the copy would go. Without --from, its own version is"
            " promoted."
        )
    if environment not in sheet.workspace.environments:
        known = (
            ", ".join(name for name in sheet.workspace.environments if name != place.name) or "none"
        )
        raise UsageFailure(f"There is no other environment {environment!r}; there are: {known}.")
    from mlflow_gitops.app.connect import connect

    registry = connect(sheet.workspace, warn)
    seen = registry.read(sheet.name) or ObservedModel(sheet.name)
    pin = registry.other_environments.make_pin(environment, sheet.name, version)
    for number, spec in sheet.manifest.versions.items():
        if spec.origin == pin:
            return number, {}
        if spec.origin is not None and spec.origin.label == pin.label:
            raise Refused(
                f"Version {number} is pinned to {pin.label} as it was before; what is there now is"
                f" another one. Look at it, then take the entry {number} out of versions in"
                f" {sheet.file}, or promote another version."
            )
    for number, observed in seen.versions.items():
        if observed.tags.get(ORIGIN_TAG) == pin.stamp:
            return number, {number: {"origin": pin}}
    noted = seen.tags.get(HIGHEST_TAG, "")
    coming = (number for number, spec in sheet.manifest.versions.items() if spec.can_be_registered)
    number = max([0, *seen.versions, *coming, int(noted) if noted.isdigit() else 0]) + 1
    note(
        sheet.settings,
        f"Reconcile copies version {version} of {environment} here, as version {number}.",
    )
    return number, {number: {"origin": pin}}
