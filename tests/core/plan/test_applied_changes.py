"""What a command that deploys models gets of a reconcile."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.plan.applied_changes import applied_changes
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change
from tests.support.core.one_model import make_desired

DIGEST = "sha256:" + "ab" * 32
PIN = f'versions: {{2: {{run_id: r2, digest: "{DIGEST}"}}}}'
CANARY = "stages: {Canary: {alias: canary, native: false}}"


def move(version: int, before: str, after: str) -> Change:
    return Change("transition", version, None, before, after, "commit", True)


def changes(outcome: Outcome, body: str, policy: str = "") -> list[tuple[str, int | None]]:
    desired = {"m": make_desired(body, policy)}
    found = applied_changes([outcome], desired, "c" * 40, None, None)
    return [(change.stage, change.version) for change in found]


def test_an_entry_has_everything_that_git_pins() -> None:
    outcome = Outcome("m", "applied", entered=(("Production", 2),))
    desired = {"m": make_desired(f"stages: {{Production: 2}}\n{PIN}")}
    [change] = applied_changes([outcome], desired, "c" * 40, "prod", "f" * 64)
    assert (change.uri, change.digest, change.run_id) == ("models:/m/2", DIGEST, "r2")
    assert (change.commit, change.environment, change.receipt) == ("c" * 40, "prod", "f" * 64)


@pytest.mark.parametrize(
    ("outcome", "body", "policy", "expected"),
    [
        (
            Outcome(
                "m",
                "applied",
                (move(2, "None", "Production"), move(1, "Production", "Archived")),
                entered=(("Production", 2),),
            ),
            "stages: {Production: 2}",
            "",
            [("Production", 2)],
        ),
        (
            Outcome("m", "applied", (move(1, "Production", "Archived"),)),
            "stages: {Production: null}",
            "",
            [("Production", None)],
        ),
        (
            Outcome("m", "applied", (move(1, "Production", "Archived"),)),
            "stages: {Production: [2]}",
            "",
            [],
        ),
        (
            Outcome("m", "failed", (move(1, "Production", "Archived"),)),
            "stages: {Production: null}",
            "",
            [],
        ),
        (
            Outcome(
                "m", "applied", (Change("delete_alias", None, "canary", 1, None, "commit", True),)
            ),
            "stages: {Canary: null}",
            CANARY,
            [("Canary", None)],
        ),
        (Outcome("m", "unchanged"), "stages: {Production: 2}", "", []),
    ],
    ids=["handed over", "emptied", "another holder", "failed", "own stage", "nothing"],
)
def test_stages_that_changed_hands(
    outcome: Outcome, body: str, policy: str, expected: list[tuple[str, int | None]]
) -> None:
    assert changes(outcome, body, policy) == expected
