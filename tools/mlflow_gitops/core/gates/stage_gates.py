"""The gates that the policy asks for before one stage, with their settings (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mlflow_gitops.core.gates.table import GATE_NAMES, built_in_gate

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.gate import Fault, Gate

SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True, slots=True)
class StageGates:
    """The gates of one stage. Both mappings lead from a gate's name to its settings: `built_in` in
    the order of the table, `plugins` with the settings as the policy's YAML has them."""

    built_in: Mapping[str, Any] = field(default_factory=dict)
    plugins: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.built_in or self.plugins)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stage's gates in the order in which a plan shows them."""
        return (*self.built_in, *sorted(self.plugins))

    def settings(self, gate: Gate[SettingsT]) -> SettingsT | None:
        """One built-in gate's settings; None if the stage does not have this gate."""
        return cast("SettingsT | None", self.built_in.get(gate.name))


NO_GATES = StageGates()


def read_stage_gates(rule: Mapping[str, Any], stage: str) -> StageGates:
    """The gates that a stage's rule asks for. Each also reads the stage's name, as `name`. The rule
    has passed the schema and holds no nulls."""
    if not any(rule.values()):
        return NO_GATES

    from mlflow_gitops.core.gates.gate import required  # many stages have no gates

    rule_of_stage = {**rule, "name": stage}
    built_in = {}
    for name in GATE_NAMES:
        if rule.get(name) is not None or required(rule, name) is not None:
            settings = built_in_gate(name).read(rule_of_stage)
            if settings is not None:
                built_in[name] = settings
    return StageGates(built_in, dict(required(rule, "plugins") or {}))


def find_faults(stage: str, gates: StageGates, stages: Collection[str]) -> Iterator[Fault]:
    """What is wrong with the settings of one stage's gates; `stages` are all that there are."""
    from mlflow_gitops.core.gates.gate import Fault

    for name, settings in gates.built_in.items():
        yield from built_in_gate(name).find_faults(settings, stage, stages)

    for name in gates.plugins:
        if name in GATE_NAMES:
            path = ("require", "plugins", name)
            yield Fault(path, "bad-value", f"{name} is a gate of mlflow-gitops itself")
