"""What MLflow recorded of one version beside its place in the registry: what gates judge and
`compare` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

STARTED_TAGS = (
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.repoURL",
    "mlflow.project.entryPoint",
)


class Unreadable(Exception):
    """What MLflow recorded cannot be read: no access, no artifacts. A gate that needs it is then
    `unknown`."""


class Dataset(NamedTuple):
    """A dataset as MLflow names it: the digest says which data it was, the name only what somebody
    called it."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured value: of its key and dataset the one at the highest step, of these the newest.

    `at` is in milliseconds since 1970. `dataset` is None where the measurement does not say what it
    was made on: MLflow keeps a dataset with a logged model's metrics, not with a run's (3.17).
    """

    value: float
    step: int = 0
    at: int = 0
    dataset: Dataset | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What a version's run and logged model recorded.

    `metrics` maps a key to one value a dataset: the logged model's where it has that key, else the
    run's. `datasets` are the run's inputs, `data` the MD5 of DVC files by path (params or tags
    `dvc.<path>`), `conflicting_data` the other value of a path that has both and different ones,
    `code_commit` the commit that the run was made from.

    `fault` says why there is no evidence about the version's files: the rest is then empty.
    `is_claim` says that the files are outside MLflow, so that nothing but the registration connects
    them with the run.
    """

    metrics: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    code_commit: str | None = None
    trained_on: tuple[str, ...] = ()
    """The digests of the inputs that were logged as training data; empty if no input says so."""
    conflicting_data: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    is_run_missing: bool = False
    """Whether the fault is that the version's run is not in MLflow, or was deleted."""
    is_gone: bool = False
    """Whether the fault is that the logged model or the run that the files belong to was deleted,
    or is not in MLflow."""
    is_claim: bool = False
    trained_by: str | None = None
    """The user that the run names: whatever the machine that trained it said."""
    started: Mapping[str, str] = field(default_factory=dict)
    """MLflow's tags that say how the run was started (`STARTED_TAGS`), by their names."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A model's inputs, outputs and parameters, each a list as MLflow's own `Schema.to_dict()`
    gives it; None where the signature leaves that part out."""

    inputs: tuple[Mapping[str, Any], ...] | None = None
    outputs: tuple[Mapping[str, Any], ...] | None = None
    params: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a version's artifacts say of themselves (the file `MLmodel` and the requirements beside
    it).

    `size` is in bytes, `python` the version that it was made with, `libraries` maps a required
    distribution to its exact version, or to the whole requirement where that is not one version.
    """

    signature: Signature | None = None
    size: int | None = None
    python: str | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    flavors: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """How MLflow can load the model: each flavor's settings, as `MLmodel` has them."""
