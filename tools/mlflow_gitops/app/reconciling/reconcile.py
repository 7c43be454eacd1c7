"""Reconcile one commit: plan it, apply the plan, record what was done. The caller asks the user and
prints.

`commands.reconcile` does this once, `commands.watch` again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from mlflow_gitops.app.audit.receipts import Recorder
from mlflow_gitops.app.audit.recovery import Recovery
from mlflow_gitops.app.health.leaving import LeavingHealth
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.unrecorded import unrecorded_work
from mlflow_gitops.app.reconciling.writing.apply import apply_models
from mlflow_gitops.app.reconciling.writing.shared_reads import shared_reads
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipt_format import RecoveredWork
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.system.redaction import without_credentials
from mlflow_gitops.edges.system.unexpected import describe, print_traceback
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry

Follow = Callable[[Iterable[Outcome]], Iterable[Outcome]]
"""Passes on the outcomes of models as they come: a progress bar, or something that stops early."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one run did. `outcomes` are in the plan's order; `receipt` is the digest of its receipt,
    None if there was nothing to record."""

    outcomes: tuple[Outcome, ...]
    receipt: str | None
    recovered: tuple[str, ...]
    """The models for which the receipt of an interrupted run was written now."""
    unrecorded: tuple[str, ...]
    """Why something that was applied could not be recorded, one sentence each."""
    objections: tuple[str, ...] = ()
    """What the gates object to in the recovered receipts."""
    taken_over: int = 0
    """How many receipts were moved from git notes to the receipts branch."""
    push_fault: str | None = None
    """That of `unrecorded` which only kept receipts from the remote: they are in this clone."""

    def fault_text(self, fault: str, unit: str = "run") -> str:
        """What one of `unrecorded` means. `unit` is what comes next: a run, or a round."""
        if fault == self.push_fault:
            pushes = f"the next {unit} pushes what this clone recorded"
            return f"applied and recorded here, not pushed: {fault} Nothing is lost: {pushes}."
        return f"applied, not recorded: {fault} The next {unit} recovers it."

    @property
    def refused(self) -> list[Outcome]:
        """The models of which something was refused for another reason than an invalid file."""
        return [outcome for outcome in self.outcomes if outcome.is_refused]

    @property
    def failed(self) -> bool:
        """Whether something was not applied, or was applied and not recorded."""
        return bool(self.unrecorded) or any(outcome.result == "failed" for outcome in self.outcomes)


def _with_right_files(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """The models whose files were not refused."""
    for outcome in outcomes:
        if not any(refusal.code == "digest" for refusal in outcome.refusals):
            yield outcome.model


def _registry_facts(registry: Registry) -> dict[str, str]:
    """What each receipt says about the registry."""
    facts = {"registry": registry.display_uri, "workspace": registry.workspace}
    if registry.tracking_uri != registry.uri:
        facts["tracking"] = without_credentials(registry.tracking_uri)
    return facts


class Reconciler:
    """Makes one registry match one commit of the main line."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        target: Target,
        plan_options: PlanOptions | None = None,
        *,
        push_receipts: bool = False,
        jobs: int | None = None,
        with_new_host: bool = False,
    ) -> None:
        if target.commit is None:
            raise ValueError("only a commit can be reconciled")
        self.commit = target.commit
        self.planner = Planner(
            workspace, registry, target, replace(plan_options or PlanOptions(), writing=True)
        )
        self._writers = jobs or registry.writers
        self._settings = workspace.settings
        self._recorder = Recorder(
            ReceiptsWriter(workspace.receipts_branch, self._settings.patience.receipt_tries),
            registry,
            self.planner.owner,
            _registry_facts(registry),
            push_receipts,
            self._writers,
            now=workspace.settings.now,
            began=self.planner.began,
            always=with_new_host,
            policy_path=workspace.registry.policy_path,
            leaving=LeavingHealth(workspace, target.snapshot.policy),
        )

    def fetch_receipts(self) -> str | None:
        """If receipts are exchanged with the remote, fetch what other clones recorded. Returns why
        that failed, else None."""
        return self._recorder.fetch() if self._recorder.push else None

    def apply(self, planned: Planned, follow: Follow = lambda outcomes: outcomes) -> RunResult:
        """Apply a plan and record it. An interrupted run also records what it did, after the models
        under way are finished."""
        self.planner.registry.begin_writing()
        recovery = Recovery(self._recorder, {})
        recovered, faults = self._try_recover(recovery, planned)
        if recovered:
            self.planner.read_receipts_again()

        finished: list[Outcome] = []
        reads = shared_reads(self.planner.registry, planned.desired, self._settings.patience)
        outcomes = apply_models(
            planned.plan.models,
            lambda name: self.planner.replan(planned, name, reads.read(name)),
            self.planner.registry,
            self._writers,
            finished.append,
            self._settings.patience.write_pauses,
            self._settings,
            reads,
        )
        try:
            for _ in follow(outcomes):
                pass
        finally:
            try:
                outcomes.close()
            finally:
                order = {model.model: index for index, model in enumerate(planned.plan.models)}
                finished.sort(key=lambda outcome: order[outcome.model])
                files = self.planner.files  # so that a later mismatch can name those that differ
                recorded = [replace(done, files=files.of(done.model)) for done in finished]
                files.forget(_with_right_files(finished))
                receipt = self._record(recorded, faults)
        # What kept the run from recovering a receipt may keep it from writing its own, too.
        return RunResult(
            tuple(finished),
            receipt,
            tuple(recovered),
            tuple(dict.fromkeys(faults)),
            tuple(recovery.objections),
            self._recorder.taken_over,
            self._recorder.push_fault,
        )

    def _record(self, outcomes: Sequence[Outcome], faults: list[str]) -> str | None:
        """Write the receipt of this run, and return its digest. If that fails, the reason is added
        to `faults`: the run is applied, and the caller must still hear of it."""
        digest = None
        try:
            digest = self._recorder.record(self.commit, outcomes)
        except Failure as failure:
            faults.append(str(failure))
        except Exception as error:
            print_traceback("receipt", error, self._settings)
            faults.append(f"Unexpected {describe(error)}.")
        if self._recorder.push_fault is not None:
            faults.append(self._recorder.push_fault)
        return digest

    def _try_recover(self, recovery: Recovery, planned: Planned) -> tuple[list[str], list[str]]:
        """Write the receipts that interrupted runs did not write. Returns the models, and what went
        wrong."""
        try:
            return self._recover(recovery, planned), list(recovery.postponed)
        except Failure as failure:
            return [], [str(failure)]
        except Exception as error:  # what earlier runs left out must not keep this one from healing
            print_traceback("receipt", error, self._settings)
            return [], [f"Unexpected {describe(error)}."]

    def _recover(self, recovery: Recovery, planned: Planned) -> list[str]:
        @cache
        def planner_at(commit: str) -> Planner | None:
            return self.planner if commit == self.commit else self.planner.at(commit)

        def work(name: str, commit: str, last_recorded: str | None) -> RecoveredWork:
            planner = planner_at(commit)
            if planner is None:
                return RecoveredWork()
            observed = planned.observed.get(name)
            return unrecorded_work(planner, name, observed, last_recorded, self._settings)

        def names(model: str) -> list[str]:
            periods = self.planner.lines.first.histories.renames.periods(file_stem(model))
            return [model_of(period.stem) for period in periods]

        recovery.line = self.planner.lines.positions()
        recovery.names = names
        own_plan = planned.without(planned.foreign).plan
        return recovery.recover(own_plan, planned.receipts, work, planned.pruned)
