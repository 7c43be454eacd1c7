"""Live values of one version: from Prometheus, and from what monitors write to MLflow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.core.health.values import NoValue, TimedValue
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.core.observed.model import ObservedVersion
    from mlflow_gitops.edges.mlflow.registry import Registry
    from mlflow_gitops.edges.prometheus.client import PrometheusClient


class Monitoring:
    """The monitors of one environment. Prometheus and MLflow are each connected to when the first
    check asks for them."""

    def __init__(self, environment: str | None, connect: Callable[[], Registry]) -> None:
        self.environment = environment
        self._connect = connect

    @cached_property
    def prometheus(self) -> PrometheusClient:
        """The Prometheus that the environment variables name. Raises NoValue if they name none."""
        from mlflow_gitops.edges.prometheus.access import WrongAccess, read_access
        from mlflow_gitops.edges.prometheus.client import PrometheusClient

        try:
            return PrometheusClient(read_access())
        except WrongAccess as wrong:
            raise NoValue(str(wrong)) from None

    @cached_property
    def registry(self) -> Registry:
        """MLflow. Raises RegistryFailure."""
        return self._connect()

    def of_version(
        self, find_version: Callable[[], ObservedVersion | None], declared: Collection[str] = ()
    ) -> VersionMonitors:
        """What monitors one version. `find_version` is called when MLflow is needed; the manifest
        declares the tags `declared`."""
        return VersionMonitors(self, find_version, declared)


class VersionMonitors:
    """The methods of `core.health.values.LiveValues` for one version."""

    def __init__(
        self,
        monitoring: Monitoring,
        find_version: Callable[[], ObservedVersion | None],
        declared: Collection[str],
    ) -> None:
        self._monitoring = monitoring
        self._find_version = find_version
        self._declared = declared

    @property
    def environment(self) -> str | None:
        return self._monitoring.environment

    def query(self, query: str, at: datetime) -> float:
        return self._monitoring.prometheus.query(query, at)

    def query_range(
        self, query: str, first: datetime, last: datetime, step: timedelta
    ) -> Sequence[TimedValue]:
        return self._monitoring.prometheus.query_range(query, first, last, step)

    def metric_values(self, key: str) -> Sequence[TimedValue]:
        """The metric must be of the run that the version's files belong to (RULES R3)."""
        version = self._version
        try:
            record = self._monitoring.registry.record(version)
            if record is None or version.run_id is None:
                raise NoValue(f"version {version.number} names no run whose metrics could be read")
            if record.fault is not None:
                raise NoValue(record.fault)
            if record.is_claim:
                raise NoValue("the version's files are outside MLflow, so its run is only a claim")
            if key not in record.metrics:
                raise NoValue(f"its run {version.run_id} has no metric {key} of this version")
            return self._monitoring.registry.metric_history(version.run_id, key)
        except (RegistryFailure, Unreadable) as failure:
            raise NoValue(str(failure)) from None

    def tag(self, key: str) -> str | None:
        if key in self._declared:
            raise NoValue(f"the manifest itself declares the tag {key}")
        return self._tags.get(key)

    @property
    def _tags(self) -> Mapping[str, str]:
        return self._version.tags

    @cached_property
    def _version(self) -> ObservedVersion:
        try:
            version = self._find_version()
        except (RegistryFailure, Unreadable) as failure:
            raise NoValue(str(failure)) from None
        if version is None:
            raise NoValue("MLflow does not have the version")
        return version
