"""What git, the receipts, MLflow's runs and the forge know about the models to verify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.occupied_versions import occupied_versions
from mlflow_gitops.core.history.entry_reader import entries_at
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, MainLine, Point
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import Record, Unreadable


class ModelAccount(Account):
    """One model's account from the main line's history, the receipts, MLflow's runs and the forge.
    `stamped` is the commit that MLflow's stamp names."""

    def __init__(
        self,
        name: str,
        stamped: str | None,
        ledger: Ledger,
        tip: Desired | None,
        line: MainLine,
        histories: HistoryReader,
        evidence: WorkspaceEvidence,
    ) -> None:
        self.name = name
        self._periods = histories.renames.periods(file_stem(name))
        self.runs = ledger.applied_as(self._periods)
        self._ledger = ledger
        self.tip = tip
        self.positions = line.index
        self._shas = line.shas
        self._histories = histories
        self._evidence = evidence

        self.base = None
        self.points: Sequence[Point] = ()
        if stamped is not None and stamped in line.index:
            # A commit of the line that changed nothing in the registry folder is not described.
            self.base = line.commits.get(stamped) or Commit(stamped, "", "", "")
            self.points = histories.points_until(file_stem(name), stamped)

    def entries_at(self, index: int) -> Sequence[Entry]:
        return entries_at(self._histories, file_stem(self.name), self._shas[index])

    def making_commit_at(self, index: int) -> str | None:
        points = self._histories.points_until(file_stem(self.name), self._shas[index])
        last = points[-1].commit if points else None
        return last.sha if last else None

    def declared_at(self, index: int) -> Desired | None:
        points = self._histories.points_until(file_stem(self.name), self._shas[index])
        return points[-1].desired if points else None

    def people(self, commit: str) -> Sequence[RecordedPeople]:
        return self._ledger.people(self._periods, commit)

    def record(self, version: ObservedVersion) -> Record | None:
        return self._evidence.record(version)

    def approvals(self, commit: Commit, file: str) -> int | None:
        try:
            approvals = self._evidence.approvals(commit, file)
        except Unreadable:
            return None
        return len(approvals.by) if approvals is not None else None


def read_records(
    evidence: WorkspaceEvidence,
    desired: Mapping[str, Desired],
    names: Sequence[str],
    observed: Mapping[str, ObservedModel],
    readers: int,
) -> None:
    """Read the runs and logged models of all versions that are served, several at a time. What
    fails is read once more, and reported, when its model is verified."""
    versions = [
        observed[name].versions[number]
        for name in names
        if name in observed
        for number in occupied_versions(desired.get(name), observed[name])
    ]

    def read(version: ObservedVersion) -> None:
        with suppress(Exception):  # one model's surprise must not stop the others
            evidence.record(version)

    with ThreadPoolExecutor(max_workers=readers) as pool:
        list(pool.map(read, versions))
