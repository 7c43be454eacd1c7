"""What a version was made by, in plain values that one environment's process hands to another's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.manifests.origin_pin import copied_tags
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import ModelFile, Record, Unreadable
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEPT = ("mlflow.source.", "mlflow.user", "mlflow.note.content")
"""MLflow's own tags of a run that tell of its making. The others bind it to the server that it was
made on."""


class MetricValue(NamedTuple):
    """One metric's last value."""

    key: str
    value: float
    timestamp: int
    step: int
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a version was made by, in plain values. `inputs` are datasets (the fields of MLflow's
    `Dataset`) with their tags."""

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
    """What another environment's MLflow says of one version; `version` is None where it has none.
    The rest is read only where it is asked for. `fault` says why the artifacts' own file could not
    be read."""

    version: ObservedVersion | None = None
    record: Record | None = None
    model_file: ModelFile | None = None
    fault: str | None = None
    lineage: Lineage | None = None
    digest: str = ""
    folder: str = ""

    @property
    def file(self) -> ModelFile | None:
        """What the version's artifacts say of themselves. Raises Unreadable."""
        if self.fault is not None:
            raise Unreadable(self.fault)
        return self.model_file


def digest(folder: Path) -> str:
    """SHA-256 over the paths and contents of all files below a folder. Where a registry wrote its
    own note of a version beside them (MLflow's `registered_model_meta`), that is left out."""
    whole = hashlib.sha256()
    paths = [Path(here) / name for here, _, names in os.walk(folder) for name in names]
    for path, shown in sorted((path, path.relative_to(folder).as_posix()) for path in paths):
        if shown == "registered_model_meta":
            continue
        with open(path, "rb") as stream:
            content = hashlib.sha256()
            while chunk := stream.read(1 << 20):
                content.update(chunk)
        whole.update(f"{shown}\0{content.hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return f"sha256:{whole.hexdigest()}"


def lineage(ask: Server, client: MlflowClient, version: ObservedVersion) -> Lineage:
    """All that MLflow recorded of a version. Raises RegistryFailure, also where it names a run that
    is gone: a copy without its lineage would say less than was reviewed."""
    run: Any = ask.ask(client.get_run, version.run_id) if version.run_id else None
    logged: Any = ask.ask(client.get_logged_model, version.model_id) if version.model_id else None
    about: dict[str, Any] = {}
    if run is not None:
        history = [max(_history(ask, client, run, key), key=_order) for key in run.data.metrics]
        about = {
            "run_name": run.info.run_name,
            "params": dict(run.data.params),
            "tags": copied_tags(run.data.tags)
            | {k: v for k, v in run.data.tags.items() if k.startswith(_KEPT)},
            "metrics": tuple(
                MetricValue(one.key, one.value, one.timestamp, one.step) for one in history
            ),
            "inputs": tuple(
                _input(one) for one in (run.inputs.dataset_inputs if run.inputs else ())
            ),
        }
    if logged is not None:
        about |= {
            "name": logged.name,
            "model_type": logged.model_type,
            "model_params": dict(logged.params or {}),
            "model_tags": copied_tags(logged.tags or {}),
            "model_metrics": tuple(_newest(logged.metrics or ())),
        }
    return Lineage(**about)


def _history(ask: Server, client: MlflowClient, run: Any, key: str) -> list[Any]:
    found: list[Any] = ask.ask(client.get_metric_history, run.info.run_id, key)
    if not found:
        raise RegistryFailure(f"The run {run.info.run_id} has a metric {key} without values.")
    return found


def _order(metric: Any) -> tuple[int, int, float]:
    return metric.step or 0, metric.timestamp or 0, metric.value


def _newest(metrics: Iterable[Any]) -> Iterator[MetricValue]:
    newest: dict[tuple[str, str | None, str | None], Any] = {}
    for one in metrics:
        key = one.key, one.dataset_name, one.dataset_digest
        newest[key] = max(newest.get(key, one), one, key=_order)
    for one in newest.values():
        yield MetricValue(
            one.key, one.value, one.timestamp, one.step or 0, one.dataset_name, one.dataset_digest
        )


def _input(entry: Any) -> tuple[dict[str, str | None], dict[str, str]]:
    words = ("name", "digest", "source_type", "source", "schema", "profile")
    return {word: getattr(entry.dataset, word) for word in words}, {
        tag.key: tag.value for tag in entry.tags or ()
    }
