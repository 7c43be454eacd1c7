"""`from` (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.gates import Finding
from mlflow_gitops.core.gates.lower_stage import climbs_from
from tests.support.core.subjects import NOW, commit, subject

MERGED = commit("2026-03-09T11:00:00Z", 3)
HELD = {"Staging": "2026-03-09T12:00:00Z"}
FORGED = {"gitops.held.Staging": f"{MERGED.sha}@2026-03-09T12:00:00Z"}


def test_from_a_stage_that_a_reconcile_put_it_in() -> None:
    assert climbs_from.ask(
        subject(stays={"Staging": MERGED}, held_since=HELD), ("Staging",)
    ) == Finding("passed", "from Staging")


@pytest.mark.parametrize(
    ("stays", "held", "detail"),
    [
        ({}, HELD, "14 was not in Staging before"),
        ({"Archived": MERGED}, HELD, "14 was not in Staging before"),
        ({"Staging": MERGED}, {}, "no receipt says that a reconcile has put 14 in Staging yet"),
        (
            {"Staging": MERGED},
            {"Canary": HELD["Staging"]},
            "no receipt says that a reconcile has put 14 in Staging yet",
        ),
    ],
)
def test_from_nowhere(stays: dict[str, object], held: dict[str, str], detail: str) -> None:
    climbing = subject(stays=stays, held_since=held, tags=FORGED)  # type: ignore[arg-type]
    finding = climbs_from.ask(climbing, ("Staging",))
    assert finding.status == "failed" and finding.detail.startswith(detail), "a tag proves nothing"


def test_any_of_several_stages_will_do() -> None:
    found = climbs_from.ask(
        subject(stays={"Canary": MERGED}, held_since={"Canary": NOW}),
        ("Staging", "Canary"),
    )
    assert found == Finding("passed", "from Canary")
    found = climbs_from.ask(subject(), ("Staging", "Canary"))
    assert found.detail == "14 was not in Staging or Canary before"
