"""Tenures for tests that say who held which stage, without receipts and commits to show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.tenures import ReconciledHistory, Tenure


@dataclass(frozen=True)
class _GivenTenures(ReconciledHistory):
    """What receipts say, as a test gives it."""

    given: Mapping[tuple[str, int], Tenure] = field(default_factory=dict)

    def since(self, created: str | None, model_created: str | None = None) -> ReconciledHistory:
        given = {
            entry: tenure
            for entry, tenure in self.given.items()
            if created is None or tenure.reconciled_at >= created
        }
        return replace(self, given=given)

    def tenures(
        self, points: Sequence[Point], stage: str, before: Commit | None = None
    ) -> Mapping[int, Tenure]:
        return {
            version: tenure
            for (held_stage, version), tenure in self.given.items()
            if held_stage == stage
        }


def held(
    *stages: tuple[str, int, str],
    began: Commit | None = None,
    rolled_back_by: Commit | None = None,
) -> Callable[[str], ReconciledHistory]:
    """The `reconciles` of a FakeEvidence: (stage, version, time of the receipt) for each version
    that still holds a stage, or was rolled back from it."""
    given = {
        (stage, version): Tenure(
            version, began, at, ended=rolled_back_by, is_rolled_back=rolled_back_by is not None
        )
        for stage, version, at in stages
    }
    return lambda model: _GivenTenures(given=given)
