"""Which version a person names: by its number, by a stage or an alias that it holds in MLflow, or
as the latest."""

from __future__ import annotations

import re

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, warn
from mlflow_gitops.core.comparison.compare import find_version
from mlflow_gitops.core.manifests.names import MAX_VERSION, Kind
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.errors import Failure, UsageFailure
from mlflow_gitops.settings import Settings

_MAX_VERSIONS = 8
"""Versions that a message lists, the newest."""
_NUMBER = re.compile(r"[0-9]+")


def version_number(
    settings: Settings, model: str, version: str, *, environment: str | None = None
) -> int:
    """The number of the version that a person means by `14`, `Staging`, `@challenger` or `latest`.
    MLflow is read only for a name. With an `environment`, which another server is, only numbers are
    taken. Raises UsageFailure, or Failure if no version has the name."""
    if _NUMBER.fullmatch(version):
        number = int(version[:11])
        if not 1 <= number <= MAX_VERSION:
            raise UsageFailure(
                f"A version is a whole number from 1 to {MAX_VERSION}, not {version}."
            )
        return number
    if environment is not None:
        raise UsageFailure(f"With --from, name the version by its number, not {version!r}.")

    from mlflow_gitops.app.connect import connect

    workspace = Workspace(settings)
    registry = connect(workspace, warn)
    observed = registry.read(model)
    if observed is None:
        raise not_in_mlflow(model, registry.display_uri)
    aliases = stage_aliases(workspace, model, observed.kind, stageless=registry.stageless)
    number = observed_version(version, observed, aliases)
    note(settings, f"{version} is version {number} of {model} now.")
    note_choice(settings, version, number, observed)
    return number


def not_in_mlflow(model: str, address: str) -> Failure:
    """The failure of a name that no model and no prompt has."""
    return Failure(
        f"{model} is not in MLflow ({address}). Name a registered model or a prompt as MLflow"
        " spells it."
    )


def stage_aliases(
    workspace: Workspace, model: str, kind: Kind, *, stageless: bool
) -> dict[str, str]:
    """The aliases that keep the stages which only the policy defines, by stage. Empty if there is
    no readable policy."""
    path = workspace.registry.policy_path
    read = workspace.checkout.read(path)
    policy = read_policy(read.data, path)[0] if read.data is not None else None
    if policy is None:
        return {}
    if stageless:
        policy = policy.without_stages()

    rules = policy.for_model(model, kind).stages.values()
    return {rule.name: rule.alias for rule in rules if rule.alias and not rule.native}


def note_choice(settings: Settings, name: str, number: int, observed: ObservedModel) -> None:
    """Report that a name was a stage which several versions hold, and which of them was taken."""
    holders = observed.holders(observed.versions[number].stage)
    is_stage = observed.versions[number].stage.casefold() == name.casefold()
    if is_stage and len(holders) > 1:
        numbers = ", ".join(map(str, holders))
        note(settings, f"{name} is held by {numbers}; {number} is taken, which MLflow serves.")


def observed_version(name: str, observed: ObservedModel, aliases: dict[str, str]) -> int:
    """The version that a name means in MLflow. Raises Failure, which lists what there is."""
    number = find_version(name, observed, aliases)
    if number is not None:
        return number

    versions = ", ".join(map(str, sorted(observed.versions)[-_MAX_VERSIONS:])) or "none"
    message = f"{observed.name} has no version, stage or alias {name} in MLflow; it has the"
    message += f" versions {versions}"
    if observed.aliases:
        message += f" and the aliases {', '.join(sorted(observed.aliases))}"
    raise Failure(f"{message}.")
