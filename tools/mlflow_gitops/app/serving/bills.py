"""Collects what a version is made of, from git and MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.lineage import lineage_of
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.recorded.bill import Bill
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.file_lists import FindList, differing_files
from mlflow_gitops.core.recorded.values import Metric, ModelFile, Record, Unreadable
from mlflow_gitops.errors import Failure, Refused

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.artifacts.file_reader import Report
    from mlflow_gitops.edges.mlflow.registry import Registry

_LICENCE_TAGS = ("license", "licence")


def read_bill(
    registry: Registry,
    observed: ObservedModel,
    number: int,
    spec: VersionSpec | None,
    find_list: FindList,
    report: Report = lambda count: None,
) -> Bill:
    """What a version of a model in MLflow is made of.

    The files are those that git pins, if somebody kept their list; otherwise they are read. Raises
    Refused if they are then others than the pinned ones, and Failure if something cannot be read: a
    bill without it would look complete.
    """
    version, evidence = observed.versions[number], RegistryEvidence(registry)
    pinned = spec.files_digest if spec is not None else None
    files = find_list(pinned) if pinned else None
    if files is None:
        files = registry.files(observed.name, version, report)
        if pinned is not None and files.digest != pinned:
            raise Refused(
                f"The files of version {number} have the digest {files.digest}, and it is pinned to"
                f" {pinned}: {differing_files(files, None)}.",
                fix="Find out who wrote them: mlflow-gitops verify --artifacts",
            )
    try:
        record = evidence.record(version)
        file = evidence.model_file(observed.name, version)
    except Unreadable as reason:
        raise Failure(f"What version {number} is made of cannot be read: {reason}") from None
    return _bill(observed, number, spec, files, record, file)


def _bill(
    observed: ObservedModel,
    number: int,
    spec: VersionSpec | None,
    files: ModelFiles,
    record: Record | None,
    file: ModelFile | None,
) -> Bill:
    version = observed.versions[number]
    lineage, stated = lineage_of(spec, version, record), file or ModelFile()
    return Bill(
        observed.name,
        number,
        created=version.created,
        digest=files.digest,
        files=files,
        run_id=lineage.run_id,
        model_id=lineage.model_id or version.model_id,
        source=lineage.source,
        code_commit=lineage.code_commit,
        licence=_licence(version.tags) or _licence(observed.tags),
        python=stated.python,
        data=lineage.data,
        datasets=record.datasets if record is not None else (),
        metrics=record.metrics if record is not None else {},
        libraries=stated.libraries,
    )


def pinned_bill(model: str, number: int, spec: VersionSpec, find_list: FindList) -> Bill:
    """What git alone says a version is made of."""
    digest, lineage = spec.files_digest, lineage_of(spec)
    return Bill(
        model,
        number,
        digest=digest,
        files=find_list(digest) if digest is not None else None,
        run_id=lineage.run_id,
        model_id=lineage.model_id,
        source=lineage.source,
        data=lineage.data,
        metrics={key: (Metric(value),) for key, value in spec.metrics.items()},
    )


def _licence(tags: Mapping[str, str]) -> str | None:
    values = (value for key, value in sorted(tags.items()) if key.lower() in _LICENCE_TAGS)
    return next((value.strip() for value in values if value.strip()), None)
