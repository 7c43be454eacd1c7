"""`health`: how the versions that hold a stage are doing."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.health.reading import HealthReader
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.model_globs import named_models
from mlflow_gitops.commands.output import note_for_people, print_result, report_invalid, steps
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import CHANGES, OK, Failure, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.health.verdicts import HealthOutput
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    models: Sequence[str],
    stages: Sequence[str],
    exit_code: bool,
    form: str,
) -> int:
    """Judge the health of what holds stages now, by the policy of the working tree. With
    `exit_code`, exits 2 if a version is unhealthy or its health is unknown."""
    workspace = Workspace(settings)
    snapshot = workspace.tree()
    if snapshot.errors:
        return report_invalid(snapshot, form)
    _check_stages(snapshot.policy, stages, workspace.registry.policy_path)
    models = named_models(models, snapshot.contents, workspace.registry)

    progress = steps(settings)
    progress("reading git and receipts")
    reader = HealthReader(workspace, snapshot.policy, models)
    now = settings.now()
    progress("asking for live values")
    verdicts = tuple(reader.verdicts(stages, now))

    print_result(formats.HEALTH, form, HealthOutput(format_datetime(now), verdicts))
    if not verdicts:
        for hint in reader.hints():
            note_for_people(settings, form, hint)
    is_bad = any(verdict.state in ("unhealthy", "unknown") for verdict in verdicts)
    return CHANGES if exit_code and is_bad else OK


def _check_stages(policy: Policy, stages: Sequence[str], path: str) -> None:
    """Raise Failure if the policy watches no stage, UsageFailure for a stage that it does not
    have."""
    exceptions = range(len(policy.raw.get("models") or ()))
    rules = [policy.with_exceptions(()), *(policy.with_exceptions((i,)) for i in exceptions)]
    known = {stage for rule in rules for stage in rule.stages}
    for stage in stages:
        if stage not in known:
            hint = did_you_mean(stage, known) or f"the stages are {', '.join(sorted(known))}."
            raise UsageFailure(f"The policy has no stage {stage!r}; {hint}")
    if not any(stage.health for rule in rules for stage in rule.stages.values()):
        raise Failure(
            f"{path} watches no stage.",
            fix="Add health to a stage: health: {checks: {drift: {metric: drift_share, max: 0.3,"
            " newer_than: 2h}}}.",
        )
