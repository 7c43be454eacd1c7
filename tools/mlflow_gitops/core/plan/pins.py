"""Pins: whether a version is the one that was reviewed, since a number alone says little (DESIGN
§3, RULES R2)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import ORIGIN_TAG
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.recorded.values import Record, Unreadable
from mlflow_gitops.core.verdicts.evidence import Evidence
from mlflow_gitops.core.verdicts.verdict import Refusal


def moved_versions(changes: Sequence[Change]) -> set[int]:
    """The versions that these changes move into a stage or behind an alias, or register."""
    moved = {
        c.version
        for c in changes
        if c.version is not None and c.action in ("transition", "register_version")
    }
    return moved | {
        c.after for c in changes if c.action == "set_alias" and isinstance(c.after, int)
    }


def versions_changed_in_git(desired: Desired, history: ModelHistory) -> set[int]:
    """The versions that git says something new of since the base: that they hold a stage, or what
    their data was. Somebody's click before the merge may have left nothing to move, and the pin is
    compared all the same."""
    if history.base_state != "known":
        return set()
    before = history.before
    then = before.manifest.versions if before else {}
    entered = {version for _, version in new_holders(desired, before)}
    now = desired.manifest.versions.items()
    return entered | {
        version
        for version, spec in now
        if _data_of(spec) != _data_of(then.get(version, VersionSpec()))
    }


def _data_of(spec: VersionSpec) -> tuple[object, ...]:
    return spec.data, spec.dataset_digest


def pin_refusals(
    desired: Desired,
    seen: ObservedModel,
    about: Collection[int],
    read: Callable[[ObservedVersion], Record | None],
) -> Iterator[Refusal]:
    """Compare every pin with MLflow; what only the run knows (datasets) is read for the versions
    that this is about."""
    for version, spec in sorted(desired.manifest.versions.items()):
        found = seen.versions.get(version)
        if found is not None:
            for word, pinned, actual in (
                ("run_id", spec.run_id, found.run_id),
                ("source", spec.source, found.source),
                ("model_id", spec.model_id, found.model_id),
                ("digest", spec.digest, found.digest),
                ("origin", spec.origin.stamp if spec.origin else None, found.tags.get(ORIGIN_TAG)),
            ):
                if pinned is not None and pinned != actual:
                    text = f"is pinned to {word} {pinned}, MLflow has {actual or 'none'}"
                    yield _pin(version, text, word, expected=pinned, actual=actual)
        if version in about and (spec.dataset_digest or spec.data):
            wanted = found or ObservedVersion(
                version, run_id=spec.run_id, model_id=spec.model_id, origin=spec.origin
            )
            try:
                yield from _data_pins(version, spec, read(wanted))
            except Unreadable as reason:
                text = f"is pinned to its data, which cannot be compared: {reason}"
                yield _pin(version, text, "data")


def origin_refusals(desired: Desired, seen: ObservedModel, evidence: Evidence) -> Iterator[Refusal]:
    """Whether what is to be copied from another environment is what was reviewed. Its artifacts are
    compared when they are copied, since that takes all of them."""
    for version, spec in sorted(desired.manifest.versions.items()):
        if spec.origin is None or version in seen.versions:
            continue
        try:
            found = evidence.version_at_origin(spec.origin)
        except Unreadable as reason:
            text = f"comes from {spec.origin.label}, which cannot be looked at: {reason}"
            yield _pin(version, text, "origin")
            continue
        if found is None:
            yield Refusal(
                "missing_version",
                f"{spec.origin.environment} has no version {spec.origin.version} of"
                f" {desired.manifest.name} to copy version {version} from",
                "look at what is there, and promote one that is",
                version=version,
                field="origin",
            )
            continue
        if found.status != "READY":
            text = f"comes from {spec.origin.label}, whose status is {found.status}, not READY"
            yield _pin(version, text, "status", expected="READY", actual=found.status)
        for word, pinned, actual in (
            ("run_id", spec.origin.run_id, found.run_id),
            ("model_id", spec.origin.model_id, found.model_id),
        ):
            if pinned is not None and pinned != actual:
                text = (
                    f"is pinned to {word} {pinned} of {spec.origin.label}, which has"
                    f" {actual or 'none'}"
                )
                yield _pin(version, text, word, expected=pinned, actual=actual)


def _data_pins(version: int, spec: VersionSpec, known: Record | None) -> Iterator[Refusal]:
    if known is None:
        text = "is pinned to its data, and MLflow has no run to compare it with"
        yield _pin(version, text, "data")
        return
    digests = {dataset.digest for dataset in known.datasets}
    if spec.dataset_digest and spec.dataset_digest not in digests:
        logged = ", ".join(sorted(digests)) or None
        text = (
            f"is pinned to dataset digest {spec.dataset_digest}, its run logged {logged or 'none'}"
        )
        yield _pin(version, text, "dataset", expected=spec.dataset_digest, actual=logged)
    if spec.data:
        had = known.data.get(spec.data.path)
        if had != spec.data.md5:
            logged = f"logged {had}" if had else f"logged none (tag or param dvc.{spec.data.path})"
            text = f"is pinned to {spec.data.path} with md5 {spec.data.md5}, its run {logged}"
            yield _pin(version, text, spec.data.path, expected=spec.data.md5, actual=had)


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
        "it is not the version that was reviewed; pin what MLflow has after looking at it, or name"
        " another version",
        version=version,
        field=field,
        expected=expected,
        actual=actual,
    )
