"""Two versions of whom everything is known, and some of whom little is."""

from __future__ import annotations

from mlflow_gitops.core.comparison.values import Facts
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Dataset, Metric, ModelFile, Record, Signature

HOLDOUT, FIELD, EASIER = Dataset("holdout", "d1"), Dataset("field", "d2"), Dataset("holdout", "d9")

OLD = Facts(
    ObservedVersion(
        12,
        "Production",
        run_id="a" * 32,
        source="models:/m-12",
        model_id="m-12",
        created="2026-01-02T03:04:05Z",
    ),
    ("Production", "@production"),
    Record(
        metrics={
            "accuracy": (Metric(0.912, dataset=HOLDOUT), Metric(0.85, dataset=FIELD)),
            "auc": (Metric(0.97, dataset=HOLDOUT),),
            "latency_ms": (Metric(41.0),),
            "recall": (Metric(0.5, dataset=HOLDOUT),),
        },
        params={"depth": "3", "seed": "7", "only_old": "x"},
        datasets=(HOLDOUT,),
        data={"data/train.csv": "5" * 32, "data/same.csv": "6" * 32},
        code_commit="c" * 40,
    ),
    ModelFile(
        Signature(
            inputs=(
                {"name": "amount", "type": "double", "required": True},
                {"name": "age", "type": "long", "required": True},
            ),
            outputs=({"type": "long", "required": True},),
        ),
        size=1_234_567,
        python="3.10.12",
        libraries={"scikit-learn": "1.4.2", "numpy": "1.26.4", "gone": "1"},
    ),
)
NEW = Facts(
    ObservedVersion(
        14,
        "Staging",
        run_id="b" * 32,
        source="models:/m-14",
        model_id="m-14",
        created="2026-02-03T04:05:06Z",
    ),
    ("Staging", "@challenger", "@staging"),
    Record(
        metrics={
            "accuracy": (Metric(0.931, dataset=HOLDOUT), Metric(0.84, dataset=FIELD)),
            "auc": (Metric(0.99, dataset=EASIER),),
            "latency_ms": (Metric(38.5),),
            "f1": (Metric(0.7, dataset=HOLDOUT),),
        },
        params={"depth": "5", "seed": "7", "only_new": "y"},
        datasets=(HOLDOUT, FIELD),
        data={"data/train.csv": "8" * 32, "data/same.csv": "6" * 32},
        code_commit="d" * 40,
    ),
    ModelFile(
        Signature(
            inputs=(
                {"name": "amount", "type": "double", "required": True},
                {"name": "hour", "type": "long", "required": True},
                {"name": "note", "type": "string", "required": False},
            ),
            outputs=({"type": "long", "required": True},),
        ),
        size=1_500_000,
        python="3.11.7",
        libraries={"scikit-learn": "1.5.0", "numpy": "1.26.4", "new": "new>=2"},
    ),
)
BARE = Facts(ObservedVersion(3))
LOST = Facts(
    ObservedVersion(4, run_id="e" * 32, source="s3://bucket/model", status="FAILED_REGISTRATION"),
    unread={
        "file": "The artifacts cannot be read. s3://bucket/model: Unable to locate credentials"
    },
)
