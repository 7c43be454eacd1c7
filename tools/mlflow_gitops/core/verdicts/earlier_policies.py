"""What a refusal says if an earlier policy asks for the gate, and the newest one does not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.verdicts.asked_gates import asked_gates
from mlflow_gitops.core.wording import and_list


def earlier_policy_hint(refusing: Collection[str], entry: Entry, newest: ModelPolicy) -> str | None:
    """How an entry gets past gates (`refusing`, their names) that only policies before the `newest`
    one ask of it; None if the newest policy asks them, too.

    An entry keeps its judges until it is made anew in a later change (RULES R3).
    """
    asked_now = asked_gates(replace(entry, judge=newest, more_judges=()))
    commits = [
        policy.commit[:7]
        for policy in entry.judges
        if policy.commit is not None
        and any(
            gate.name in refusing and gate not in asked_now
            for gate in asked_gates(replace(entry, judge=policy, more_judges=()))
        )
    ]
    if not commits:
        return None
    return (
        f"the policy of {and_list(list(dict.fromkeys(commits)))} asks this, and not the newest one;"
        " as soon as the newest policy counts, name the version anew in a later change"
    )
