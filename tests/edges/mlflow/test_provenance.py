"""The evidence about a version is that of the files at its source (RULES R3)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Record
from mlflow_gitops.edges.mlflow.provenance import Provenance

GOOD, BAD = "a" * 32, "b" * 32


def run_of(run_id: str, accuracy: float, *models: str, deleted: bool = False) -> Any:
    return SimpleNamespace(
        info=SimpleNamespace(
            run_id=run_id,
            artifact_uri=f"mlflow-artifacts:/1/{run_id}/artifacts",
            lifecycle_stage="deleted" if deleted else "active",
        ),
        data=SimpleNamespace(metrics={"accuracy": accuracy}, params={}, tags={}),
        inputs=None,
        outputs=SimpleNamespace(model_outputs=[SimpleNamespace(model_id=m) for m in models]),
    )


def model_of(model_id: str, run_id: str | None, **metrics: float) -> Any:
    return SimpleNamespace(
        model_id=model_id,
        source_run_id=run_id,
        artifact_location=f"mlflow-artifacts:/1/models/{model_id}/artifacts",
        params={},
        metrics=[
            SimpleNamespace(
                key=key, value=value, step=0, timestamp=0, dataset_digest=None, dataset_name=None
            )
            for key, value in metrics.items()
        ],
    )


class _Client:
    """What MLflow holds."""

    def __init__(self, *things: Any, versions: dict[str, str] | None = None) -> None:
        self.runs = {t.info.run_id: t for t in things if hasattr(t, "info")}
        self.models = {t.model_id: t for t in things if hasattr(t, "model_id")}
        self.versions = versions or {}

    def get_run(self, run_id: str) -> Any:
        return self.runs.get(run_id)

    def get_logged_model(self, model_id: str) -> Any:
        return self.models.get(model_id)

    def get_model_version(self, name: str, number: str) -> Any:
        source = self.versions.get(f"{name}/{number}")
        return SimpleNamespace(source=source) if source else None


class _Server:
    def find(self, get: Any, key: str) -> Any:
        return get(key)


def record(client: _Client, **version: Any) -> Record:
    provenance = Provenance(client, _Server())  # type: ignore[arg-type]
    read = provenance.record(ObservedVersion(1, **version))
    assert read is not None
    return read


def accuracy(read: Record) -> float | None:
    assert read.fault is None, read.fault
    values = read.metrics.get("accuracy")
    return values[0].value if values else None


FAIR = _Client(
    run_of(GOOD, 0.99, "m-good"),
    run_of(BAD, 0.1, "m-bad"),
    model_of("m-good", GOOD, accuracy=0.98),
    model_of("m-bad", BAD),
    versions={"fraud/1": "models:/m-good", "fraud/2": "models:/fraud/1"},
)


@pytest.mark.parametrize(
    ("version", "value"),
    [
        ({"source": "models:/m-good", "model_id": "m-good", "run_id": GOOD}, 0.98),
        ({"source": "models:/m-good", "model_id": "m-good"}, 0.98),
        ({"source": "models:/m-bad", "model_id": "m-bad", "run_id": BAD}, 0.1),
        ({"source": f"runs:/{GOOD}/model", "run_id": GOOD}, 0.99),
        ({"source": f"runs:/{GOOD}/model"}, 0.99),
        ({"source": f"mlflow-artifacts:/1/{GOOD}/artifacts/model", "run_id": GOOD}, 0.99),
        ({"source": f"mlflow-artifacts://host:5000/1/{GOOD}/artifacts/m", "run_id": GOOD}, 0.99),
        ({"source": f"mlflow-artifacts:/1/{GOOD}/artifacts/model"}, 0.99),
        (
            {
                "source": "mlflow-artifacts:/1/models/m-good/artifacts",
                "model_id": "m-good",
                "run_id": GOOD,
            },
            0.98,
        ),
        ({"source": "models:/fraud/2", "run_id": GOOD}, 0.98),
    ],
)
def test_ordinary_registrations_have_their_evidence(version: dict[str, Any], value: float) -> None:
    read = record(FAIR, **version)
    assert accuracy(read) == value and not read.is_claim


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        (
            {"source": "models:/m-bad", "model_id": "m-bad", "run_id": GOOD},
            f"its run {GOOD} is not the run of its logged model m-bad, which is {BAD}",
        ),
        (
            {"source": "models:/m-bad", "model_id": "m-good", "run_id": GOOD},
            "it names the logged model m-good, and its source is m-bad",
        ),
        ({"source": "models:/m-gone", "run_id": GOOD}, "its logged model m-gone is not in MLflow"),
        ({"source": f"runs:/{BAD}/model", "run_id": GOOD}, "is not among the artifacts of its run"),
        (
            {"source": f"mlflow-artifacts:/1/{BAD}/artifacts/model", "run_id": GOOD},
            "is not among the artifacts of its run",
        ),
        (
            {
                "source": f"mlflow-artifacts:/1/{GOOD}/artifacts/../../{BAD}/artifacts",
                "run_id": GOOD,
            },
            "is not among the artifacts of its run",
        ),
        ({"source": "models:/fraud/9", "run_id": GOOD}, "a copy of version 9 of fraud, which is"),
        ({"source": "s3://bucket/model", "model_id": "m-good"}, "is not where its logged model"),
        ({"source": "s3://bucket/model", "run_id": "c" * 32}, "is not in MLflow"),
    ],
)
def test_evidence_of_other_files_is_refused_and_named(version: dict[str, Any], fault: str) -> None:
    read = record(FAIR, **version)
    assert read.fault is not None and fault in read.fault and not read.metrics


def test_files_outside_mlflow_without_a_run_have_no_evidence() -> None:
    provenance = Provenance(FAIR, _Server())  # type: ignore[arg-type]
    assert provenance.record(ObservedVersion(1, source="s3://bucket/model")) is None


def test_a_deleted_run_is_named() -> None:
    gone = _Client(run_of(GOOD, 0.99, deleted=True), model_of("m-good", GOOD, accuracy=0.98))
    for version in ({"source": "models:/m-good"}, {"source": f"runs:/{GOOD}/model"}):
        assert f"its run {GOOD} was deleted in MLflow" in str(record(gone, **version).fault)


def test_of_files_outside_mlflow_the_run_is_a_claim() -> None:
    for source in ("s3://bucket/model", "file:///models/1", "dbfs:/models/1"):
        read = record(FAIR, source=source, run_id=GOOD)
        assert read.is_claim and accuracy(read) == 0.99


def test_a_metric_of_another_logged_model_of_the_run_does_not_count() -> None:
    both = _Client(
        run_of(GOOD, 0.99, "m-good", "m-bad"),
        model_of("m-good", GOOD, accuracy=0.99),
        model_of("m-bad", GOOD),
    )
    assert accuracy(record(both, source="models:/m-bad", run_id=GOOD)) is None
    assert accuracy(record(both, source="models:/m-good", run_id=GOOD)) == 0.99


_GONE = _Client(
    run_of(GOOD, 0.99, "m-good", deleted=True),
    model_of("m-good", GOOD),
    model_of("m-orphan", BAD),
    versions={"fraud/1": "models:/m-lost"},
)


@pytest.mark.parametrize(
    ("version", "is_gone"),
    [
        ({"source": "models:/m-lost", "model_id": "m-lost"}, True),
        ({"source": "models:/fraud/1"}, True),
        ({"source": "models:/m-good", "model_id": "m-good"}, True),
        ({"source": "models:/m-orphan", "model_id": "m-orphan"}, True),
        ({"source": f"runs:/{GOOD}/model", "run_id": GOOD}, True),
        ({"source": f"runs:/{BAD}/model"}, True),
        ({"source": f"mlflow-artifacts:/1/{BAD}/artifacts/model"}, True),
        ({"source": "s3://bucket/model", "run_id": GOOD}, True),
        ({"source": "s3://bucket/model", "run_id": BAD}, False),
        ({"source": "models:/m-orphan", "run_id": GOOD}, False),
    ],
)
def test_what_is_gone_and_what_was_never_here(version: dict[str, Any], is_gone: bool) -> None:
    """A run that an outside source names may be in another MLflow; a run that is not the logged
    model's is a lie, and nothing that is gone."""
    read = record(_GONE, **version)
    assert read.fault is not None and read.is_gone is is_gone
