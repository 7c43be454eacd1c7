"""`from` (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.gates import Finding, climbs_from
from tests.support.core.subjects import NOW, commit, subject

MERGED = commit("2026-03-09T11:00:00Z", 3)
HELD = {"gitops.held.Staging": f"{MERGED.sha}@2026-03-09T12:00:00Z"}


def test_from_a_stage_that_a_reconcile_put_it_in() -> None:
    assert climbs_from.ask(subject(stays={"Staging": MERGED}, tags=HELD), ("Staging",)) == Finding(
        "passed", "from Staging"
    )


@pytest.mark.parametrize(
    ("stays", "tags", "detail"),
    [
        ({}, HELD, "14 was not in Staging before"),
        ({"Archived": MERGED}, HELD, "14 was not in Staging before"),
        ({"Staging": MERGED}, {}, "no reconcile has put 14 in Staging yet"),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": "by hand"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": "abc@yesterday"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": f"@{NOW}"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Staging": f"abc@x@{NOW}"},
            "no reconcile has put 14 in Staging yet",
        ),
        (
            {"Staging": MERGED},
            {"gitops.held.Canary": HELD["gitops.held.Staging"]},
            "no reconcile has put 14",
        ),
    ],
)
def test_from_nowhere(stays: dict[str, object], tags: dict[str, str], detail: str) -> None:
    found = climbs_from.ask(subject(stays=stays, tags=tags), ("Staging",))  # type: ignore[arg-type]
    assert found.status == "failed" and found.detail.startswith(detail)


def test_any_of_several_stages_will_do() -> None:
    found = climbs_from.ask(
        subject(stays={"Canary": MERGED}, tags={"gitops.held.Canary": "a@" + NOW}),
        ("Staging", "Canary"),
    )
    assert found == Finding("passed", "from Canary")
    found = climbs_from.ask(subject(), ("Staging", "Canary"))
    assert found.detail == "14 was not in Staging or Canary before"
