"""Write the lineage of a copied version into its new run: params, metrics, datasets, outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage
from mlflow_gitops.edges.mlflow.other_environments.metric_entities import metric_entities
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

_METRICS_A_REQUEST = 500
_PARAMS_A_REQUEST = 100
"""MLflow takes 1,000 entries in one request, at most 100 of them params (3.17)."""


class LineageWriter:
    """Writes what is missing in the run of a copy, so that an interrupted copy is finished. Every
    method raises RegistryFailure."""

    def __init__(self, client: MlflowClient, server: Server) -> None:
        self._client, self._server = client, server

    def write(self, run_id: str, model_id: str, lineage: CopiedLineage) -> None:
        """Log the part of the lineage that is missing. MLflow accepts the same metric or param
        twice, the same output it refuses (3.17)."""
        from mlflow.entities import LoggedModelOutput, Param

        params = [Param(key, value) for key, value in lineage.params.items()]
        for batch in _batches(params, _PARAMS_A_REQUEST):
            self._ask(self._client.log_batch, run_id, params=batch)
        for batch in _batches(metric_entities(lineage, model_id), _METRICS_A_REQUEST):
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

    def _ask(self, call: Any, *args: Any, **options: Any) -> Any:
        return self._server.ask(call, *args, **options)


def _batches(entities: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(entities), size):
        yield entities[start : start + size]
