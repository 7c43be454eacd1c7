"""The receipts of one environment, by model and by commit, as the audit and `verify` ask for
them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.manifests.names import model_of

if TYPE_CHECKING:
    from mlflow_gitops.core.history.line.renames import NamePeriod
    from mlflow_gitops.core.history.tenures import AppliedCommit


@dataclass(frozen=True, slots=True)
class AppliedRun:
    """One run that brought one model to a commit of the main line: the commit's index on the line,
    the receipt, and what it records about the model."""

    index: int
    receipt: Receipt
    recorded: RecordedModel
    is_contradicted: bool = False
    """Whether something contradicts the receipt, so that it proves nothing about who held what."""

    @property
    def at(self) -> str:
        """When its receipt was written."""
        return self.receipt.at

    @property
    def applied_commit(self) -> AppliedCommit:
        """The run as the history of a stage needs it."""
        from mlflow_gitops.core.history.tenures import AppliedCommit  # `log` judges no tenures

        return AppliedCommit(
            self.index,
            self.at,
            self.receipt.began,
            self.recorded.entered,
            self.receipt.is_recovered or self.recorded.is_base_unrecorded,
            self.is_contradicted,
            self.recorded.registered,
            self.recorded.is_created,
        )


class Ledger:
    """The receipts, oldest first, of one environment. `owner` is the environment's; None, as in a
    shallow clone that does not know its root commit, takes every receipt. Receipts on commits that
    are not on the main line (`index`: commit to its index) are left out: they prove nothing about
    it. `contradicted` are the digests of contradicted receipts, each with a model, or "" for
    all."""

    def __init__(
        self,
        receipts: Iterable[Receipt],
        index: Mapping[str, int],
        owner: str | None,
        contradicted: Collection[tuple[str, str]] = (),
    ) -> None:
        self.receipts = [
            receipt
            for receipt in receipts
            if receipt.commit in index and (owner is None or receipt.owner == owner)
        ]
        self._applied: dict[str, list[AppliedRun]] = {}
        self._recorded: dict[str, list[RecordedModel]] = {}
        self._vouched: dict[tuple[str, str], tuple[bool, RecordedPeople]] = {}

        for receipt in self.receipts:
            for recorded in receipt.models():
                is_contradicted = bool(contradicted) and not _parts(receipt, recorded).isdisjoint(
                    contradicted
                )
                self._add(AppliedRun(index[receipt.commit], receipt, recorded, is_contradicted))
        for runs in self._applied.values():
            # On one commit, what is contradicted takes nothing from what is not.
            runs.sort(key=lambda run: (run.index, run.is_contradicted))

    def applied(self, model: str) -> Sequence[AppliedRun]:
        """The runs in which a model was applied, in the order of the main line."""
        return self._applied.get(model, ())

    def applied_as(self, periods: Sequence[NamePeriod]) -> Sequence[AppliedRun]:
        """The runs in which a model was applied under the names that it had, each in its time, in
        the order of the main line."""
        runs = [run for period in periods for run in self._applied_in(period, periods)]
        if len(periods) == 1:
            return runs
        return sorted(runs, key=lambda run: (run.index, run.is_contradicted))

    def _applied_in(
        self, period: NamePeriod, periods: Sequence[NamePeriod]
    ) -> Sequence[AppliedRun]:
        """The runs under one name. A receipt that was recovered after a rename has the new name,
        and lies on a commit before it; unless the name was another model's then."""
        runs = [run for run in self.applied(model_of(period.stem)) if run.index < period.end]
        in_time = [run for run in runs if run.index >= period.first]
        same_name = [other for other in periods if other.stem == period.stem]
        earlier = [
            run
            for run in runs
            if not any(other.first <= run.index < other.end for other in same_name)
        ]
        if all(run.receipt.is_recovered for run in earlier):
            return [*earlier, *in_time]
        return in_time

    def vouched(self, model: str, commit: str) -> RecordedPeople | None:
        """The people behind a making commit: as the first run that applied it recorded them, else
        the last run that looked them up."""
        entry = self._vouched.get((model, commit))
        return entry[1] if entry else None

    def people(self, periods: Sequence[NamePeriod], commit: str) -> list[RecordedPeople]:
        """What every run that looked a making commit up recorded about the people behind it, oldest
        first. `periods` are the names of the model."""
        return [
            people
            for stem in dict.fromkeys(period.stem for period in periods)
            for recorded in self._recorded.get(model_of(stem), ())
            for sha, people in recorded.vouched()
            if sha == commit
        ]

    def _add(self, run: AppliedRun) -> None:
        model, is_applied = run.recorded.model, run.recorded.is_applied
        self._recorded.setdefault(model, []).append(run.recorded)
        if is_applied:
            self._applied.setdefault(model, []).append(run)

        for commit, vouched in run.recorded.vouched():
            entry = self._vouched.get((model, commit))
            if entry is None or not entry[0]:
                self._vouched[model, commit] = is_applied, vouched


def _parts(receipt: Receipt, recorded: RecordedModel) -> frozenset[tuple[str, str]]:
    """What of a receipt may be contradicted that concerns one model."""
    return frozenset(((receipt.digest, ""), (receipt.digest, recorded.model)))
