"""What the policy asks of checks, by stage."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.gates.files import checked
from mlflow_gitops.core.gates.files.checked import Checked, CheckedData
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.errors import InvalidFiles, UsageFailure


def checks_asked(workspace: Workspace, model: str, stage: str | None) -> dict[str, Checked]:
    """The settings of the gate `checked` of each stage that has it, or of `stage` alone, by the
    policy of the working tree; none without a policy. Raises
    InvalidFiles if it has errors."""
    path = workspace.registry.policy_path
    read = workspace.checkout.read(path)
    if read.data is None:
        return {}
    policy, _ = read_policy(read.data, path)
    if policy is None:
        raise InvalidFiles(f"{path} has errors.", fix="Run: mlflow-gitops validate")

    rules = policy.for_model(model).stages
    if stage is not None and stage not in rules:
        raise UsageFailure(f"The policy has no stage {stage!r}.")
    settings = {name: rule.gates.settings(checked.GATE) for name, rule in rules.items()}
    return {
        name: value
        for name, value in settings.items()
        if value is not None and stage in (None, name)
    }


def data_of(rules_by_stage: Mapping[str, Checked]) -> CheckedData | None:
    """The one dataset that these stages name. Raises UsageFailure if they name several."""
    named = {settings.data for settings in rules_by_stage.values() if settings.data is not None}
    if len(named) > 1:
        raise UsageFailure(
            f"The stages {', '.join(rules_by_stage)} name several datasets. Choose one stage:"
            " --stage NAME"
        )
    return named.pop() if named else None


def experiment_of(rules_by_stage: Mapping[str, Checked]) -> str:
    """The one experiment that these stages take records from. Raises UsageFailure if they name
    several."""
    named = {settings.experiment for settings in rules_by_stage.values()} or {checked.EXPERIMENT}
    if len(named) > 1:
        raise UsageFailure(
            f"The stages {', '.join(rules_by_stage)} name several experiments. Choose one stage:"
            " --stage NAME"
        )
    return named.pop()
