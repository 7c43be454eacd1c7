"""Ask every gate about every entry, and collect what refuses or defers the model (RULES R3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.gates.gate import Finding, Gate, failed
from mlflow_gitops.core.gates.table import built_in_gate
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.asked_gates import (
    AskedGate,
    allowed_overrides,
    asked_gates,
    is_new_stage,
)
from mlflow_gitops.core.verdicts.earlier_policies import earlier_policy_hint
from mlflow_gitops.core.verdicts.entry_subject import EntrySubject
from mlflow_gitops.core.verdicts.evidence import Evidence
from mlflow_gitops.core.verdicts.gate_refusals import gate_refusal, new_stage_refusal
from mlflow_gitops.core.verdicts.override_lines import (
    counted_overrides,
    ignored_overrides,
    overridden,
)
from mlflow_gitops.core.verdicts.plugin_answers import is_sound, short_text
from mlflow_gitops.core.verdicts.verdict import (
    ChangeApprovers,
    EntryVerdicts,
    Refusal,
    ReturningVersion,
    Verdict,
)


def judge_entries(
    history: ModelHistory, observed: ObservedModel, evidence: Evidence, now: str, *, writing: bool
) -> EntryVerdicts:
    """Judge every entry by the policies that were in force before the entry's change.

    With `writing`, an approval that is still missing refuses, since only merged commits are
    written. Without a target there are no entries, and nothing is judged.
    """
    if history.target is None:
        return EntryVerdicts()

    verdicts: list[Verdict] = []
    refusals: list[Refusal] = []
    notes: list[str] = []
    returning: list[ReturningVersion] = []
    approvers: ChangeApprovers | None = None
    gates_by_commit = _gates_by_commit(history.entries)

    for entry in history.entries:
        if is_new_stage(entry):
            refusals.append(new_stage_refusal(entry))
            continue
        gates = asked_gates(entry)
        if not gates:
            continue

        subject = EntrySubject(entry, history, observed, evidence, now)
        allowed = allowed_overrides(entry)
        if subject.tenures.is_adopted:
            findings = _ask_gates(gates, subject, exempt=_ADOPTED)
        elif subject.tenures.holds_stage:
            findings = _ask_gates(gates, subject, exempt=_HOLDS_STAGE)
        else:
            notes += _earlier_tenure_notes(subject)
            returning += _returning(subject)
            findings = _ask_gates(gates, subject)

        if _is_judged(findings):
            lines = counted_overrides(subject, gates, allowed)
            commit_gates = gates_by_commit[entry.making_commit]
            notes += ignored_overrides(lines, findings, entry, commit_gates)
            findings = overridden(findings, lines, allowed)

        approvers = approvers or _approvers(gates, subject)
        judged = [_verdict(entry, gate, finding) for gate, finding in findings]
        verdicts += judged
        refusing = [verdict for verdict in judged if _refuses(verdict, writing=writing)]
        if refusing:
            gate_names = {verdict.gate for verdict in refusing}
            hint = earlier_policy_hint(gate_names, entry, history.target.policy)
            refusals.append(gate_refusal(refusing, entry, allowed, hint))

    waits = [v.until for v in verdicts if v.status == "waiting" and v.until]
    return EntryVerdicts(
        tuple(verdicts),
        tuple(refusals),
        max(waits, default=None),
        tuple(dict.fromkeys(notes)),
        tuple(returning),
        approvers,
    )


_ADOPTED = Finding("exempt", "adopted: MLflow shows it already", facts={"exempt": "adopted"})
_HOLDS_STAGE = Finding(
    "exempt", "an alias of a version that is in the stage already", facts={"exempt": "alias"}
)


def _is_judged(findings: Sequence[tuple[str, Finding]]) -> bool:
    """Whether any gate was asked: an entry that is only adopted needs no messages of commits."""
    return any(finding is not _ADOPTED for _, finding in findings)


def _names(gates: Sequence[AskedGate]) -> list[str]:
    return list(dict.fromkeys(gate.name for gate in gates))


def _gates_by_commit(entries: Sequence[Entry]) -> Mapping[Commit | None, Collection[str]]:
    """The names of the gates of all entries that a commit made."""
    gates: dict[Commit | None, set[str]] = {}
    for entry in entries:
        gates.setdefault(entry.making_commit, set()).update(_names(asked_gates(entry)))
    return gates


def _verdict(entry: Entry, gate: str, finding: Finding) -> Verdict:
    return Verdict(
        entry.stage,
        entry.version,
        gate,
        finding.status,
        finding.detail,
        finding.until,
        finding.needs,
        finding.facts,
        tuple(policy.blob for policy in entry.judges if policy.blob is not None),
    )


def _earlier_tenure_notes(subject: EntrySubject) -> Iterator[str]:
    """Why a version that git had in the stage before is judged like a new one."""
    if not subject.tenures.is_declared_before or subject.tenures.is_rollback:
        return

    stage, number, tenure = subject.stage, subject.number, subject.tenures.earlier
    if tenure is None:
        hint = subject.receipts_hint()
        yield (
            f"no receipt here says that a reconcile ever put {number} in {stage}; it is judged like"
            " a new version" + (f" ({hint})" if hint else "")
        )
    elif tenure.ended is not None:
        commit = tenure.ended
        yield (
            f"{number} was rolled back from {stage} on {commit.at} by {commit.sha[:7]}"
            f' "{commit.subject}"; it is judged like a new version'
        )


def _returning(subject: EntrySubject) -> Iterator[ReturningVersion]:
    """The version, if it was rolled back from the stage that it enters."""
    tenure = subject.tenures.earlier
    if tenure is not None and tenure.is_rolled_back and tenure.ended is not None:
        yield ReturningVersion(subject.stage, subject.number, tenure.ended)


def _approvers(gates: Sequence[AskedGate], subject: EntrySubject) -> ChangeApprovers | None:
    """Who approved the change, by the answers that the gate `approvals` got already."""
    required = next((gate.settings for gate in gates if gate.name == approvals.GATE.name), None)
    if required is None:
        return None
    try:
        is_claimed = required.source == "message"
        known = subject.claims() if is_claimed else subject.approvals()
    except Unreadable:
        return None
    return ChangeApprovers(known.by, known.pull_request) if known is not None else None


# -- asking the gates -----------------------------------------------------------------------------


def _ask_gates(
    gates: Sequence[AskedGate], subject: EntrySubject, exempt: Finding | None = None
) -> list[tuple[str, Finding]]:
    """The findings of every gate, each with its gate's name. `exempt` is the finding of every gate
    but `approvals`, which is always asked."""
    findings: list[tuple[str, Finding]] = []
    for gate in gates:
        if exempt is not None and gate.name != approvals.GATE.name:
            answers = [exempt]
        elif gate.is_plugin:
            answers = _ask_plugin(gate.name, subject, gate.settings)
        else:
            answers = _ask(built_in_gate(gate.name), subject, gate.settings)
        findings += ((gate.name, finding) for finding in answers)
    return findings


def _ask(gate: Gate[Any], subject: EntrySubject, settings: Any) -> list[Finding]:
    skipped = _without_asking(gate, subject)
    if skipped is not None:
        return [skipped]

    findings: list[Finding] = []
    try:
        answer = gate.ask(subject, settings)
        if isinstance(answer, Finding):
            return [answer]
        # A gate may read things one by one: what it found before it failed to read is kept.
        findings.extend(answer)
    except Unreadable as reason:
        findings.append(Finding("unknown", f"{gate.name} cannot be judged: {reason}"))
    return findings


def _without_asking(gate: Gate[Any], subject: EntrySubject) -> Finding | None:
    """The finding on a rollback or a prompt that a gate does not judge; None if it is to be
    asked."""
    if subject.tenures.is_rollback and not gate.judges_rollbacks:
        detail = f"rollback: {subject.number} held {subject.stage} before"
        return Finding("exempt", detail, facts={"exempt": "rollback"})
    if subject.is_prompt and not gate.judges_prompts:
        return failed(
            f"a prompt has nothing for {gate.name} to judge; an exception of the policy can take it"
            " away"
        )
    return None


def _ask_plugin(name: str, subject: EntrySubject, settings: Any) -> list[Finding]:
    """The answer of another package's gate. One that is missing, breaks or gives no finding has not
    passed."""
    try:
        gate = subject.evidence.plugin_gate(name)
        if gate is None:
            return [failed(f"the gate {name} is not installed here")]
        skipped = _without_asking(gate, subject)
        if skipped is not None:
            return [skipped]
        answer = gate.ask(subject, settings)
        findings = [answer] if isinstance(answer, Finding) else list(answer)
    except Unreadable as reason:
        return [Finding("unknown", f"{name} cannot be judged: {reason}")]
    except (Exception, SystemExit) as error:  # another package's code may raise anything
        return [failed(f"the gate {name} broke: {type(error).__name__}: {short_text(error)}")]

    if not findings or not all(is_sound(finding) for finding in findings):
        return [failed(f"the gate {name} gave no finding")]
    return findings


# -- refusing -------------------------------------------------------------------------------------


def _refuses(verdict: Verdict, *, writing: bool) -> bool:
    if verdict.status == "waiting":
        return writing and verdict.needs is not None
    return verdict.status in ("failed", "unknown")
