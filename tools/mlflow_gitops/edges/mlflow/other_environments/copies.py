"""Copies of other environments' versions: artifacts and lineage, through MLflow's public client.

A copy is a run and a logged model of its own, in the experiment `mlflow-gitops`. It has the
artifacts of the original version and everything that gates judge by: params, metrics with their
datasets, the run's inputs, tags. It has the last value of each metric, not the history. A tag names
the original, so that an interrupted copy is found and finished.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import COPY_TAG, ORIGIN_TAG, OriginPin, copied_tags
from mlflow_gitops.core.recorded.values import Record
from mlflow_gitops.core.wording import and_list
from mlflow_gitops.edges.mlflow.other_environments.lineage import (
    CopiedLineage,
    OriginVersion,
    digest,
)
from mlflow_gitops.edges.mlflow.recorded import read_record
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts

EXPERIMENT = "mlflow-gitops"
"""The experiment that holds the copies."""
_METRICS_A_REQUEST = 500
_PARAMS_A_REQUEST = 100
"""MLflow takes 1,000 entries in one request, at most 100 of them params (3.17)."""


class Copies:
    """Makes copies in one MLflow, and finishes interrupted ones. Every method raises
    RegistryFailure."""

    def __init__(self, client: MlflowClient, server: Server, artifacts: Artifacts) -> None:
        self._client, self._server, self._artifacts = client, server, artifacts

    def make(self, pin: OriginPin, origin: OriginVersion) -> VersionSpec:
        """Copy the artifacts in `origin.folder` with their lineage; returns what to register the
        copy from, and its tags.

        An interrupted copy is finished. Anybody can set its tag, so artifacts and lineage are read
        back and compared before the copy counts as complete.
        """
        lineage = origin.lineage or CopiedLineage()
        logged = self._find_or_begin(pin, lineage)
        run_id, model_id = str(logged.source_run_id), str(logged.model_id)

        self._log_lineage(run_id, model_id, lineage)
        if str(logged.status) != "READY":
            self._ask(self._client.log_model_artifacts, model_id, origin.folder)
        self._check_equal(pin, run_id, model_id, lineage)
        self._ask(self._client.set_terminated, run_id)
        self._ask(self._client.finalize_logged_model, model_id, "READY")

        version_tags = origin.version.tags if origin.version else {}
        return VersionSpec(
            run_id=run_id,
            source=f"models:/{model_id}",
            model_id=model_id,
            tags={**copied_tags(version_tags), ORIGIN_TAG: pin.stamp},
            origin=pin,
        )

    def _find_or_begin(self, pin: OriginPin, lineage: CopiedLineage) -> Any:
        """The oldest logged model that is a copy of exactly this version, finished or not; a new
        one in a new run if there is none."""
        experiment_id = self._experiment_id()
        copies = self._ask(
            self._client.search_logged_models,
            [experiment_id],
            filter_string=f"tags.`{COPY_TAG}` = '{pin.key}'",
        )
        if copies:
            return min(copies, key=lambda copy: (copy.creation_timestamp, copy.model_id))

        copy_tags = {COPY_TAG: pin.key, ORIGIN_TAG: pin.stamp}
        run = self._ask(
            self._client.create_run,
            experiment_id,
            tags={**lineage.tags, **copy_tags},
            run_name=lineage.run_name,
        )
        return self._ask(
            self._client.create_logged_model,
            experiment_id,
            lineage.name,
            run.info.run_id,
            tags={**lineage.model_tags, **copy_tags},
            params=lineage.model_params,
            model_type=lineage.model_type,
        )

    def _experiment_id(self) -> str:
        experiment = self._ask(self._client.get_experiment_by_name, EXPERIMENT)
        if experiment is not None:
            return str(experiment.experiment_id)

        try:
            return str(self._ask(self._client.create_experiment, EXPERIMENT))
        except RegistryFailure:  # another copy may have created it in the meantime
            experiment = self._ask(self._client.get_experiment_by_name, EXPERIMENT)
            if experiment is None:
                raise
            return str(experiment.experiment_id)

    def _log_lineage(self, run_id: str, model_id: str, lineage: CopiedLineage) -> None:
        """Log the part of the lineage that is missing. MLflow accepts the same metric or param
        twice, the same output it refuses (3.17)."""
        from mlflow.entities import LoggedModelOutput, Param

        params = [Param(key, value) for key, value in lineage.params.items()]
        for batch in _batches(params, _PARAMS_A_REQUEST):
            self._ask(self._client.log_batch, run_id, params=batch)
        for batch in _batches(_metric_entities(lineage, model_id), _METRICS_A_REQUEST):
            self._ask(self._client.log_batch, run_id, metrics=batch)

        self._log_inputs(run_id, lineage)
        run = self._ask(self._client.get_run, run_id)
        outputs = run.outputs.model_outputs if run.outputs else ()
        if model_id not in {output.model_id for output in outputs}:
            self._ask(self._client.log_outputs, run_id, [LoggedModelOutput(model_id, 0)])

    def _log_inputs(self, run_id: str, lineage: CopiedLineage) -> None:
        """Log the datasets that are missing in the run.

        Models are copied in parallel, and often share a dataset. MLflow (3.17) first checks whether
        the experiment has it and then inserts it, so one of two inserts may be refused. The dataset
        exists by then, so what is missing is read and logged once more.
        """
        for is_last in (False, True):
            missing = self._missing_inputs(run_id, lineage)
            if not missing:
                return
            try:
                self._ask(self._client.log_inputs, run_id, missing)
                return
            except RegistryFailure:
                if is_last:
                    raise

    def _missing_inputs(self, run_id: str, lineage: CopiedLineage) -> list[Any]:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        run = self._ask(self._client.get_run, run_id)
        logged_inputs = run.inputs.dataset_inputs if run.inputs else ()
        logged_digests = {entry.dataset.digest for entry in logged_inputs}
        dataset_type: Any = Dataset
        return [
            DatasetInput(
                dataset_type(**dataset), [InputTag(key, value) for key, value in tags.items()]
            )
            for dataset, tags in lineage.inputs
            if dataset["digest"] not in logged_digests
        ]

    def _check_equal(
        self, pin: OriginPin, run_id: str, model_id: str, lineage: CopiedLineage
    ) -> None:
        """Read the copy back: its files and what gates judge by must be those of the origin, no
        less and no more."""
        logged = self._ask(self._client.get_logged_model, model_id)
        copy = read_record(self._ask(self._client.get_run, run_id), logged)
        assert copy is not None
        with tempfile.TemporaryDirectory(
            prefix="mlflow-gitops-", ignore_cleanup_errors=True
        ) as folder:
            files_digest = digest(self._artifacts.download(str(logged.artifact_location), folder))

        comparisons = (
            ("metrics", _metrics_of_record(copy), _metrics_of_lineage(lineage)),
            ("params", copy.params, {**lineage.params, **lineage.model_params}),
            (
                "datasets",
                {dataset.digest for dataset in copy.datasets},
                {dataset["digest"] for dataset, _ in lineage.inputs},
            ),
            ("artifacts", files_digest, pin.digest),
        )
        differing = [name for name, actual, expected in comparisons if actual != expected]
        if differing:
            raise RegistryFailure(
                f"The copy of {pin.label}, the logged model {model_id}, has other"
                f" {and_list(differing)} than its origin: somebody else wrote to it, or MLflow lost"
                " something.",
                fix="Delete that logged model; the next run copies it again.",
            )

    def _ask(self, call: Any, *args: Any, **options: Any) -> Any:
        return self._server.ask(call, *args, **options)


def _batches(entities: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(entities), size):
        yield entities[start : start + size]


def _metric_entities(lineage: CopiedLineage, model_id: str) -> list[Any]:
    """The run's metrics, and those of its logged model with their datasets."""
    from mlflow.entities import Metric

    run_metrics = [
        Metric(metric.key, metric.value, metric.timestamp, metric.step)
        for metric in lineage.metrics
    ]
    model_metrics = [
        Metric(
            metric.key,
            metric.value,
            metric.timestamp,
            metric.step,
            model_id=model_id,
            dataset_name=metric.dataset_name,
            dataset_digest=metric.dataset_digest,
        )
        for metric in lineage.model_metrics
    ]
    return run_metrics + model_metrics


_Metrics = dict[tuple[str, ...], str]
"""Values by key, dataset name and dataset digest. As text, since NaN is not equal to itself."""


def _metrics_of_lineage(lineage: CopiedLineage) -> _Metrics:
    """A metric of the logged model comes before one of the run, as in `record`."""
    model_keys = {metric.key for metric in lineage.model_metrics}
    run_metrics = [metric for metric in lineage.metrics if metric.key not in model_keys]
    return {
        (metric.key, metric.dataset_name or "", metric.dataset_digest or ""): repr(metric.value)
        for metric in (*run_metrics, *lineage.model_metrics)
    }


def _metrics_of_record(copy: Record) -> _Metrics:
    return {
        (key, *(metric.dataset or ("", ""))): repr(metric.value)
        for key, metrics in copy.metrics.items()
        for metric in metrics
    }
