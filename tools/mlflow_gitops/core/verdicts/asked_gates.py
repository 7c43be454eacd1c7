"""Which gates an entry is asked: those of every policy that judges it, by the stage's name and by
its alias (RULES R3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.gates.stage_gates import StageGates
from mlflow_gitops.core.gates.table import GATE_NAMES
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.policy import ModelPolicy, StageRule


@dataclass(frozen=True, slots=True)
class AskedGate:
    """One gate with the settings of one judge."""

    name: str
    settings: Any
    is_plugin: bool = False


def asked_gates(entry: Entry) -> list[AskedGate]:
    """Every gate that a judge asks of an entry, in the order in which a plan shows gates. Equal
    settings are asked once. A version that leaves a protected stage is asked approvals alone."""
    rules = [rule for policy in entry.judges for rule in judging_rules(policy, entry)]
    if entry.kind == "exit":
        required = [r.gates.settings(approvals.GATE) for r in rules if r.protected]
        return _distinct(AskedGate("approvals", one) for one in required if one is not None)
    return _distinct(_in_order([rule.gates for rule in rules]))


def judging_rules(policy: ModelPolicy, entry: Entry) -> list[StageRule]:
    """The rules of the stages that a judge sees in an entry: the stage of that name, and the stage
    that the alias belongs to."""
    stages = [entry.stage]
    if entry.alias is not None:
        by_alias = policy.gated_aliases.get(entry.alias.lower())
        if entry.kind == "alias" or (entry.kind == "exit" and by_alias != entry.stage):
            stages = []
        if by_alias is not None:
            stages.append(by_alias)
    return [policy.stages[stage] for stage in dict.fromkeys(stages) if stage in policy.stages]


def is_new_stage(entry: Entry) -> bool:
    """Whether a judge does not have the stage that the entry gives a version."""
    return entry.kind == "stage" and any(
        entry.stage not in policy.stages for policy in entry.judges
    )


def allowed_overrides(entry: Entry) -> frozenset[str]:
    """The gates that a commit may override: every judge that asks for the gate allows it."""
    allowed = frozenset.union(*(policy.overrides for policy in entry.judges))
    for policy in entry.judges:
        asked = {name for rule in judging_rules(policy, entry) for name in rule.gates.names}
        allowed -= asked - policy.overrides
    return allowed


def _in_order(gates: Sequence[StageGates]) -> Iterator[AskedGate]:
    for name in GATE_NAMES:
        for stage_gates in gates:
            if name in stage_gates.built_in:
                yield AskedGate(name, stage_gates.built_in[name])

    for name in sorted({name for stage_gates in gates for name in stage_gates.plugins}):
        for stage_gates in gates:
            if name in stage_gates.plugins:
                yield AskedGate(name, stage_gates.plugins[name], is_plugin=True)


def _distinct(gates: Iterable[AskedGate]) -> list[AskedGate]:
    distinct: list[AskedGate] = []
    for gate in gates:
        if gate not in distinct:
            distinct.append(gate)
    return distinct
