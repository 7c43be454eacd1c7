"""The outcome of reconciling one model, as receipts record it and renderers print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict

Result = Literal["applied", "unchanged", "deferred", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model. `changes` are the writes that were made: MLflow answered that they
    were done, or reading back showed them. `error` says why the rest was not."""

    model: str
    result: Result
    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    error: str | None = None
    entered: tuple[tuple[str, int], ...] = ()
    """(stage, version) for each version that came to hold a stage."""
    gates: tuple[Verdict, ...] = ()
    """The verdicts under which this was done, or was not."""
    deferred: str | None = None
    """Until when a soak keeps back what git asks for."""
    people: Mapping[str, RecordedPeople] = field(default_factory=dict)
    """Making commits to who stands behind them."""
    already_applied: tuple[Change, ...] = ()
    """What git asked for and MLflow held already when the run came to the model."""
    compared_files: Mapping[int, str] = field(default_factory=dict)
    """The versions whose files were read before the first write, with their digests."""
    files: tuple[ModelFiles, ...] = ()
    """What was read of them, if they were read."""
    is_adoption: bool = False
    """Whether it was the first reconcile of a model that MLflow had already."""
    has_written: bool = False
    """Whether the run may have written anything to the model, stamps included."""
    registered: str | None = None
    """When MLflow registered the model that was written to; None if it does not say."""

    @property
    def is_invalid(self) -> bool:
        """Whether a file of the model is invalid."""
        return any(refusal.is_invalid for refusal in self.refusals)

    @property
    def is_refused(self) -> bool:
        """Whether something was refused for another reason than an invalid file."""
        return any(not refusal.is_invalid for refusal in self.refusals)
