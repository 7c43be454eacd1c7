"""`promote --from`: the number and the pin of a copy of another environment's version."""

from __future__ import annotations

from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import note, warn
from mlflow_gitops.core.manifests.origin_pin import ORIGIN_TAG, OriginPin
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.errors import Refused, UsageFailure


def plan_copy(
    target: OpenManifest, environment: str, version: int
) -> tuple[int, dict[int, dict[str, OriginPin]]]:
    """The number of the copy and the pin to add for it. That is the number of a copy that MLflow
    has or reconcile will make, else the next free one.

    Raises Refused if the environment has no such version, and RegistryFailure if the MLflow of
    either environment cannot be reached.
    """
    _check_environment(target, environment)
    from mlflow_gitops.app.connect import connect

    registry = connect(target.workspace, warn)
    observed = registry.read(target.name) or ObservedModel(target.name)
    pin = registry.other_environments.make_pin(environment, target.name, version)

    declared = _declared_copy(target, pin)
    if declared is not None:
        return declared, {}
    for number, observed_version in observed.versions.items():
        if observed_version.tags.get(ORIGIN_TAG) == pin.stamp:
            return number, {number: {"origin": pin}}

    specs = target.manifest.versions.items()
    to_be_registered = [number for number, spec in specs if spec.can_be_registered]
    number = max([observed.highest_number, *to_be_registered]) + 1
    note(
        target.settings,
        f"Reconcile copies version {version} of {environment} here, as version {number}.",
    )
    return number, {number: {"origin": pin}}


def _check_environment(target: OpenManifest, environment: str) -> None:
    target_environment = target.workspace.environment
    if target_environment is None:
        raise UsageFailure(
            "Which environment should get the copy? Name it before the command: --env NAME promote"
            f" … --from {environment}."
        )
    if environment == target_environment.name:
        raise UsageFailure(
            f"{environment} is where the copy would go. Omit --from to promote its own version."
        )
    if environment not in target.workspace.environments:
        other_names = [
            name for name in target.workspace.environments if name != target_environment.name
        ]
        raise UsageFailure(
            f"There is no other environment {environment!r}; there are:"
            f" {', '.join(other_names) or 'none'}."
        )


def _declared_copy(target: OpenManifest, pin: OriginPin) -> int | None:
    """The number that the manifest gives to a copy of a version; None if it has no such copy.
    Raises Refused if it has a copy of an earlier version with the same number."""
    for number, spec in target.manifest.versions.items():
        if spec.origin == pin:
            return number
        if spec.origin is not None and spec.origin.label == pin.label:
            raise Refused(
                f"Version {number} is pinned to an earlier {pin.label}; there is another version"
                " under that number now.",
                fix=(
                    f"Inspect it, then remove the entry {number} from versions in {target.file},"
                    " or promote another version."
                ),
            )
    return None
