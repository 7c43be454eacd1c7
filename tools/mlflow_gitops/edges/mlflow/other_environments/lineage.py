"""What a version was made from, as plain values for exchange between environments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.manifests.origin_pin import copied_tags
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import ModelFile, Record, Unreadable
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEPT_TAG_PREFIXES = ("mlflow.source.", "mlflow.user", "mlflow.note.content")
"""MLflow's own run tags that a copy keeps: they record how the run was made. The others bind the
run to its server."""


class MetricValue(NamedTuple):
    """The last value of one metric. `timestamp` is in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True, slots=True)
class CopiedLineage:
    """What a version was made from. `inputs` are datasets (the fields of MLflow's `Dataset`), each
    with its tags; the fields from `name` on are those of the logged model."""

    run_name: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: tuple[MetricValue, ...] = ()
    inputs: tuple[tuple[dict[str, str | None], dict[str, str]], ...] = ()
    name: str = "model"
    model_type: str | None = None
    model_params: dict[str, str] = field(default_factory=dict)
    model_tags: dict[str, str] = field(default_factory=dict)
    model_metrics: tuple[MetricValue, ...] = ()


@dataclass(frozen=True, slots=True)
class OriginVersion:
    """One version as another environment's MLflow holds it; `version` is None if it has no such
    version.

    `lineage`, `digest` and `folder` are set only if the artifacts were downloaded, and then the
    other fields are not. `fault` is why the model file could not be read.
    """

    version: ObservedVersion | None = None
    record: Record | None = None
    model_file: ModelFile | None = None
    fault: str | None = None
    lineage: CopiedLineage | None = None
    digest: str = ""
    folder: str = ""
    paths: tuple[str, ...] = ()

    @property
    def file(self) -> ModelFile | None:
        """What the version's artifacts state about the model. Raises Unreadable if they could not
        be read."""
        if self.fault is not None:
            raise Unreadable(self.fault)
        return self.model_file

    @property
    def file_paths(self) -> tuple[str, ...]:
        """The paths of the version's files. Raises Unreadable as `file` does."""
        if self.fault is not None:
            raise Unreadable(self.fault)
        return self.paths


def lineage(server: Server, client: MlflowClient, version: ObservedVersion) -> CopiedLineage:
    """Read everything that MLflow recorded of a version.

    Raises RegistryFailure, also if the version names a run that is gone: a copy without its lineage
    would hold less than what was reviewed.
    """
    fields: dict[str, Any] = {}
    if version.run_id:
        run = server.ask(client.get_run, version.run_id)
        fields |= _run_fields(server, client, run)
    if version.model_id:
        logged = server.ask(client.get_logged_model, version.model_id)
        fields |= _model_fields(logged)
    return CopiedLineage(**fields)


def _run_fields(server: Server, client: MlflowClient, run: Any) -> dict[str, Any]:
    tags = run.data.tags
    own_tags = {key: tag for key, tag in tags.items() if key.startswith(_KEPT_TAG_PREFIXES)}
    last = [max(_history(server, client, run, key), key=_order) for key in run.data.metrics]
    inputs = run.inputs.dataset_inputs if run.inputs else ()
    return {
        "run_name": run.info.run_name,
        "params": dict(run.data.params),
        "tags": copied_tags(tags) | own_tags,
        "metrics": tuple(
            MetricValue(metric.key, metric.value, metric.timestamp, metric.step) for metric in last
        ),
        "inputs": tuple(_input(entry) for entry in inputs),
    }


def _model_fields(logged: Any) -> dict[str, Any]:
    return {
        "name": logged.name,
        "model_type": logged.model_type,
        "model_params": dict(logged.params or {}),
        "model_tags": copied_tags(logged.tags or {}),
        "model_metrics": tuple(_last_values(logged.metrics or ())),
    }


def _history(server: Server, client: MlflowClient, run: Any, key: str) -> list[Any]:
    history: list[Any] = server.ask(client.get_metric_history, run.info.run_id, key)
    if not history:
        raise RegistryFailure(f"The run {run.info.run_id} has a metric {key} without values.")
    return history


def _order(metric: Any) -> tuple[int, int, float]:
    return metric.step or 0, metric.timestamp or 0, metric.value


def _last_values(metrics: Iterable[Any]) -> Iterator[MetricValue]:
    """The last value for each key and dataset."""
    last: dict[tuple[str, str | None, str | None], Any] = {}
    for metric in metrics:
        key = metric.key, metric.dataset_name, metric.dataset_digest
        last[key] = max(last.get(key, metric), metric, key=_order)

    for metric in last.values():
        yield MetricValue(
            metric.key,
            metric.value,
            metric.timestamp,
            metric.step or 0,
            metric.dataset_name,
            metric.dataset_digest,
        )


def _input(entry: Any) -> tuple[dict[str, str | None], dict[str, str]]:
    fields = ("name", "digest", "source_type", "source", "schema", "profile")
    dataset = {field: getattr(entry.dataset, field) for field in fields}
    return dataset, {tag.key: tag.value for tag in entry.tags or ()}
