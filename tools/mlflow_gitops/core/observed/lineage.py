"""What a version was made from: run, data and code, by what its manifest pins and what MLflow
recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Record


@dataclass(frozen=True, slots=True)
class Origin:
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


def origin(
    spec: VersionSpec | None, seen: ObservedVersion | None = None, record: Record | None = None
) -> Origin:
    """Pins first, since they are what was reviewed: what MLflow says (`seen`, `record`) fills in
    what they leave out. A pin that MLflow contradicts is for the plan to refuse."""
    pins = spec or VersionSpec()
    data = dict(record.data) if record else {}
    if pins.data:
        data = {pins.data.path: pins.data.md5} | {
            path: md5 for path, md5 in data.items() if path != pins.data.path
        }
    recorded = tuple(dict.fromkeys(dataset.digest for dataset in record.datasets)) if record else ()
    return Origin(
        run_id=pins.run_id or (seen.run_id if seen else None),
        model_id=pins.model_id,
        source=pins.source or (seen.source if seen else None),
        datasets=(pins.dataset_digest,) if pins.dataset_digest else recorded,
        data=data,
        code_commit=record.code_commit if record else None,
        digest=pins.digest or (seen.digest if seen else None),
    )


def words(known: Origin) -> str:
    """The origin in a line, for people; '' where nothing is known."""
    said = [
        f"{word} {value}"
        for word, value in (
            ("run", known.run_id),
            ("logged model", known.model_id),
            ("source", known.source),
        )
        if value
    ]
    said += [f"dataset {digest}" for digest in known.datasets]
    said += [f"data {path} (md5 {md5})" for path, md5 in known.data.items()]
    if known.digest:
        said.append(f"digest {known.digest}")
    if known.code_commit:
        said.append(f"code commit {known.code_commit[:12]}")
    return ", ".join(said)
