"""Copies of other environments' versions: artifacts and lineage, through MLflow's public client.

A copy is a run and a logged model of its own, in the experiment `mlflow-gitops`. It has the
artifacts of the original version and everything that gates judge by: params, metrics with their
datasets, the run's inputs, tags. It has the last value of each metric, not the history. A tag names
the original, so that an interrupted copy is found and finished.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import COPY_TAG, ORIGIN_TAG, OriginPin, copied_tags
from mlflow_gitops.core.wording import and_list
from mlflow_gitops.edges.mlflow.artifacts.file_reader import digest_of
from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage, OriginVersion
from mlflow_gitops.edges.mlflow.other_environments.lineage_writer import LineageWriter
from mlflow_gitops.edges.mlflow.other_environments.read_back import differing_parts
from mlflow_gitops.edges.mlflow.recorded import read_record
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts

EXPERIMENT = "mlflow-gitops"
"""The experiment that holds the copies."""


class Copies:
    """Makes copies in one MLflow, and finishes interrupted ones. Every method raises
    RegistryFailure."""

    def __init__(self, client: MlflowClient, server: Server, artifacts: Artifacts) -> None:
        self._client, self._server, self._artifacts = client, server, artifacts
        self._lineage = LineageWriter(client, server)

    def make(self, pin: OriginPin, origin: OriginVersion) -> VersionSpec:
        """Copy the artifacts in `origin.folder` with their lineage; returns what to register the
        copy from, and its tags.

        An interrupted copy is finished. Anybody can set its tag, so artifacts and lineage are read
        back and compared before the copy counts as complete.
        """
        lineage = origin.lineage or CopiedLineage()
        logged = self._find_or_begin(pin, lineage)
        run_id, model_id = str(logged.source_run_id), str(logged.model_id)

        self._lineage.write(run_id, model_id, lineage)
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
            files_digest = digest_of(
                self._artifacts.download(str(logged.artifact_location), folder)
            )

        differing = differing_parts(copy, files_digest, lineage, pin.digest)
        if differing:
            raise RegistryFailure(
                f"The copy of {pin.label}, the logged model {model_id}, has other"
                f" {and_list(differing)} than its origin: somebody else wrote to it, or MLflow lost"
                " something.",
                fix="Delete that logged model; the next run copies it again.",
            )

    def _ask(self, call: Any, *args: Any, **options: Any) -> Any:
        return self._server.ask(call, *args, **options)
