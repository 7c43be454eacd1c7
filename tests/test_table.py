"""The table that `make prove` writes into README.md (`faults/table.py`)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.experiments.table import BEGIN, END, Row, markdown, rows, write


def report(
    test: str, *told: tuple[str, int, int], outcome: str = "passed", when: str = "call"
) -> SimpleNamespace:
    properties = [("experiment", one) for one in told]
    return SimpleNamespace(nodeid=test, outcome=outcome, when=when, user_properties=properties)


def test_cases_are_summed_and_what_failed_is_a_row_of_its_own() -> None:
    found = rows(
        [
            report("tests/faults/test_crash.py::test_killed[promotion]@faults", ("killed", 30, 60)),
            report("tests/faults/test_crash.py::test_killed[cycle]@faults", ("killed", 12, 24)),
            report("tests/faults/test_crash.py::test_killed[chain]@faults", outcome="failed"),
            report("tests/faults/test_guards.py::test_a_guard[one]"),
            report("tests/faults/test_guards.py::test_another"),
            report("tests/faults/test_guards.py::test_another", when="teardown"),
        ]
    )
    guards = "guards from the outside, each with its way out taken"
    assert found == {
        guards: Row(2, 2, 0, "make prove PYTEST_ARGS='-k test_guards'"),
        "killed": Row(42, 84, 0, "make prove PYTEST_ARGS='-k test_killed'"),
        "test_killed[chain]@faults": Row(0, 0, 1, "make prove PYTEST_ARGS='-k test_killed'"),
    }
    lines = markdown(found, "0123456789ab", "30", "5000", 600)
    assert "commit 0123456789ab: 44 cases, 86 runs in 10 minutes" in lines[0]
    assert "| killed | 42 | 42 | 84 | `make prove PYTEST_ARGS='-k test_killed'` |" in lines
    assert any(
        line.startswith("| test_killed[chain]@faults | ? | **1 failed** |") for line in lines
    )


def test_it_stands_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"Before\n{BEGIN}\nold\n{END}\nAfter\n")
    for _ in range(2):
        write(page, ["| new |"])
        assert page.read_text() == f"Before\n{BEGIN}\n\n| new |\n\n{END}\nAfter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no place for the table"):
        write(page, [])
    assert BEGIN in (Path(__file__).parent / "README.md").read_text("utf-8")
