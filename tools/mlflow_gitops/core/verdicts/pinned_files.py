"""The files of a version are those that were approved: their digest is the pinned one (RULES R3).

Reading them takes as long as downloading them, so only a reconcile does it, right before the first
write to the model. A plan names the versions that will be read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from mlflow_gitops.core.gates import pinned
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.policy import ModelPolicy, StageRule
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.file_lists import FindList, differing_files
from mlflow_gitops.core.recorded.values import Record, Unreadable
from mlflow_gitops.core.verdicts.entry_subject import unregistered
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import shell_words

ReadFiles = Callable[[str, ObservedVersion], ModelFiles]
"""Reads and digests the files of a model's version. Raises Unreadable."""

_ABOUT_DIGESTS = ("signed", "checked")
"""The gates that judge what somebody said about a digest, and not the files. Few policies have
them: their modules are not loaded for their names."""

_READ_BEFORE_REGISTRATION = ("models:/m-", "runs:/")
"""MLflow's own addresses. Any other source is read only once MLflow has the version: a manifest may
name any address, and credentials would be sent there."""


def versions_to_read(
    desired: Desired,
    policies: Collection[ModelPolicy],
    model: ObservedModel,
    entering: Collection[int],
    registered: Collection[int],
) -> list[int]:
    """The versions whose files are compared with their pinned digest: those among `entering` that
    come to hold a guarded stage, by any of these policies, and those among `registered` that can be
    read before they are registered.

    A version that is still to be copied from another environment is compared when it is copied.
    """
    if desired.manifest.kind == "prompt":
        return []
    guarded = guarded_versions(desired, policies)
    numbers = []
    for number, spec in sorted(desired.manifest.versions.items()):
        is_copied_later = spec.origin is not None and number not in model.versions
        if spec.files_digest is None or is_copied_later:
            continue
        is_read_early = number in registered and not _is_too_early(unregistered(number, spec))
        if (number in entering and number in guarded) or is_read_early:
            numbers.append(number)
    return numbers


def guarded_versions(desired: Desired, policies: Iterable[ModelPolicy]) -> set[int]:
    """The versions that hold a stage, or an alias with its gates, that one of these policies
    protects or asks a digest for."""
    guarded: set[int] = set()
    for policy in policies:
        stages = {rule.name for rule in policy.stages.values() if is_guarded(rule)}
        for stage in stages:
            guarded.update(desired.holders(stage))
        for alias, version in desired.manifest.aliases.items():
            if policy.gated_aliases.get(alias.lower()) in stages:
                guarded.add(version)
    return guarded


def is_guarded(rule: StageRule) -> bool:
    """Whether the files of a version are compared before it enters a stage."""
    return (
        rule.protected
        or asks_digest(rule)
        or any(gate in rule.gates.built_in for gate in _ABOUT_DIGESTS)
    )


def asks_digest(rule: StageRule) -> bool:
    """Whether a version must have a pinned digest to enter a stage."""
    return rule.gates.settings(pinned.GATE) == "digest"


def digest_refusals(
    desired: Desired,
    model: ObservedModel,
    numbers: Iterable[int],
    read_record: Callable[[ObservedVersion], Record | None],
    read_files: ReadFiles | None,
    find_list: FindList,
) -> Iterator[Refusal]:
    """Compare the files of these versions with their pinned digests. A version whose run or logged
    model is gone is refused unread, also in a plan, which reads no files."""
    for number in numbers:
        spec = desired.manifest.versions[number]
        version = model.versions.get(number) or unregistered(number, spec)
        fault = _provenance_fault(version, read_record)
        if fault is not None:
            yield _of_no_record(number, spec, fault)
            continue
        if read_files is None:
            continue
        if _is_too_early(version):
            yield _too_early(number, spec)
            continue
        try:
            files = read_files(desired.manifest.name, version)
        except Unreadable as reason:
            yield _unreadable(number, spec, reason)
            continue
        if files.digest != spec.files_digest:
            differing = differing_files(files, find_list(spec.files_digest or ""))
            yield _mismatch(desired.manifest.name, number, spec, files, differing)


def _provenance_fault(
    version: ObservedVersion, read_record: Callable[[ObservedVersion], Record | None]
) -> str | None:
    """Why the logged model or run of a version's files is not in MLflow; None if it is, or if that
    cannot be read: its files are compared all the same."""
    try:
        record = read_record(version)
    except Unreadable:
        return None
    return record.fault if record is not None and record.is_gone else None


def _is_too_early(version: ObservedVersion) -> bool:
    is_registered = bool(version.status)
    return not is_registered and not (version.source or "").startswith(_READ_BEFORE_REGISTRATION)


def _mismatch(
    model: str, number: int, spec: VersionSpec, files: ModelFiles, differing: str
) -> Refusal:
    return _refusal(
        number,
        spec,
        f"the files of version {number} have the digest {files.digest}, and it is pinned to"
        f" {spec.files_digest}: {differing}",
        "they are not the files that were reviewed: find out who wrote them, and register the right"
        " ones as a new version; only after looking at them: mlflow-gitops pin"
        f" {shell_words(model, number)}",
        files.digest,
    )


def _of_no_record(number: int, spec: VersionSpec, fault: str) -> Refusal:
    return _refusal(
        number,
        spec,
        f"version {number} is pinned to the digest of its files, and {fault}",
        "restore what was deleted in MLflow, or register the model again as a new version",
    )


def _too_early(number: int, spec: VersionSpec) -> Refusal:
    return _refusal(
        number,
        spec,
        f"version {number} is pinned to a digest, and files at {spec.registered_from} are not read"
        " before MLflow has the version",
        "let one change register it without a stage, and the next one give it the stage",
    )


def _unreadable(number: int, spec: VersionSpec, reason: Unreadable) -> Refusal:
    return _refusal(
        number,
        spec,
        f"the files of version {number} cannot be compared with the pinned digest: {reason}",
        "see that this machine may read the artifacts; the next run reads them again",
    )


def _refusal(
    number: int, spec: VersionSpec, detail: str, way_out: str, actual: str | None = None
) -> Refusal:
    """What git asks for is refused; drift is still healed, as long as it needs none of the versions
    that are refused."""
    return Refusal(
        "digest",
        detail,
        way_out,
        "commit",
        version=number,
        field="digest",
        expected=spec.files_digest,
        actual=actual,
    )
