"""Pins: whether a version is the one that was reviewed. A number alone does not identify it, since
MLflow restarts at 1 when a model is deleted and made again (DESIGN §3, RULES R2)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.origin_pin import ORIGIN_TAG, OriginPin
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import Record, Unreadable
from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.core.verdicts.verdict import Refusal

if TYPE_CHECKING:
    from mlflow_gitops.core.verdicts.evidence import Evidence


def pin_refusals(
    desired: Desired,
    model: ObservedModel,
    compared: Collection[int],
    read: Callable[[ObservedVersion], Record | None],
) -> Iterator[Refusal]:
    """Compare every pin with MLflow. Datasets are recorded in the run, which is read for the
    `compared` versions only."""
    for number, spec in sorted(desired.manifest.versions.items()):
        version = model.versions.get(number)
        if version is not None:
            yield from _identity_refusals(spec, version, desired.manifest.kind)

        if number in compared and (spec.dataset_digest or spec.data or spec.metrics):
            to_read = version or ObservedVersion(
                number,
                run_id=spec.run_id,
                source=spec.source,
                model_id=spec.model_id,
                origin=spec.origin,
            )
            try:
                yield from _data_refusals(number, spec, read(to_read))
            except Unreadable as reason:
                text = f"is pinned to its data, which cannot be compared: {reason}"
                yield _pin(number, text, "data")


def _identity_refusals(
    spec: VersionSpec, version: ObservedVersion, kind: Kind
) -> Iterator[Refusal]:
    """Differences of what identifies a version in MLflow. Its files are not among what MLflow
    lists: `core.verdicts.pinned_files` compares them."""
    origin = spec.origin.stamp if spec.origin else None
    text_digest = spec.digest if kind == "prompt" else None
    for field, pinned, actual in (
        ("run_id", spec.run_id, version.run_id),
        ("source", spec.source, version.source),
        ("model_id", spec.model_id, version.model_id),
        ("digest", text_digest, version.digest),
        ("origin", origin, version.tags.get(ORIGIN_TAG)),
    ):
        if pinned is not None and pinned != actual:
            expected, shown = shown_source(pinned), shown_source(actual or "none")
            text = f"is pinned to {field} {expected}, MLflow has {shown}"
            yield _pin(version.number, text, field, expected=expected, actual=actual and shown)


def origin_refusals(
    desired: Desired, model: ObservedModel, evidence: Evidence
) -> Iterator[Refusal]:
    """Compare each version that is to be copied from another environment with its pin. Its
    artifacts are compared when they are copied, since that reads all of them."""
    for number, spec in sorted(desired.manifest.versions.items()):
        if spec.origin is None or number in model.versions:
            continue
        try:
            original = evidence.version_at_origin(spec.origin)
        except Unreadable as reason:
            text = f"comes from {spec.origin.label}, which cannot be read: {reason}"
            yield _pin(number, text, "origin")
            continue

        if original is None:
            yield Refusal(
                "missing_version",
                f"{spec.origin.environment} has no version {spec.origin.version} of"
                f" {desired.manifest.name} to copy version {number} from",
                f"promote a version that {spec.origin.environment} has",
                version=number,
                field="origin",
            )
        else:
            yield from _original_refusals(number, spec.origin, original)


def _original_refusals(number: int, pin: OriginPin, original: ObservedVersion) -> Iterator[Refusal]:
    if original.status != "READY":
        text = f"comes from {pin.label}, whose status is {original.status}, not READY"
        yield _pin(number, text, "status", expected="READY", actual=original.status)

    for field, pinned, actual in (
        ("run_id", pin.run_id, original.run_id),
        ("model_id", pin.model_id, original.model_id),
    ):
        if pinned is not None and pinned != actual:
            text = f"is pinned to {field} {pinned} of {pin.label}, which has {actual or 'none'}"
            yield _pin(number, text, field, expected=pinned, actual=actual)


def _data_refusals(number: int, spec: VersionSpec, record: Record | None) -> Iterator[Refusal]:
    """Differences of the data that a version was made from."""
    if record is None:
        text = "is pinned to its data, and MLflow has no run to compare it with"
        yield _pin(number, text, "data")
        return

    if record.fault is not None:
        yield _pin(number, f"is pinned to its data, which is missing: {record.fault}", "data")
        return

    yield from _metric_refusals(number, spec, record)
    digest = spec.dataset_digest
    # What was logged as evaluation data was not trained on.
    logged_digests = set(record.trained_on) or {dataset.digest for dataset in record.datasets}
    if digest and digest not in logged_digests:
        logged = ", ".join(sorted(logged_digests)) or None
        text = f"is pinned to dataset digest {digest}, its run logged {logged or 'none'}"
        yield _pin(number, text, "dataset", expected=digest, actual=logged)

    if spec.data:
        path, md5 = spec.data.path, spec.data.md5
        logged = record.data.get(path)
        other = record.conflicting_data.get(path)
        if other is not None:
            text = (
                f"is pinned to {path}, whose md5 its run logged twice: {logged} as the param"
                f" dvc.{path}, {other} as the tag of that name"
            )
            yield _pin(number, text, path, expected=md5, actual=logged)
        elif logged != md5:
            shown = logged or f"none (tag or param dvc.{path})"
            text = f"is pinned to {path} with md5 {md5}, its run logged {shown}"
            yield _pin(number, text, path, expected=md5, actual=logged)


def _metric_refusals(number: int, spec: VersionSpec, record: Record) -> Iterator[Refusal]:
    """Metrics that are not what they were when the version was pinned. A metric that was measured
    on several datasets has several values, and one of them was pinned."""
    for key, pinned in spec.metrics.items():
        values = [metric.value for metric in record.metrics.get(key, ())]
        if pinned not in values:
            actual = ", ".join(f"{value:.12g}" for value in values) or None
            text = f"is pinned to {key} {pinned:.12g}, MLflow has {actual or 'none'}"
            field = f"metrics.{key}"
            yield _pin(number, text, field, expected=f"{pinned:.12g}", actual=actual)


def _pin(
    version: int,
    text: str,
    field: str,
    *,
    expected: str | None = None,
    actual: str | None = None,
) -> Refusal:
    return Refusal(
        "pin",
        f"version {version} {text}",
        "it is not the version that was reviewed: name another version; or, if this one is right,"
        " pin it again with mlflow-gitops pin",
        version=version,
        field=field,
        expected=expected,
        actual=actual,
    )
