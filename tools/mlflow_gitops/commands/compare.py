"""`compare`: two versions of one model, side by side."""

from __future__ import annotations

from mlflow_gitops.app.comparisons import compare_versions
from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import print_result, steps, warn
from mlflow_gitops.core.comparison.compare import find_version
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings

_MAX_VERSIONS = 8
"""Versions that a message lists, the newest."""


def run(settings: Settings, model: str, before: str, after: str, form: str) -> int:
    """Compare the versions that `before` and `after` name now, each by its number, a stage or an
    alias. Properties that nobody recorded are shown as such and are no error."""
    workspace = Workspace(settings)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    progress("reading MLflow")
    observed = registry.read(model)
    if observed is None:
        raise Failure(
            f"{model} is not in MLflow ({registry.display_uri}). Name a registered model or a"
            " prompt as MLflow spells it."
        )

    aliases = stage_aliases(workspace, model, observed.kind, stageless=registry.stageless)
    old, new = (named_version(name, observed, aliases) for name in (before, after))
    comparison = compare_versions(observed, old, new, RegistryEvidence(registry))
    print_result(formats.COMPARE, form, comparison)
    return OK


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


def named_version(name: str, observed: ObservedModel, aliases: dict[str, str]) -> int:
    """The version that a number, a stage or an alias means. Raises Failure if there is none."""
    number = find_version(name, observed, aliases)
    if number is not None:
        return number

    versions = ", ".join(map(str, sorted(observed.versions)[-_MAX_VERSIONS:])) or "none"
    message = f"{observed.name} has no version, stage or alias {name} in MLflow; it has the"
    message += f" versions {versions}"
    if observed.aliases:
        message += f" and the aliases {', '.join(sorted(observed.aliases))}"
    raise Failure(f"{message}.")
