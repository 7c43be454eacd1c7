"""Plans of as many models as wanted, of every kind that a reviewer meets."""

from __future__ import annotations

from dataclasses import replace

from mlflow_gitops.app.planning.changed_plans import held_back
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, RemovedManifest, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, ReturningVersion, Verdict
from tests.support.core.commits import PROMOTED
from tests.support.core.promotion import promotion

_WORDS = ("fraud", "churn", "credit-risk", "delivery-time", "price", "sentiment", "stock", "visits")
_REGIONS = ("", "-eu-central", "-north-america", "-apac-small-merchants", "-uk")


def name_of(number: int) -> str:
    """A name as teams give them, shorter or longer."""
    word = _WORDS[number % len(_WORDS)]
    return f"{word}{_REGIONS[number % len(_REGIONS)]}-{number}"


def plan_of_many(count: int) -> Plan:
    """A third of the models is refused, by one or by several gates; of the others most will be
    changed, and some wait, are healed, adopted, come back, or lose their manifest."""
    base = promotion()
    models = [_model(number) for number in range(count)]
    removed = (RemovedManifest("gaps", {"Production": (3,)}),) if count > 1 else ()
    return replace(
        base,
        models=tuple(models),
        refusals=(),
        unchanged_models=12,
        removed=removed,
        without_manifest=tuple(gone.model for gone in removed),
    )


def refused_names(count: int) -> list[str]:
    """The models of such a plan that are refused."""
    return [name_of(number) for number in range(count) if number % 3 == 0]


def _model(number: int) -> ModelPlan:
    [detailed, _] = promotion().models
    before, after = number % 40 + 1, number % 40 + 2
    row = replace(
        detailed.stages[0], before=(before,), after=(after,), comparison=None, review=None
    )
    if number == 0:
        row = replace(detailed.stages[0])
        after = 14
    change = Change("transition", after, None, "Staging", "Production", commit=PROMOTED)
    model = ModelPlan(
        name_of(number),
        f"registry/models/{name_of(number)}.yaml",
        "Pending",
        PROMOTED.sha,
        stages=(row,),
        changes=(change,),
        gates=(Verdict("Production", after, "from", "passed", "from Staging, 3 days"),),
        owners=detailed.owners,
        approvers=detailed.approvers,
    )
    match number % 9:
        case 0 | 3 | 6:
            return held_back(_refused(model, after, number))
        case 1:
            until = "2026-02-15T00:00:00Z"
            soak = Verdict("Production", after, "soak", "waiting", "5 h of 24 h", until=until)
            return replace(held_back(model), gates=(*model.gates, soak), deferred=until)
        case 2:
            drift = StageChange("Production", (after,), (before,), "drift", None, "it was moved")
            healed = replace(change, version=before, cause="drift")
            return replace(model, stages=(drift,), changes=(healed,), gates=())
        case 4:
            return replace(model, returning=(ReturningVersion("Production", after, PROMOTED),))
        case 5:
            return replace(
                model, stages=(), changes=(), gates=(), is_adoption=True, stamps=(change,)
            )
    return model


def _refused(model: ModelPlan, after: int, number: int) -> ModelPlan:
    failed = [
        Verdict("Production", after, "metrics", "failed", "latency_p95_ms 61 > 50"),
        Verdict("Production", after, "no_worse_than", "failed", "accuracy is worse (-0.012)"),
        Verdict("Production", after, "signature", "unknown", "the model's file is not read"),
    ]
    failed = failed[: number % 3 + 1] if number % 2 else failed
    refusal = Refusal(
        "gate",
        f"{after} may not enter Production: latency_p95_ms 61 > 50",
        "meet the gate, or promote it in a commit whose message says"
        " `Gate-Override: metrics: reason`",
        "commit",
        brief=f"{after} may not enter Production",
    )
    return replace(model, gates=(*model.gates, *failed), refusals=(refusal,))
