"""What planning a model needs beside its history and what MLflow shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlflow_gitops.core.verdicts.invalid_files import FileErrors

if TYPE_CHECKING:
    from mlflow_gitops.core.recorded.file_lists import FindList
    from mlflow_gitops.core.verdicts.evidence import Evidence
    from mlflow_gitops.core.verdicts.pinned_files import ReadFiles


FindRepository = Callable[[], str]


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The circumstances of a plan.

    `owner` identifies this repository and folder; `now` is the time that stamps will carry, RFC
    3339 in UTC, and `began` the time when this run began. `writing` is True for a plan
    that is made to be carried out, not only shown: a freeze then refuses, and is a note otherwise.
    """

    owner: str
    now: str
    evidence: Evidence
    find_repository: FindRepository = lambda: ""
    """Returns this repository's address for people, without credentials; empty without a remote."""
    take_over: bool = False
    writing: bool = False
    errors: FileErrors = field(default_factory=FileErrors)
    """The errors in git that concern this model."""
    way_to_fetch: str = ""
    """How the user gets the commits, or the receipts, that this clone lacks."""
    gap_in_receipts: str = ""
    """Which receipts this clone lacks."""
    began: str | None = None
    read_files: ReadFiles | None = None
    """Reads the files of a version; None for a plan that reads none."""
    find_list: FindList = lambda digest: None
    """Finds the list of files behind a pinned digest."""
