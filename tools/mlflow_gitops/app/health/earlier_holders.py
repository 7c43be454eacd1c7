"""The earlier holders of a stage whose windows ended well: where the way back leads (RULES R14)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property

from mlflow_gitops.app.audit.line.recorded_line import read_main_line
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.health.reading import read_health
from mlflow_gitops.app.reconciled_models import ReconciledModels
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.health.recorded_health import RecordedHealth
from mlflow_gitops.core.health.verdict import HealthVerdict
from mlflow_gitops.core.health.way_back import EarlierHolder
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.history.previous_holders import PreviousHolder, previous_holders
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.times import parse_time

MOST_JUDGED = 10
"""Earlier holders of one stage that one run judges: each costs requests."""


class EarlierHolders:
    """What the main branch up to `tip` and the receipts in this clone say about earlier holders.
    `policy` is that of the tip: by its checks they are judged. Nothing is read before the first
    question. Methods raise what reading git and receipts raises."""

    def __init__(self, workspace: Workspace, tip: str, policy: Policy) -> None:
        self._workspace = workspace
        self._tip = tip
        self._policy = policy
        self._trails: dict[str, AuditTrail] = {}

    def last_healthy(
        self, verdict: HealthVerdict, holders: tuple[int, ...], existing: Collection[int]
    ) -> EarlierHolder | None:
        """The last earlier holder of a verdict's stage whose window ended well. `holders` hold the
        stage now, `existing` are the model's versions in MLflow.

        A version that was rolled back from the stage is none, nor is one that no receipt puts
        there.
        """
        stem = file_stem(verdict.model)
        points = self._histories.points_until(stem, self._line.shas[-1])
        tenures = self._reconciled.history(verdict.model).tenures(points, verdict.stage)
        previous = previous_holders(points, verdict.stage, holders, tenures, existing)
        judged = (self._judged(verdict, former) for former in previous.holders[:MOST_JUDGED])
        return next((holder for holder in judged if holder is not None), None)

    def _judged(self, verdict: HealthVerdict, former: PreviousHolder) -> EarlierHolder | None:
        """The holder, if its window ended well: by what can be read of that time now, or else by
        what the receipt says of the run that took it out."""
        if former.reconciled_at is None:
            return None
        version, entered = max(former.versions), parse_time(former.reconciled_at)
        recorded = self._recorded(verdict, version, entered)
        if recorded is not None and recorded.state == "unhealthy":
            return None

        window = parse_time(verdict.window_end) - parse_time(verdict.entered)
        end = entered + window
        earlier = self._verdict_at(end, verdict, version)
        if earlier is not None and earlier.state == "healthy":
            return EarlierHolder(former.versions, earlier.reason, earlier)
        is_judged = earlier is not None and earlier.state == "unhealthy"
        if recorded is None or recorded.state != "healthy" or is_judged:
            return None
        return EarlierHolder(former.versions, recorded.reason)

    def _verdict_at(
        self, moment: datetime, verdict: HealthVerdict, version: int
    ) -> HealthVerdict | None:
        """How a version was doing in the stage then; None if it had left it."""
        if moment > self._workspace.settings.now():
            return None
        model = verdict.model
        if model not in self._trails:
            self._trails[model] = AuditTrail(self._workspace, model)
        trail = self._trails[model]
        verdicts = read_health(
            self._workspace, self._policy, [model], [verdict.stage], moment, trail=trail
        )
        return next((earlier for earlier in verdicts if earlier.version == version), None)

    def _recorded(
        self, verdict: HealthVerdict, version: int, entered: datetime
    ) -> RecordedHealth | None:
        """What the newest receipt says of a version's stay since `entered`."""
        found = None
        for recorded in self._recorded_of(verdict.model):
            is_subject = (recorded.stage, recorded.version) == (verdict.stage, version)
            if is_subject and recorded.at and parse_time(recorded.at) >= entered:
                found = recorded
        return found

    def _recorded_of(self, model: str) -> Iterator[RecordedHealth]:
        periods = self._histories.renames.periods(file_stem(model))
        for run in self._reconciled.ledger.applied_as(periods):
            if not run.is_contradicted:
                yield from run.recorded.health

    @cached_property
    def _line(self) -> MainLine:
        return read_main_line(self._workspace, self._tip)

    @cached_property
    def _reconciled(self) -> ReconciledModels:
        return ReconciledModels(self._workspace, self._line)

    @cached_property
    def _histories(self) -> HistoryReader:
        return HistoryReader(self._line, self._workspace.registry, self._workspace.git.blobs)
