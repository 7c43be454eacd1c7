"""Ask every gate of every entry, and say what stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlflow_gitops.core.gates import promotion_path, recorded_values
from mlflow_gitops.core.gates.overrides import Override, overrides
from mlflow_gitops.core.gates.signature import signature
from mlflow_gitops.core.gates.subject import Finding, Gate, Subject, failed
from mlflow_gitops.core.gates.verdict import Refusal, Verdict
from mlflow_gitops.core.history.approvals import Approvals
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.gate_settings import Requirements
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.recorded import ModelFile, Record, Unreadable
from mlflow_gitops.core.wording import and_list, or_list

_NOT_OF_PROMPTS = frozenset({"metrics", "no_worse_than", "signature"})
_NOT_FOR_ROLLBACKS = frozenset({"from", "soak", "no_worse_than", "signature"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where gates get what neither git's manifests nor the registry's listing holds. See Subject
    for what each gives.

    `origin` gives a version of another environment as that one's MLflow shows it, None where it has
    none, and raises Unreadable. `messages` gives the commit messages that speak for a commit's
    change of a file; `approvals` what GitHub knows of a commit's approvals, None where it is not
    asked; `claims` what the commit's own messages say. The defaults know nothing.
    """

    read: Callable[[ObservedVersion], Record | None] = lambda version: None
    read_file: Callable[[str, ObservedVersion], ModelFile | None] = lambda model, version: None
    origin: Callable[[OriginPin], ObservedVersion | None] = lambda pin: None
    messages: Callable[[Commit, str], Iterable[str]] = lambda commit, file: ()
    approvals: Callable[[Commit, str], Approvals | None] = lambda commit, file: None
    claims: Callable[[Commit], Approvals] = lambda commit: Approvals()
    merged: Callable[[Commit], bool] = lambda commit: True
    plugins: Callable[[], Mapping[str, Gate]] = dict


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on a model's entries, what they refuse, until when they defer, and what else is
    to be told."""

    verdicts: tuple[Verdict, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    deferred: str | None = None
    notes: tuple[str, ...] = ()


def judge(
    history: ModelHistory, seen: ObservedModel, evidence: Evidence, now: str, *, writing: bool
) -> Judgement:
    """Judge every entry by the policy before its making commit. With `writing`, an approval that is
    still waited for refuses: only merged commits are written."""
    verdicts: list[Verdict] = []
    refusals: list[Refusal] = []
    notes: list[str] = []
    waits: list[str] = []
    asked_of: dict[Commit | None, set[str]] = {}
    for entry in history.entries:
        asked_of.setdefault(entry.made, set()).update(_asked(entry).gates)
    for subject in _subjects(history, seen, evidence, now):
        entry, judges = subject.entry, subject.entry.judge
        asked = _asked(entry)
        if not asked.gates:
            continue
        if history.base_state == "none" and _shown(history, seen, entry.stage, entry.version):
            found = [
                (gate, Finding("exempt", "adopted: MLflow shows it already"))
                for gate in asked.gates
            ]
        else:
            back = HELD_PREFIX + entry.stage in subject.version.tags
            found = list(_ask(asked, subject, evidence, back=back))
            stated = _stated(subject, history, evidence)
            found = list(
                _overridden(found, stated, judges.overrides, notes, subject, asked_of[entry.made])
            )
        here = [
            Verdict(entry.stage, entry.version, gate, f.status, f.detail, f.until, f.needs)
            for gate, f in found
        ]
        verdicts += here
        stopping = [v for v in here if _stops(v, writing=writing)]
        if stopping:
            refusals.append(_refusal(stopping, judges.overrides))
        waits += [v.until for v in here if v.status == "waiting" and v.until]
    return Judgement(
        tuple(verdicts), tuple(refusals), max(waits, default=None), tuple(dict.fromkeys(notes))
    )


def _asked(entry: Entry) -> Requirements:
    """What its judge asks of an entry; nothing of a stage that the judge does not know."""
    rule = entry.judge.stages.get(entry.stage)
    return rule.asks if rule else Requirements()


def _subjects(
    history: ModelHistory, seen: ObservedModel, evidence: Evidence, now: str
) -> Iterator[Subject]:
    target = history.target
    if target is None:
        return
    name = target.manifest.name

    def holder(stage: str) -> int | None:
        """By git, which says who is served: a click in MLflow must not change with whom one is
        compared."""
        if history.base_state == "known":
            return max(history.before.holders(stage), default=None) if history.before else None
        return max(_holding(history, seen, stage), default=None)

    for entry in history.entries:
        made = entry.made
        file = next(iter(history.files(made)), "") if made else ""
        yield Subject(
            model=name,
            entry=entry,
            seen=seen,
            spec=target.manifest.versions.get(entry.version),
            holder=holder,
            read=evidence.read,
            read_file=lambda version: evidence.read_file(name, version),
            approvals=lambda made=made, file=file: evidence.approvals(made, file) if made else None,  # type: ignore[misc]
            claims=lambda made=made: evidence.claims(made) if made else Approvals(),  # type: ignore[misc]
            merged=made is not None and evidence.merged(made),
            now=now,
            origin=evidence.origin,
        )


def _holding(history: ModelHistory, seen: ObservedModel, stage: str) -> tuple[int, ...]:
    """The versions that MLflow shows in a stage, or behind the alias of one of the team's own."""
    rule = history.target.policy.stages.get(stage) if history.target else None
    if rule is None or rule.native:
        return seen.holders(stage)
    number = seen.aliases.get(rule.alias or "")
    return (number,) if number is not None else ()


def _shown(history: ModelHistory, seen: ObservedModel, stage: str, version: int) -> bool:
    return version in _holding(history, seen, stage)


def _ask(
    asked: Requirements, subject: Subject, evidence: Evidence, *, back: bool
) -> Iterator[tuple[str, Finding]]:
    for gate, question in _questions(asked, subject):
        if back and gate in _NOT_FOR_ROLLBACKS:
            yield (
                gate,
                Finding("exempt", f"rollback: {subject.number} held {subject.entry.stage} before"),
            )
            continue
        if subject.seen.is_prompt and gate in _NOT_OF_PROMPTS:
            yield (
                gate,
                failed(
                    f"a prompt has nothing for {gate} to judge; an exception of the policy can take"
                    " it away"
                ),
            )
            continue
        try:
            answer = question()
            yield from (
                (gate, one) for one in ([answer] if isinstance(answer, Finding) else answer)
            )
        except Unreadable as reason:
            yield gate, Finding("unknown", f"{gate} cannot be judged: {reason}")
    known = evidence.plugins() if asked.plugins else {}
    for gate, settings in sorted(asked.plugins.items()):
        yield from ((gate, one) for one in _plugin(gate, known.get(gate), subject, settings))


def _questions(
    asked: Requirements, subject: Subject
) -> Iterator[tuple[str, Callable[[], Finding | Iterable[Finding]]]]:
    if asked.climbs_from:
        yield "from", lambda: promotion_path.climbs_from(subject, asked.climbs_from)
    if (soak := asked.soak) is not None:
        yield "soak", lambda: promotion_path.soak(subject, soak, asked.climbs_from)
    if asked.approvals:
        yield (
            "approvals",
            lambda: promotion_path.approvals(subject, asked.approvals, asked.approvals_from),
        )
    if (status := asked.status) is not None:
        yield "status", lambda: recorded_values.status(subject, status)
    if asked.pinned:
        yield "pinned", lambda: recorded_values.pinned(subject)
    if asked.tags:
        yield "tags", lambda: recorded_values.tags(subject, asked.tags)
    if asked.metrics:
        yield "metrics", lambda: recorded_values.metrics(subject, asked.metrics)
    if (worse := asked.no_worse_than) is not None:
        yield "no_worse_than", lambda: recorded_values.no_worse_than(subject, worse)
    if asked.signature:
        yield "signature", lambda: signature(subject)


def _plugin(name: str, gate: Gate | None, subject: Subject, settings: Any) -> list[Finding]:
    """What another package's gate says. One that is missing, says nothing or breaks has not passed."""
    if gate is None:
        return [Finding("failed", f"the gate {name} is not installed here")]
    try:
        answer = gate(subject, settings)
        found = [answer] if isinstance(answer, Finding) else list(answer)
    except Unreadable as reason:
        return [Finding("unknown", f"{name} cannot be judged: {reason}")]
    except Exception as error:  # whatever somebody else's code may raise
        return [Finding("failed", f"the gate {name} broke: {type(error).__name__}: {error}")]
    if not found or not all(isinstance(one, Finding) for one in found):
        return [Finding("failed", f"the gate {name} gave no finding")]
    return found


def _stated(subject: Subject, history: ModelHistory, evidence: Evidence) -> list[Override]:
    if (made := subject.entry.made) is None:
        return []
    stated = overrides(
        message for file in history.files(made) for message in evidence.messages(made, file)
    )
    return [one for one in stated if one.means(subject.model, subject.entry.stage)]


def _overridden(
    found: Sequence[tuple[str, Finding]],
    stated: Sequence[Override],
    allowed: frozenset[str],
    notes: list[str],
    subject: Subject,
    meant: Collection[str],
) -> Iterator[tuple[str, Finding]]:
    """The findings, with those that an override takes the place of. A line that cannot do that is
    told in `notes`, unless it names no stage and may mean another entry of the commit: `meant` are
    the gates of all of them."""
    reasons: dict[str, str] = {}
    for line in stated:
        if not line.reason:
            notes.append(f"Gate-Override of {line.gate} is ignored: it gives no reason")
        elif line.gate not in allowed:
            notes.append(
                f"Gate-Override of {line.gate} is ignored: the policy does not let it be overridden"
            )
        else:
            reasons.setdefault(line.gate, line.reason)
    for gate, finding in found:
        if gate in reasons and finding.status in ("failed", "waiting", "unknown"):
            detail = f"{finding.detail}, overridden: {reasons[gate]}"
            yield gate, replace(finding, status="overridden", detail=detail, until=None, needs=None)
        else:
            yield gate, finding
    elsewhere = {line.gate for line in stated if line.stage is None and line.gate in meant}
    for gate in sorted(reasons.keys() - {gate for gate, _ in found} - elsewhere):
        notes.append(f"Gate-Override of {gate} is ignored: {subject.entry.stage} has no such gate")


def _stops(verdict: Verdict, *, writing: bool) -> bool:
    if verdict.status == "waiting":
        return writing and verdict.needs is not None
    return verdict.status in ("failed", "unknown")


def _refusal(stopping: Sequence[Verdict], allowed: frozenset[str]) -> Refusal:
    first = stopping[0]
    gates = list(dict.fromkeys(verdict.gate for verdict in stopping))
    said = "; ".join(verdict.detail for verdict in stopping)
    firm = [gate for gate in gates if gate not in allowed]
    if not firm:
        lines = and_list([f"`Gate-Override: {gate}: reason`" for gate in gates])
        way = f"meet the gate, or promote it in a commit whose message says {lines}"
    else:
        what = "the gate" if len(gates) == 1 else "the gates"
        way = f"meet {what}; the policy does not allow overriding {or_list(firm)}"
    return Refusal("gate", f"{first.version} may not enter {first.stage}: {said}", way, "commit")
