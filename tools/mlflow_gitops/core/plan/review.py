"""What a reviewer asks about a plan beside what it does: which version comes, who trained it from
what, how long the present one has held the stage, and who owns the model and approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.recorded.values import Dataset

if TYPE_CHECKING:
    from mlflow_gitops.core.history.tenures import ReconciledHistory
    from mlflow_gitops.core.history.web_pages import WebPages
    from mlflow_gitops.core.manifests.manifest import Manifest
    from mlflow_gitops.core.observed.mlflow_pages import MlflowPages


@dataclass(frozen=True, slots=True)
class VersionCopy:
    """The same version in another environment: its number there, and the stages that the manifest
    there gives it."""

    environment: str
    version: int
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewedVersion:
    """What is known of a version. `trained_by` is the user that its run names, which is a claim;
    `code_commit` is the commit that the run was made from."""

    number: int
    run_id: str | None = None
    trained_by: str | None = None
    code_commit: str | None = None
    datasets: tuple[Dataset, ...] = ()
    copies: tuple[VersionCopy, ...] = ()
    is_prompt: bool = False
    is_registered: bool = True
    has_code: bool = False
    """Whether this repository has the commit that the version was trained from."""


@dataclass(frozen=True, slots=True)
class PlanLinks:
    """Where people see what a plan speaks of; None if it is nowhere to be seen."""

    mlflow: MlflowPages
    forge: WebPages | None = None

    def of_version(self, model: str, version: ReviewedVersion) -> str | None:
        if not version.is_registered:
            return None
        return self.mlflow.of_version(model, version.number, is_prompt=version.is_prompt)

    def of_run(self, version: ReviewedVersion) -> str | None:
        return self.mlflow.of_run(version.run_id) if version.run_id else None

    def of_commit(self, sha: str) -> str | None:
        return self.forge.of_commit(sha) if self.forge else None

    def of_pull_request(self, number: int) -> str | None:
        return self.forge.of_pull_request(number) if self.forge else None

    def of_code(self, version: ReviewedVersion) -> str | None:
        """The commit that a version was trained from, if this repository has it."""
        is_known = version.code_commit is not None and version.has_code
        return self.of_commit(version.code_commit or "") if is_known else None

    def of_code_diff(self, review: StageReview) -> str | None:
        """What changed in the code from the present version to the next."""
        before, after = review.before, review.after
        if self.forge is None or before is None or after is None:
            return None
        commits = before.code_commit, after.code_commit
        if not (before.has_code and after.has_code) or commits[0] == commits[1]:
            return None
        return self.forge.of_comparison(commits[0] or "", commits[1] or "")


@dataclass(frozen=True, slots=True)
class HeldSince:
    """When the version that a stage serves came to hold it, by receipts. If `at_least`, the first
    receipt found it there: before that, nobody knows."""

    at: str
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class StageReview:
    """What is known of the version that a stage serves now (`before`) and of the one that it will
    serve (`after`); None if there is none."""

    before: ReviewedVersion | None = None
    after: ReviewedVersion | None = None
    held_since: HeldSince | None = None


def held_since(reconciles: ReconciledHistory, stage: str, version: int) -> HeldSince | None:
    """When a version that holds a stage came to hold it; None if no receipt is about the model."""
    entered = [run.at for run in reconciles.runs if (stage, version) in run.entered]
    if entered:
        return HeldSince(entered[-1])
    return HeldSince(reconciles.runs[0].at, at_least=True) if reconciles.runs else None


def has_owner_approved(owners: Sequence[str], approved_by: Sequence[str]) -> bool | None:
    """Whether an owner is among the people who approved. None if that depends on who is in a team,
    which a plan does not ask the forge."""
    people = {person.lower() for person in approved_by}
    if any(owner.lower() in people for owner in owners):
        return True
    has_teams = any("/" in owner for owner in owners)
    return None if has_teams and people else False


def copies_of(
    model: Manifest, version: int, environment: str, manifests: Sequence[tuple[str, Manifest]]
) -> tuple[VersionCopy, ...]:
    """Where else a version of `environment` holds a stage. Versions are the same if one is pinned
    as a copy of the other, if both are copies of a third, or if their files have one digest."""
    spec = model.versions.get(version) or VersionSpec()
    copies = []
    for name, manifest in manifests:
        stages: dict[int, list[str]] = {}
        for stage, holders in manifest.stages.items():
            for number in holders:
                stages.setdefault(number, []).append(stage)
        for number, held_stages in stages.items():
            copy_pin = manifest.versions.get(number) or VersionSpec()
            if _is_same((environment, version, spec), (name, number, copy_pin)):
                copies.append(VersionCopy(name, number, tuple(held_stages)))
    return tuple(copies)


def _is_same(version: tuple[str, int, VersionSpec], copied: tuple[str, int, VersionSpec]) -> bool:
    first, second = _origin(version), _origin(copied)
    if first == second:
        return True
    digest = version[2].files_digest
    return digest is not None and digest == copied[2].files_digest


def _origin(version: tuple[str, int, VersionSpec]) -> tuple[str, int]:
    """The environment and version that a version is a copy of; its own if it is none."""
    environment, number, spec = version
    origin = spec.origin
    return (origin.environment, origin.version) if origin is not None else (environment, number)
