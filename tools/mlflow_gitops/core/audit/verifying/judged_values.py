"""The values that gates judged when a version came to a stage, compared with what MLflow shows now
(RULES R7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.audit.verifying.verified_gates import run_that_brought
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.measurements import NotMeasured, measured_value
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.secrets import is_secret_name


def changed_values(
    account: Account, holder: Entry, version: ObservedVersion
) -> Iterator[Unexplained]:
    """The metrics and tags of one holder of a stage that are not what its gates judged."""
    changes: dict[str, None] = {}
    for facts in _judged_facts(account, holder):
        change = _metric_change(account, version, facts) or _tag_change(version, facts)
        if change is not None:
            changes[change] = None
    if changes:
        field = f"judged {holder.version} {holder.stage}"
        yield Unexplained(account.name, field, "; ".join(changes))


def _judged_facts(account: Account, holder: Entry) -> list[Mapping[str, Any]]:
    """What the newest run that judged the holder in its present stay recorded as judged."""
    first = run_that_brought(account, holder.stage, holder.version)
    if first is None:
        return []
    for run in reversed(account.runs[account.runs.index(first) :]):
        verdicts = [
            verdict
            for verdict in run.recorded.gates
            if (verdict.get("stage"), verdict["version"]) == (holder.stage, holder.version)
        ]
        if verdicts:
            return [v["facts"] for v in verdicts if isinstance(v.get("facts"), dict)]
    return []


def _metric_change(
    account: Account, version: ObservedVersion, facts: Mapping[str, Any]
) -> str | None:
    key, judged, dataset = facts.get("metric"), facts.get("value"), facts.get("dataset")
    if not isinstance(key, str) or not isinstance(judged, int | float):
        return None
    chosen = dataset if isinstance(dataset, str) else None
    try:
        record = account.record(version)
        metric = measured_value(version, record, key, chosen, from_run=True)
    except Unreadable:
        return None  # a reader may have no access to experiments
    except NotMeasured as reason:
        return f"{key} was judged as {judged}, and now {reason}"
    if metric.value == judged:
        return None
    return f"{key} was judged as {judged}, and MLflow shows {metric.value} now"


def _tag_change(version: ObservedVersion, facts: Mapping[str, Any]) -> str | None:
    key, judged = facts.get("tag"), facts.get("value")
    if not isinstance(key, str) or not isinstance(judged, str) or is_secret_name(key):
        return None
    actual = version.tags.get(key)
    if actual == judged:
        return None
    now_shown = f"shows {actual}" if actual is not None else "has none"
    return f"tag {key} was judged as {judged}, and MLflow {now_shown} now"
