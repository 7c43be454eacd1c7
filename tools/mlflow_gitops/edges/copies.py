"""Copies of other environments' versions: artifacts and lineage, through MLflow's public client.

A copy is a run and a logged model of its own, in the experiment `mlflow-gitops`, with the artifacts of the version it is a copy
of and all that gates judge by: params, metrics with their datasets, the run's inputs, tags. Of each metric it has the last
value; its history stays where it was measured. Both are found again by a tag, so that what a dead run began is gone on with.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.manifest import VersionSpec
from mlflow_gitops.core.observed import ObservedVersion
from mlflow_gitops.core.origin import COPY_TAG, ORIGIN_TAG, OriginPin, carried
from mlflow_gitops.edges.evidence import record
from mlflow_gitops.edges.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mlflow_gitops.edges.elsewhere import Look
    from mlflow_gitops.edges.modelfile import Artifacts

EXPERIMENT = "mlflow-gitops"
"""Where copies live."""
_BATCH = 500
"""Metrics and params in one request: MLflow takes 1,000 entries, 100 of them params (3.17)."""
_PARAMS = 100
_KEPT = ("mlflow.source.", "mlflow.user", "mlflow.note.content")
"""MLflow's own tags of a run that tell of its making. The others bind it to the server that it was made on."""


class Measured(NamedTuple):
    """One metric's last value."""

    key: str
    value: float
    timestamp: int
    step: int
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a version was made by, in plain values. `inputs` are datasets (the fields of MLflow's `Dataset`) with their tags."""

    run_name: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: tuple[Measured, ...] = ()
    inputs: tuple[tuple[dict[str, str | None], dict[str, str]], ...] = ()
    name: str = "model"
    model_type: str | None = None
    model_params: dict[str, str] = field(default_factory=dict)
    model_tags: dict[str, str] = field(default_factory=dict)
    model_metrics: tuple[Measured, ...] = ()


def digest(folder: Path) -> str:
    """SHA-256 over the paths and contents of all files below a folder. Where a registry wrote its own note of a version
    beside them (MLflow's `registered_model_meta`), that is left out."""
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
    """All that MLflow recorded of a version. Raises RegistryFailure, also where it names a run that is gone: a copy without
    its lineage would say less than was reviewed."""
    run: Any = ask.ask(client.get_run, version.run_id) if version.run_id else None
    logged: Any = ask.ask(client.get_logged_model, version.model_id) if version.model_id else None
    about: dict[str, Any] = {}
    if run is not None:
        history = [max(_history(ask, client, run, key), key=_order) for key in run.data.metrics]
        about = {
            "run_name": run.info.run_name,
            "params": dict(run.data.params),
            "tags": carried(run.data.tags) | {k: v for k, v in run.data.tags.items() if k.startswith(_KEPT)},
            "metrics": tuple(Measured(one.key, one.value, one.timestamp, one.step) for one in history),
            "inputs": tuple(_input(one) for one in (run.inputs.dataset_inputs if run.inputs else ())),
        }
    if logged is not None:
        about |= {
            "name": logged.name,
            "model_type": logged.model_type,
            "model_params": dict(logged.params or {}),
            "model_tags": carried(logged.tags or {}),
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


def _newest(metrics: Iterable[Any]) -> Iterator[Measured]:
    newest: dict[tuple[str, str | None, str | None], Any] = {}
    for one in metrics:
        key = one.key, one.dataset_name, one.dataset_digest
        newest[key] = max(newest.get(key, one), one, key=_order)
    for one in newest.values():
        yield Measured(one.key, one.value, one.timestamp, one.step or 0, one.dataset_name, one.dataset_digest)


def _input(entry: Any) -> tuple[dict[str, str | None], dict[str, str]]:
    words = ("name", "digest", "source_type", "source", "schema", "profile")
    return {word: getattr(entry.dataset, word) for word in words}, {tag.key: tag.value for tag in entry.tags or ()}


class Copies:
    """Makes copies in one MLflow, and finds again what was begun. Every method raises RegistryFailure."""

    def __init__(self, client: MlflowClient, server: Server, artifacts: Artifacts) -> None:
        self._client, self._server, self._artifacts = client, server, artifacts

    def make(self, pin: OriginPin, found: Look) -> VersionSpec:
        """Copy what lies at `found.folder`, with its lineage, and say what to register it from, with which tags.

        What a dead run left is gone on with. Whatever is found is believed for what it holds alone: a tag is anybody's to set,
        and so artifacts and lineage are read back before the copy is called whole.
        """
        told = found.lineage or Lineage()
        marks = {COPY_TAG: pin.key, ORIGIN_TAG: pin.stamp}
        experiment = self._experiment()
        logged = next(iter(self._begun(pin, experiment)), None)
        if logged is None:
            run = self._ask(self._client.create_run, experiment, tags={**told.tags, **marks}, run_name=told.run_name)
            logged = self._ask(
                self._client.create_logged_model, experiment, told.name, run.info.run_id,
                tags={**told.model_tags, **marks}, params=told.model_params, model_type=told.model_type,
            )  # fmt: skip
        run_id, model_id = str(logged.source_run_id), str(logged.model_id)
        self._record(run_id, model_id, told)
        if str(logged.status) != "READY":
            self._ask(self._client.log_model_artifacts, model_id, found.folder)
        self._must_be_equal(pin, run_id, model_id, told)
        self._ask(self._client.set_terminated, run_id)
        self._ask(self._client.finalize_logged_model, model_id, "READY")
        tags = {**carried(found.version.tags if found.version else {}), ORIGIN_TAG: pin.stamp}
        return VersionSpec(run_id=run_id, source=f"models:/{model_id}", model_id=model_id, tags=tags, origin=pin)

    def _experiment(self) -> str:
        known = self._ask(self._client.get_experiment_by_name, EXPERIMENT)
        if known is not None:
            return str(known.experiment_id)
        try:
            return str(self._ask(self._client.create_experiment, EXPERIMENT))
        except RegistryFailure:  # another copy may have made it meanwhile
            known = self._ask(self._client.get_experiment_by_name, EXPERIMENT)
            if known is None:
                raise
            return str(known.experiment_id)

    def _begun(self, pin: OriginPin, experiment: str) -> list[Any]:
        """The copies of exactly this that are here, whole or not, the oldest first."""
        wanted = f"tags.`{COPY_TAG}` = '{pin.key}'"
        found = self._ask(self._client.search_logged_models, [experiment], filter_string=wanted)
        return sorted(found, key=lambda one: (one.creation_timestamp, one.model_id))

    def _record(self, run_id: str, model_id: str, told: Lineage) -> None:
        """Log the lineage, as far as it is not there. Of metrics and params MLflow takes the same value twice, of outputs it
        does not (3.17)."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param

        metrics = [Metric(one.key, one.value, one.timestamp, one.step) for one in told.metrics]
        metrics += [
            Metric(
                one.key, one.value, one.timestamp, one.step,
                model_id=model_id, dataset_name=one.dataset_name, dataset_digest=one.dataset_digest,
            )
            for one in told.model_metrics
        ]  # fmt: skip
        params = [Param(key, value) for key, value in told.params.items()]
        for start in range(0, len(params), _PARAMS):
            self._ask(self._client.log_batch, run_id, params=params[start : start + _PARAMS])
        for start in range(0, len(metrics), _BATCH):
            self._ask(self._client.log_batch, run_id, metrics=metrics[start : start + _BATCH])
        there = self._ask(self._client.get_run, run_id)
        known = {one.dataset.digest for one in (there.inputs.dataset_inputs if there.inputs else ())}
        inputs = [
            DatasetInput(Dataset(**data), [InputTag(key, value) for key, value in tags.items()])  # type: ignore[arg-type]
            for data, tags in told.inputs
            if data["digest"] not in known
        ]
        if inputs:
            try:
                self._ask(self._client.log_inputs, run_id, inputs)
            except RegistryFailure:
                # Models are copied side by side, and often share a dataset. MLflow (3.17) looks whether the experiment has it
                # and then inserts it, so that one of two is refused; by now it is there.
                self._ask(self._client.log_inputs, run_id, inputs)
        if model_id not in {one.model_id for one in (there.outputs.model_outputs if there.outputs else ())}:
            self._ask(self._client.log_outputs, run_id, [LoggedModelOutput(model_id, 0)])

    def _must_be_equal(self, pin: OriginPin, run_id: str, model_id: str, told: Lineage) -> None:
        """Read the copy back: its files and what gates judge by must be the origin's, no less and no more."""
        logged = self._ask(self._client.get_logged_model, model_id)
        there = record(self._ask(self._client.get_run, run_id), logged)
        assert there is not None
        keys = {one.key for one in told.model_metrics}  # which stand before the run's, as everywhere (`record`)
        measured = [one for one in told.metrics if one.key not in keys] + list(told.model_metrics)
        wanted = {(m.key, m.dataset_name or "", m.dataset_digest or ""): repr(m.value) for m in measured}
        shown = {
            (key, *(one.dataset or ("", ""))): repr(one.value)  # as text, since one that is no number equals none
            for key, values in there.metrics.items()
            for one in values
        }
        with tempfile.TemporaryDirectory(prefix="mlflow-gitops-", ignore_cleanup_errors=True) as folder:
            files = digest(self._artifacts.download(str(logged.artifact_location), folder))
        differing = [
            what
            for what, here, origin in (
                ("metrics", shown, wanted),
                ("params", there.params, {**told.params, **told.model_params}),
                ("datasets", {one.digest for one in there.datasets}, {data["digest"] for data, _ in told.inputs}),
                ("artifacts", files, pin.digest),
            )
            if here != origin
        ]
        if differing:
            raise RegistryFailure(
                f"The copy of {pin.place}, the logged model {model_id}, shows other {' and '.join(differing)} than its origin: "
                f"another hand was there, or MLflow lost something. Delete that logged model, and the next run begins anew."
            )

    def _ask(self, call: Any, *args: Any, **options: Any) -> Any:
        return self._server.ask(call, *args, **options)
