"""The events of a plan: what waits for approval in a pull request, and drift that is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.notifying.run_events import OwnersOf
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.verdicts.verdict import Verdict
from mlflow_gitops.core.wording import counted, version_list


def approval_events(
    models: Iterable[ModelPlan], owners_of: OwnersOf, url: str | None
) -> Iterator[NotifyEvent]:
    """One event for each model whose change waits for approvals. Its owners are also the people and
    teams whose approval the policy asks for."""
    for model in models:
        verdicts = [verdict for verdict in model.gates if _missing(verdict) > 0]
        if not verdicts:
            continue
        teams = tuple(team for verdict in verdicts for team in str(verdict.facts["of"]).split())
        yield NotifyEvent(
            "approval_needed",
            _waiting_detail(model, verdicts),
            model.model,
            owners=tuple(dict.fromkeys((*owners_of(model.model), *teams))),
            identity=repr((url, _entries(verdicts))),
            url=url,
        )


def drift_events(
    models: Iterable[ModelPlan], owners_of: OwnersOf, url: str | None = None
) -> Iterator[NotifyEvent]:
    """One event for each model with drift that is not put back."""
    for model in models:
        changes = [
            change for change in model.changes if change.cause == "drift" and not change.applies
        ]
        if not changes:
            continue
        reasons = [row.reason for row in model.stages if row.cause == "drift" and row.reason]
        detail = "; ".join(reasons) or f"{counted(len(changes), 'change')} by hand"
        identity = repr([(change.action, change.version, change.key) for change in changes])
        owners = owners_of(model.model)
        yield NotifyEvent(
            "drift",
            f"left as it is: {detail}",
            model.model,
            owners=owners,
            identity=identity,
            url=url,
        )


def _missing(verdict: Verdict) -> int:
    return int(verdict.facts.get("missing_approvals") or 0)


def _entries(verdicts: Iterable[Verdict]) -> list[tuple[str, int]]:
    return sorted({(verdict.stage, verdict.version) for verdict in verdicts})


def _waiting_detail(model: ModelPlan, verdicts: list[Verdict]) -> str:
    rows = [
        f"{row.stage} {version_list(row.before)} → {version_list(row.after)}"
        for row in model.stages
        if any(verdict.stage == row.stage for verdict in verdicts)
    ]
    needs = verdicts[0].needs or verdicts[0].detail
    also = sorted({verdict.gate for verdict in model.gates if verdict.status == "failed"})
    refused = f"; refused by {', '.join(also)}" if also else ""
    return f"{', '.join(rows) or verdicts[0].stage}, needs {needs}{refused}"
