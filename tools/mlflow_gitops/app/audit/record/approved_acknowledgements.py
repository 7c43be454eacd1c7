"""Which acknowledgements count: where the policy asks for approvals, one that people other than its
author approved (RULES R7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.app.audit.record.acknowledged import read_acknowledgements
from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.planning.judging.approved_policies import ApprovedPolicies
from mlflow_gitops.app.planning.judging.counting_policies import required_approvals
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.record.acknowledgements import Acknowledgement, acknowledgements
from mlflow_gitops.core.audit.verifying.findings import (
    Acknowledged,
    Unexplained,
    split_acknowledged,
)
from mlflow_gitops.core.gates import approvals as approvals_gate
from mlflow_gitops.core.gates.approvals import RequiredApprovals
from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.recorded.values import Unreadable


class AcknowledgementJudge:
    """Judges `Audit-Ack:` lines by the policy before the change that brought them to the main
    line, and by the last approved one."""

    def __init__(
        self,
        workspace: Workspace,
        line: MainLine,
        histories: HistoryReader,
        evidence: WorkspaceEvidence,
    ) -> None:
        self._workspace = workspace
        self._line = line
        self._histories = histories
        self._evidence = evidence
        self._policies = ApprovedPolicies(workspace, line, histories, evidence)

    def split(
        self, findings: Sequence[Unexplained]
    ) -> tuple[list[Unexplained], list[Acknowledged]]:
        """The findings that no counting line acknowledges, and the others."""
        receipts = [finding.receipt for finding in findings if finding.receipt]
        lines = read_acknowledgements(self._workspace.git, self._line.shas[-1], receipts)
        acknowledging = [line for line in lines if any(r.startswith(line.digest) for r in receipts)]
        return split_acknowledged(findings, [self.judged(line) for line in acknowledging])

    def judged(self, line: Acknowledgement) -> Acknowledgement:
        """The line with the people who approved it, or with why it does not count."""
        approved_by: dict[str, None] = {}
        position = self._position(line.commit)
        for required in self._required(position):
            merged_as = self._line.shas[position]
            change = _AcknowledgingCommit(line, merged_as, self._workspace, self._evidence)
            try:
                finding = approvals_gate.ask(change, required)
                people = change.claims() if required.source == "message" else change.approvals()
            except Unreadable as reason:
                return replace(line, fault=f"who approved it cannot be read: {reason}")
            if finding.status != "passed":
                return replace(line, fault=finding.detail)
            approved_by |= dict.fromkeys(people.by if people is not None else ())
        return replace(line, approved_by=tuple(approved_by))

    def _required(self, position: int) -> Sequence[RequiredApprovals]:
        """Everything that any stage asks for as approvals, before a commit of the line."""
        if position == 0:
            return ()
        before = self._histories.policies.at(self._line.shas[position - 1])
        policies = [before, self._policies.before(position)]
        required = [required_approvals(policy) for policy in policies if policy is not None]
        return tuple(dict.fromkeys(entry for entries in required for entry in entries))

    def _position(self, commit: str) -> int:
        """The place on the line of a commit, or of the first one that contains it."""
        if commit in self._line.index:
            return self._line.index[commit]
        first, last = 0, len(self._line.shas) - 1
        while first < last:
            middle = (first + last) // 2
            if self._workspace.git.contains(self._line.shas[middle], commit):
                last = middle
            else:
                first = middle + 1
        return first


@dataclass(frozen=True, slots=True)
class _AcknowledgingCommit:
    """A commit with an acknowledgement, as the gate `approvals` sees a change. `merged_as` is the
    commit that brought it to the main line."""

    line: Acknowledgement
    merged_as: str
    workspace: Workspace
    evidence: WorkspaceEvidence

    @property
    def making_commit(self) -> str | None:
        return self.merged_as

    @property
    def is_merged(self) -> bool:
        return True

    def approvals(self) -> Approvals | None:
        """The approvals that were given to a head which had the line: what somebody types when
        merging counts for nothing. Raises Unreadable."""
        approved = self.evidence.approvals(self._commit, self.workspace.registry.policy_path)
        if approved is None or approved.pull_request is None:
            return approved
        carriers = {
            person
            for message in approved.messages
            if self._has_line(message.text)
            for person in message.approved_by
        }
        counted = tuple(person for person in approved.by if person in carriers)
        reasons = approved.not_counted
        if approved.by and not counted:
            reasons = (f"no commit of #{approved.pull_request} that was approved has its line",)
        return replace(approved, by=counted, not_counted=reasons, reviewed=None)

    def claims(self) -> Approvals:
        return self.evidence.claims(self._commit)

    def differs_from(self, reviewed: Reviewed) -> str | None:
        return None

    @property
    def _commit(self) -> Commit:
        return Commit(self.merged_as, self.line.at, self.line.author, "")

    def _has_line(self, text: str) -> bool:
        return any(
            (stated.digest, stated.reason) == (self.line.digest, self.line.reason)
            for stated in acknowledgements(text, "", "", "")
        )
