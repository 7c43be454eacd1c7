"""What a version was made from: run, data and code, by what its manifest pins and what MLflow
recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Record
from mlflow_gitops.core.secrets import shown_source


@dataclass(frozen=True, slots=True)
class Lineage:
    """What is known of one version's making. `data` maps a DVC path to its MD5, `datasets` are
    digests as MLflow computes them, `code_commit` is the commit that the training was run from."""

    run_id: str | None = None
    model_id: str | None = None
    source: str | None = None
    datasets: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    code_commit: str | None = None
    digest: str | None = None
    """Of a prompt's version: what it says."""


def lineage_of(
    spec: VersionSpec | None, version: ObservedVersion | None = None, record: Record | None = None
) -> Lineage:
    """Pins come first, since they are what was reviewed. What MLflow shows (`version`, `record`)
    fills in what they leave out. If MLflow contradicts a pin, the plan refuses it, not this."""
    pins = spec or VersionSpec()
    data = dict(record.data) if record else {}
    if pins.data:
        data = {pins.data.path: pins.data.md5} | {
            path: md5 for path, md5 in data.items() if path != pins.data.path
        }
    source = pins.source or (version.source if version else None)
    recorded = tuple(dict.fromkeys(dataset.digest for dataset in record.datasets)) if record else ()
    return Lineage(
        run_id=pins.run_id or (version.run_id if version else None),
        model_id=pins.model_id,
        source=source and shown_source(source),
        datasets=(pins.dataset_digest,) if pins.dataset_digest else recorded,
        data=data,
        code_commit=record.code_commit if record else None,
        digest=pins.digest or (version.digest if version else None),
    )


def lineage_text(lineage: Lineage) -> str:
    """The lineage in a line, for people; empty if nothing is known."""
    parts = [
        f"{label} {value}"
        for label, value in (
            ("run", lineage.run_id),
            ("logged model", lineage.model_id),
            ("source", lineage.source),
        )
        if value
    ]
    parts += [f"dataset {digest}" for digest in lineage.datasets]
    parts += [f"data {path} (md5 {md5})" for path, md5 in lineage.data.items()]
    if lineage.digest:
        parts.append(f"digest {lineage.digest}")
    if lineage.code_commit:
        parts.append(f"code commit {lineage.code_commit[:12]}")
    return ", ".join(parts)
