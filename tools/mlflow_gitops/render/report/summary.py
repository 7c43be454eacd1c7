"""The top of the report's index: what happened lately, what waits, and a row for each model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mlflow_gitops.core.audit.report.activity import DAYS, Activity
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.wording import counted, version_list
from mlflow_gitops.render.report.cards import Cards, waiting_texts
from mlflow_gitops.render.report.values import Report

_MOST_WAITING = 20


def summary(report: Report, recent: Activity) -> dict[str, list[dict[str, Any]]]:
    """The figures below their headings, each with a name, a text, and whether it asks for
    somebody's attention."""
    lately = [
        _figure("Stages changed", _in_models(recent.changed)),
        _figure("Gates overridden", _in_models(recent.overridden), bool(recent.overridden)),
        _figure("Drift put back", _in_models(recent.drifted), bool(recent.drifted)),
        _figure("Refused or failed", _in_models(recent.refused), bool(recent.refused)),
    ]
    figures = {f"The last {DAYS} days": lately}
    if report.plan is not None:
        figures["Now"] = _present(report.plan)
    return figures


def _present(plan: Plan) -> list[dict[str, Any]]:
    refused = sum(model.is_refused for model in plan.models)
    waiting_models = sum(bool(waiting_texts(model)) for model in plan.models)
    counts = Counter(model.sync for model in plan.models if model.sync != "Synced")
    differing = ", ".join(f"{count} {sync}" for sync, count in sorted(counts.items()))
    return [
        _figure("Not in sync", differing or "none", bool(differing)),
        _figure("Refused", counted(refused, "model"), bool(refused)),
        _figure("Waiting", counted(waiting_models, "model")),
    ]


def waiting(report: Report) -> list[tuple[str, str]]:
    """(model, what of it waits), and how many more there are."""
    plans = report.plan.models if report.plan else ()
    every = [(plan.model, text) for plan in plans for text in waiting_texts(plan)]
    rest = len(every) - _MOST_WAITING
    return every[:_MOST_WAITING] + ([("", f"and {rest} more")] if rest > 0 else [])


def model_rows(report: Report, cards: Cards, recent: Activity) -> list[dict[str, Any]]:
    """A row for each model, with what the page filters by."""
    last_change: dict[str, str] = {}
    for audited in report.events:  # oldest first
        if audited.event.model is not None:
            last_change[audited.event.model] = audited.event.commit.at
    plans = report.plans()

    rows = []
    for name in report.models:
        held = {stage: versions for stage, versions in cards.declared(name).items() if versions}
        plan = plans.get(name)
        rows.append(
            {
                "name": name,
                "id": f"row-{name.encode('utf-8', 'surrogatepass').hex()}",
                "sync": cards.sync(name),
                "is_refused": plan is not None and plan.is_refused,
                "owners": list(report.owners.get(name, ())),
                "environments": list(report.environments.get(name, ())),
                "held": [(stage, version_list(versions)) for stage, versions in held.items()],
                "last_change": last_change.get(name, ""),
                "marks": recent.marks(name),
            }
        )
    return rows


def choices(rows: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """What the filters of the models offer."""
    rows = list(rows)
    return {
        "stage": sorted({stage for row in rows for stage, _ in row["held"]}),
        "owner": sorted({owner for row in rows for owner in row["owners"]}),
        "environment": sorted({name for row in rows for name in row["environments"]}),
        "state": sorted({row["sync"] for row in rows if row["sync"]}),
    }


def _figure(name: str, text: str, needs_attention: bool = False) -> dict[str, Any]:
    return {"name": name, "text": text, "needs_attention": needs_attention}


def _in_models(counts: dict[str, int]) -> str:
    if not counts:
        return "none"
    return f"{sum(counts.values())} in {counted(len(counts), 'model')}"
