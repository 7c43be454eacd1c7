"""Recovers receipts that interrupted runs did not write (RULES R6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mlflow_gitops.app.audit.receipt_parts import objection, stamp_receipt
from mlflow_gitops.app.audit.receipts import Recorder
from mlflow_gitops.core.audit.receipt_format import RecoveredWork, recovered_outcome
from mlflow_gitops.core.audit.receipts import last_commit
from mlflow_gitops.core.audit.record.flaws import lost_receipts, replayed_states
from mlflow_gitops.core.audit.unrecorded import unrecorded, unstamped
from mlflow_gitops.core.plan.plan import Plan

UnrecordedWork = Callable[[str, str, "str | None"], RecoveredWork]
"""For a model, the commit in its stamp, and the commit of its last receipt (None without one): what
an interrupted run did between the two."""


@dataclass(slots=True)
class Recovery:
    """Recovers receipts before a run writes anything. `line` maps the commits of the main line to
    their indexes, `names` returns every name that a model has had."""

    recorder: Recorder
    line: Mapping[str, int]
    names: Callable[[str], Sequence[str]] = lambda name: (name,)
    objections: list[str] = field(default_factory=list)
    """What gates object to in recovered receipts, two sentences each."""
    postponed: list[str] = field(default_factory=list)
    """Why receipts are not recovered yet, one sentence each."""

    def recover(
        self,
        plan: Plan,
        stamped_receipts: Mapping[str, str | None],
        unrecorded_work: UnrecordedWork = lambda *_: RecoveredWork(),
        pruned: Mapping[str, str] = MappingProxyType({}),
    ) -> list[str]:
        """Write the receipts that interrupted runs did not write. Returns the models.

        `stamped_receipts` maps each model to the digest in its stamp; a stamp that a run could not
        set is set now. `pruned` maps models without a manifest, which were already emptied, to the
        commit in their stamp. Raises GitFailure and RegistryFailure.

        Nothing is recovered if this clone has a remote but does not exchange receipts with it
        (--no-push-receipts), since it may simply not have them; nor in a shallow clone, which does
        not know its own root commit and so not which receipts are its own.
        """
        recorder = self.recorder
        recorder.unexplained, recorder.flaws, recorder.taken_over = set(), {}, 0
        stamped_commits = {**_stamped_commits(plan), **pruned}
        receipts = recorder.branch.receipts()

        stamps = {name: stamped_receipts.get(name) for name in stamped_commits}
        for digest, models in unstamped(stamps, receipts, recorder.owner).items():
            stamp_receipt(recorder.registry, models, digest, recorder.writers)

        if recorder.owner is None:
            return []
        missing = unrecorded(stamped_commits, receipts, recorder.owner, self.line, self.names)
        if recorder.branch.remote is not None and not recorder.push:
            recorder.unexplained = {name for models in missing.values() for name in models}
            return []

        lost = lost_receipts(stamps, receipts)
        replayed = replayed_states(stamped_commits, receipts, recorder.owner, self.line)
        recorder.flaws = {**lost, **replayed}

        recovered: list[str] = []
        for commit, models in missing.items():
            outcomes = {}
            for name in models:
                work = unrecorded_work(name, commit, last_commit(receipts, self.names(name)))
                if self._can_be_judged(name, work):
                    outcomes[name] = recovered_outcome(name, work, recorder.flaws.pop(name, None))
                    self.objections += [objection(name, verdict) for verdict in work.objections]
            if outcomes:
                head = {**recorder.head(), "recovered": True}
                head.pop("began", None)  # when the lost run began is not known
                content = {**head, "models": list(outcomes.values())}
                recorder.write(commit, content, list(outcomes))
                recovered += outcomes
        return recovered

    def _can_be_judged(self, name: str, work: RecoveredWork) -> bool:
        """Whether every gate can judge what a lost run did; if not, a later run recovers it."""
        for verdict in work.gates:
            if verdict.status == "unknown":
                self.postponed.append(
                    f"the receipt of an earlier run for {name} is missing, and {verdict.gate} of"
                    f" {verdict.version} in {verdict.stage} cannot be judged now: {verdict.detail}."
                )
                self.recorder.unexplained.add(name)
                return False
        return True


def _stamped_commits(plan: Plan) -> dict[str, str]:
    """The models with this repository's stamp, and the commit in it. A model that is missing in
    MLflow has no stamps."""
    return {
        model.model: model.base
        for model in plan.models
        if model.base
        and model.sync != "Missing"
        and all(refusal.code != "owner" for refusal in model.refusals)
    }
