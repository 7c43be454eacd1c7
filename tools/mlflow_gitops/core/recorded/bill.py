"""What a version is made of: the content of its bill of materials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.values import Dataset, Metric


@dataclass(frozen=True, slots=True)
class Bill:
    """What git pins of a version and what MLflow recorded of it.

    `created` is when it was registered, RFC 3339 in UTC. `data` maps the path of a DVC file to its
    MD5, `libraries` a distribution to its exact version, or to the whole requirement if that is not
    one version. `files` is None if nobody kept or read their list. `licence` is the tag `license`
    or `licence` of the version or its model. None and empty: not known.
    """

    model: str
    version: int
    created: str | None = None
    digest: str | None = None
    files: ModelFiles | None = None
    run_id: str | None = None
    model_id: str | None = None
    source: str | None = None
    code_commit: str | None = None
    licence: str | None = None
    python: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    metrics: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
