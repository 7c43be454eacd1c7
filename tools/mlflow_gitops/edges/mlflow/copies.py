"""Copies of other environments' versions: artifacts and lineage, through MLflow's public client.

A copy is a run and a logged model of its own, in the experiment `mlflow-gitops`, with the artifacts
of the version it is a copy of and all that gates judge by: params, metrics with their datasets, the
run's inputs, tags. Of each metric it has the last value; its history stays where it was measured.
Both are found again by a tag, so that what a dead run began is gone on with.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import COPY_TAG, ORIGIN_TAG, OriginPin, copied_tags
from mlflow_gitops.core.wording import and_list
from mlflow_gitops.edges.mlflow.lineage import Lineage, OriginVersion, digest
from mlflow_gitops.edges.mlflow.recorded import record
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mlflow_gitops.edges.mlflow.model_file import Artifacts

EXPERIMENT = "mlflow-gitops"
"""Where copies live."""
_BATCH = 500
"""Metrics and params in one request: MLflow takes 1,000 entries, 100 of them params (3.17)."""
_PARAMS = 100


class Copies:
    """Makes copies in one MLflow, and finds again what was begun. Every method raises
    RegistryFailure."""

    def __init__(self, client: MlflowClient, server: Server, artifacts: Artifacts) -> None:
        self._client, self._server, self._artifacts = client, server, artifacts

    def make(self, pin: OriginPin, found: OriginVersion) -> VersionSpec:
        """Copy what lies at `found.folder`, with its lineage, and say what to register it from,
        with which tags.

        What a dead run left is gone on with. Whatever is found is believed for what it holds alone:
        a tag is anybody's to set, and so artifacts and lineage are read back before the copy is
        called whole.
        """
        told = found.lineage or Lineage()
        marks = {COPY_TAG: pin.key, ORIGIN_TAG: pin.stamp}
        experiment = self._experiment()
        logged = next(iter(self._begun(pin, experiment)), None)
        if logged is None:
            run = self._ask(
                self._client.create_run,
                experiment,
                tags={**told.tags, **marks},
                run_name=told.run_name,
            )
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
        tags = {**copied_tags(found.version.tags if found.version else {}), ORIGIN_TAG: pin.stamp}
        return VersionSpec(
            run_id=run_id, source=f"models:/{model_id}", model_id=model_id, tags=tags, origin=pin
        )

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
        """Log the lineage, as far as it is not there. Of metrics and params MLflow takes the same
        value twice, of outputs it does not (3.17)."""
        from mlflow.entities import LoggedModelOutput, Metric, Param

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
        self._record_inputs(run_id, told)
        there = self._ask(self._client.get_run, run_id)
        if model_id not in {
            one.model_id for one in (there.outputs.model_outputs if there.outputs else ())
        }:
            self._ask(self._client.log_outputs, run_id, [LoggedModelOutput(model_id, 0)])

    def _record_inputs(self, run_id: str, told: Lineage) -> None:
        """Log the datasets that the run lacks.

        Models are copied side by side, and often share one. MLflow (3.17) looks whether the
        experiment has it and then inserts it, so that one of two is refused; by then it is there,
        so what is lacking is read and logged once more.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        for last in (False, True):
            there = self._ask(self._client.get_run, run_id)
            known = {
                one.dataset.digest for one in (there.inputs.dataset_inputs if there.inputs else ())
            }
            inputs = [
                DatasetInput(Dataset(**data), [InputTag(key, value) for key, value in tags.items()])  # type: ignore[arg-type]
                for data, tags in told.inputs
                if data["digest"] not in known
            ]
            if not inputs:
                return
            try:
                self._ask(self._client.log_inputs, run_id, inputs)
                return
            except RegistryFailure:
                if last:
                    raise

    def _must_be_equal(self, pin: OriginPin, run_id: str, model_id: str, told: Lineage) -> None:
        """Read the copy back: its files and what gates judge by must be the origin's, no less and
        no more."""
        logged = self._ask(self._client.get_logged_model, model_id)
        there = record(self._ask(self._client.get_run, run_id), logged)
        assert there is not None
        keys = {
            one.key for one in told.model_metrics
        }  # which stand before the run's, as everywhere (`record`)
        measured = [one for one in told.metrics if one.key not in keys] + list(told.model_metrics)
        wanted = {
            (m.key, m.dataset_name or "", m.dataset_digest or ""): repr(m.value) for m in measured
        }
        shown = {
            (key, *(one.dataset or ("", ""))): repr(
                one.value
            )  # as text, since one that is no number equals none
            for key, values in there.metrics.items()
            for one in values
        }
        with tempfile.TemporaryDirectory(
            prefix="mlflow-gitops-", ignore_cleanup_errors=True
        ) as folder:
            files = digest(self._artifacts.download(str(logged.artifact_location), folder))
        differing = [
            what
            for what, here, origin in (
                ("metrics", shown, wanted),
                ("params", there.params, {**told.params, **told.model_params}),
                (
                    "datasets",
                    {one.digest for one in there.datasets},
                    {data["digest"] for data, _ in told.inputs},
                ),
                ("artifacts", files, pin.digest),
            )
            if here != origin
        ]
        if differing:
            raise RegistryFailure(
                f"The copy of {pin.label}, the logged model {model_id}, shows other"
                f" {and_list(differing)} than its origin: another hand was there, or MLflow"
                " lost something. Delete that logged model, and the next run begins anew."
            )

    def _ask(self, call: Any, *args: Any, **options: Any) -> Any:
        return self._server.ask(call, *args, **options)
