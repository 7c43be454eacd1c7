"""Which policy counts: a change of the policy counts once it was approved as strictly as any stage
of the policy before it asks (RULES R3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.gates.approvals import RequiredApprovals
from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
from mlflow_gitops.core.gates.gate import Finding
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.policy_history import PolicyChange
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.evidence import Evidence

AskApproval = Callable[[PolicyChange, RequiredApprovals], Finding]
"""Whether a change of the policy has these approvals."""


@dataclass(frozen=True, slots=True)
class PolicyStanding:
    """The policy at one commit of a line: `newest` is the last change of the policy up to it,
    `counting` the last one that counts. If these differ, `findings` are about the approvals that
    the newest one needs."""

    newest: PolicyChange
    counting: PolicyChange
    findings: tuple[Finding, ...] = ()

    @property
    def is_approved(self) -> bool:
        """Whether the newest policy counts."""
        return self.newest.index == self.counting.index

    @property
    def missing(self) -> tuple[Finding, ...]:
        """Which approvals the newest policy lacks."""
        return tuple(finding for finding in self.findings if finding.status != "passed")

    def unapproved_notice(self, file: str) -> str:
        """The notice that the newest policy does not count: which one goes on judging, what is
        missing, and what to do."""
        missing = "; ".join(dict.fromkeys(finding.detail for finding in self.missing))
        newest, counting = (change.commit.sha[:7] for change in (self.newest, self.counting))
        return (
            f"{file} as of {newest} does not count yet: {missing}. The policy of {counting} goes on"
            f" judging, and what {newest} asks is asked as well. Let a pull request that changes"
            f" {file} be approved, and merge it."
        )


class CountingPolicies:
    """The policies along one line that count. `changes` are those that can be used, oldest first.

    A policy that asks for no approvals may be changed without any, and the first policy counts.
    Each change is asked about once, newest first: one that has the approvals which any policy
    before it asks for counts, whatever the changes before it were.
    """

    def __init__(self, changes: Sequence[PolicyChange], ask: AskApproval) -> None:
        self._changes = changes
        self._ask = ask
        self._answers: dict[tuple[int, RequiredApprovals], Finding] = {}
        self._counting: dict[int, int] = {0: 0}

    def at(self, index: int) -> PolicyStanding | None:
        """The standing of the policy after the commit at this place of the line; None if there was
        no policy yet."""
        number = sum(change.index <= index for change in self._changes) - 1
        if number < 0:
            return None
        counting = self._number_counting(number)
        findings = self._findings(number, counting) if counting != number else ()
        return PolicyStanding(self._changes[number], self._changes[counting], findings)

    def _number_counting(self, number: int) -> int:
        """Which of the changes is the last that counts, of those up to this one."""
        settled = number
        while settled not in self._counting and not self._is_approved_for_all(settled):
            settled -= 1
        self._counting.setdefault(settled, settled)

        for later in range(settled + 1, number + 1):
            if later not in self._counting:
                before = self._counting[later - 1]
                self._counting[later] = later if self._is_approved(later, before) else before
        return self._counting[number]

    def _is_approved_for_all(self, number: int) -> bool:
        """Whether a change has what any policy before it asks for, so that it counts whichever of
        these counted."""
        return all(
            self._is_approved(number, before)
            for before in range(number)
            if required_approvals(self._changes[before].policy)
        )

    def _is_approved(self, number: int, before: int) -> bool:
        if self._changes[number].blob == self._changes[before].blob:
            return True
        return all(finding.status == "passed" for finding in self._findings(number, before))

    def _findings(self, number: int, before: int) -> tuple[Finding, ...]:
        findings = []
        for required in required_approvals(self._changes[before].policy):
            key = number, required
            if key not in self._answers:
                self._answers[key] = self._ask(self._changes[number], required)
            findings.append(self._answers[key])
        return tuple(findings)


def required_approvals(policy: Policy) -> tuple[RequiredApprovals, ...]:
    """Everything that any stage of a policy asks for as approvals, in the rules for all models or
    in an exception; a change of the policy needs all of it."""
    exceptions = range(len(policy.raw.get("models") or ()))
    rules = [policy.with_exceptions(()), *(policy.with_exceptions((one,)) for one in exceptions)]
    required = [
        rule.gates.settings(approvals.GATE) for model in rules for rule in model.stages.values()
    ]
    return tuple(dict.fromkeys(approval for approval in required if approval is not None))


@dataclass(frozen=True, slots=True)
class ChangedPolicy:
    """A change of one file of the policy, as the gate `approvals` sees it."""

    commit: Commit
    file: str
    evidence: Evidence

    @property
    def making_commit(self) -> str | None:
        return self.commit.sha

    @property
    def is_merged(self) -> bool:
        return self.evidence.is_merged(self.commit)

    def approvals(self) -> Approvals | None:
        return self.evidence.approvals(self.commit, self.file)

    def claims(self) -> Approvals:
        return self.evidence.claims(self.commit)

    def differs_from(self, reviewed: Reviewed) -> str | None:
        """The evidence gives what was reviewed only if the file is another one now."""
        return "has another policy"

    def judged(self, required: RequiredApprovals) -> Finding:
        """Whether the change has these approvals."""
        try:
            return approvals.ask(self, required)
        except Unreadable as reason:
            return Finding("unknown", f"who approved it cannot be read: {reason}")
