"""Refusals of entries that gates, or a judge without their stage, keep back."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.wording import and_list, or_list


def new_stage_refusal(entry: Entry) -> Refusal:
    """A stage that the policy before the change does not have has no gates there: nothing could be
    asked."""
    return Refusal(
        "gate",
        f"{entry.version} may not enter {entry.stage}: the policy before this change has no stage"
        f" {entry.stage}",
        "let the policy's change be merged and reconciled first, then name the version in another"
        " change",
        "commit",
        version=entry.version,
        field=entry.stage,
    )


def gate_refusal(
    refusing: Sequence[Verdict], entry: Entry, allowed: frozenset[str], hint: str | None = None
) -> Refusal:
    """What the refusing verdicts of an entry come to; `allowed` are the gates that a commit may
    override. `hint` is a further way out."""
    first = refusing[0]
    gates = list(dict.fromkeys(verdict.gate for verdict in refusing))
    details = "; ".join(verdict.detail for verdict in refusing)
    firm = [gate for gate in gates if gate not in allowed]
    if firm:
        noun = "the gate" if len(gates) == 1 else "the gates"
        way_out = f"meet {noun}; the policy does not allow overriding {or_list(firm)}"
    else:
        lines = and_list([f"`Gate-Override: {gate}: reason`" for gate in gates])
        way_out = f"meet the gate, or promote it in a commit whose message says {lines}"

    if hint is not None:
        way_out = f"{way_out}; {hint}"

    brief = f"{first.version} may not {_move(entry)}"
    detail = f"{brief}: {details}"
    return Refusal("gate", detail, way_out, "commit", version=first.version, brief=brief)


def _move(entry: Entry) -> str:
    """What the entry does with its version, for a sentence: `enter Production`."""
    if entry.kind == "exit":
        return f"leave {entry.stage}"
    if entry.kind == "alias":
        return f"get the alias {entry.alias}, which has the gates of {entry.stage}"
    return f"enter {entry.stage}"
