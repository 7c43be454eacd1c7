"""A plan of everything that a pull request's comment can show."""

from __future__ import annotations

from dataclasses import replace

from mlflow_gitops.app.planning.changed_plans import held_back
from mlflow_gitops.core.comparison.compare import compare
from mlflow_gitops.core.comparison.values import Facts
from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.core.observed.mlflow_pages import pages_of
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.plan.review import (
    HeldSince,
    PlanLinks,
    ReviewedVersion,
    StageReview,
    VersionCopy,
)
from mlflow_gitops.core.recorded.values import Dataset, Metric, Record
from mlflow_gitops.core.verdicts.verdict import ChangeApprovers, Refusal, Verdict
from tests.support.core.commits import BEFORE, FILE, PROMOTED
from tests.support.core.comparisons import NEW, OLD

FULL = compare("fraud", OLD, NEW)
HOME = "https://github.com/acme/models"
REVIEW = StageReview(
    ReviewedVersion(12, "a" * 32, "bob", "c" * 40, has_code=True),
    ReviewedVersion(
        14,
        "b" * 32,
        "alice",
        "d" * 40,
        (Dataset("holdout", "d1"), Dataset("field", "d2")),
        (VersionCopy("staging", 5, ("Production",)),),
        has_code=True,
    ),
    HeldSince("2026-02-02T09:12:00Z"),
)


def promotion() -> Plan:
    """A plan of everything that a pull request's comment can show."""
    pending = ModelPlan(
        "fraud-detector",
        FILE,
        "Pending",
        BEFORE.sha,
        desired={"Production": (14,), "Staging": (15,)},
        stages=(
            StageChange(
                "Production", (12,), (14,), "commit", PROMOTED, comparison=FULL, review=REVIEW
            ),
            StageChange("Staging", (14,), (15,), "drift", None, "15 was moved to None in MLflow"),
        ),
        changes=(
            Change("transition", 14, None, "Staging", "Production", commit=PROMOTED),
            Change("transition", 12, None, "Production", "Archived", commit=PROMOTED),
            Change("set_alias", None, "production", 12, 14, commit=PROMOTED),
            Change("transition", 15, None, "None", "Staging", cause="drift"),
            Change("set_tag", None, "task", "other", "fraud", cause="drift"),
            Change("set_description", 14, None, "", "The new one", commit=PROMOTED),
        ),
        gates=(
            Verdict("Production", 14, "from", "passed", "from Staging, 3 days"),
            Verdict("Production", 14, "metrics", "failed", "latency_p95_ms 61 > 50"),
            Verdict(
                "Production",
                14,
                "soak",
                "waiting",
                "in Staging for 5 h of 24 h",
                until="2026-01-03T00:00:00Z",
            ),
            Verdict(
                "Production",
                14,
                "tags",
                "overridden",
                "tag validation is missing, overridden: INC-42",
            ),
            Verdict(
                "Production", 14, "signature", "unknown", "signature cannot be judged: no access"
            ),
            Verdict("Production", 14, "approvals", "exempt", "rollback: 14 held Production before"),
            Verdict("Canary", 14, "pinned", "passed", "pinned"),
        ),
        refusals=(
            Refusal("gate", "14 may not enter Production: latency_p95_ms 61 > 50", "meet the gate"),
        ),
        notes=("Staging is empty for one write",),
        owners=("@acme/risk-ml", "@carol"),
        approvers=ChangeApprovers(("@carol", "@dave"), 128),
    )
    deferred = ModelPlan(
        "churn",
        "registry/models/churn.yaml",
        "Pending",
        None,
        stages=(StageChange("Production", (), (8,), "commit", None),),
        changes=(
            Change("create_model", after="churn"),
            Change("register_version", 8, None, None, "models:/m-8"),
        ),
        deferred="2026-01-05T00:00:00Z",
    )
    return Plan(
        PROMOTED.sha,
        (held_back(pending), held_back(deferred)),
        Fingerprint({}),
        without_manifest=("old-model",),
        onto="main",
        unchanged_models=3,
        refusals=(Refusal("limit", "2 of 5 models would change", "reconcile --max-changes 2"),),
        made_at="2026-02-14T12:00:00Z",
        links=PlanLinks(
            pages_of("https://mlflow.example", "https://mlflow.example"),
            WebPages(f"{HOME}/commit/{{}}", f"{HOME}/pull/{{}}", f"{HOME}/compare/{{}}...{{}}"),
        ),
    )


def small_promotion() -> Plan:
    """One promotion that a gate refuses, one that is applied, and one that is healed: of a merge
    that a reviewer looks at."""
    data = Dataset("holdout-2026-01", "d1")

    def facts(number: int, accuracy: float, latency: float) -> Facts:
        metrics = {
            "accuracy": (Metric(accuracy, dataset=data),),
            "latency_p95_ms": (Metric(latency, dataset=data),),
        }
        return Facts(ObservedVersion(number), record=Record(metrics=metrics, datasets=(data,)))

    compared = compare("fraud-detector", facts(12, 0.919, 44), facts(14, 0.931, 61))
    refusal = Refusal(
        "gate",
        "14 may not enter Production: latency_p95_ms 61 > 50",
        "meet the gate, or promote it in a commit whose message says"
        " `Gate-Override: metrics: reason`",
        "commit",
        brief="14 may not enter Production",
    )
    review = StageReview(
        ReviewedVersion(12, "3f" * 16, "bob", "c" * 40, has_code=True),
        ReviewedVersion(14, "58" * 16, "alice", "d" * 40, (data,), (), has_code=True),
        HeldSince("2026-01-28T09:12:00Z"),
    )
    fraud = ModelPlan(
        "fraud-detector", FILE, "Pending", BEFORE.sha, desired={"Production": (14,)},
        stages=(
            StageChange(
                "Production", (12,), (14,), "commit", PROMOTED, comparison=compared, review=review
            ),
        ),
        changes=(
            Change("transition", 14, None, "Staging", "Production", commit=PROMOTED),
            Change("transition", 12, None, "Production", "Archived", commit=PROMOTED),
            Change("set_alias", None, "production", 12, 14, commit=PROMOTED),
        ),
        gates=(
            Verdict("Production", 14, "from", "passed", "from Staging"),
            Verdict("Production", 14, "soak", "passed", "3 days in Staging (soak 24h)"),
            Verdict("Production", 14, "metrics", "passed", "accuracy 0.931 ≥ 0.9"),
            Verdict("Production", 14, "metrics", "failed", "latency_p95_ms 61 > 50"),
            Verdict(
                "Production", 14, "no_worse_than", "passed", "accuracy no worse than 12 (+0.012)"
            ),
        ),
        refusals=(refusal,),
        owners=("@acme/risk-ml",),
        approvers=ChangeApprovers(("@carol",), 128),
    )  # fmt: skip
    churn = ModelPlan(
        "churn", "registry/models/churn.yaml", "Pending", BEFORE.sha,
        stages=(StageChange("Staging", (7,), (8,), "commit", PROMOTED),),
        changes=(Change("transition", 8, None, "None", "Staging", commit=PROMOTED),),
        gates=(Verdict("Staging", 8, "tags", "passed", "tag validation is passed"),),
        owners=("@carol",),
    )  # fmt: skip
    price = ModelPlan(
        "price", "registry/models/price.yaml", "Drifted", BEFORE.sha,
        stages=(
            StageChange("Production", (3,), (5,), "drift", None, "5 was moved to None in MLflow"),
        ),
        changes=(Change("transition", 5, None, "None", "Production", cause="drift"),),
        owners=("@acme/pricing",),
    )  # fmt: skip
    return replace(
        promotion(),
        models=(held_back(fraud), churn, price),
        without_manifest=(),
        unchanged_models=41,
        refusals=(),
    )
