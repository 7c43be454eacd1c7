"""The table of gates: each module beside it that has a gate is in it, under the gate's own name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from mlflow_gitops.core import gates
from mlflow_gitops.core.gates.gate import Gate
from mlflow_gitops.core.gates.table import GATE_NAMES, built_in_gate


def test_every_gate_is_in_the_table_under_its_own_name() -> None:
    assert [built_in_gate(name).name for name in GATE_NAMES] == list(GATE_NAMES)

    folder = Path(next(iter(gates.__path__)))
    files = (file.relative_to(folder).with_suffix("") for file in folder.rglob("[a-z]*.py"))
    names = (".".join((gates.__name__, *file.parts)) for file in files)
    found = (getattr(import_module(name), "GATE", None) for name in names)
    assert {gate.name for gate in found if isinstance(gate, Gate)} == set(GATE_NAMES)
