"""Whether a principal of `allowed_signers` stands for a person whom a commit or a receipt names."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.signers import names_person

ALICE = "Alice <alice@example.org>"


@pytest.mark.parametrize(
    ("principal", "claimed"),
    [
        ("alice@example.org", ALICE),
        ("Alice@Example.org", ALICE),
        ("bob@example.org,alice@example.org", ALICE),
        ("*@example.org", ALICE),
        ("alice", "A <12+alice@users.noreply.github.com>"),
        ("@alice", "@alice"),
    ],
)
def test_the_same_person(principal: str, claimed: str) -> None:
    assert names_person(principal, claimed)


@pytest.mark.parametrize(
    ("principal", "claimed"),
    [
        ("bob@example.org", ALICE),
        ("alice", ALICE),
        ("", ALICE),
        ("alice@example.org", "alice@example.org <bob@example.org>"),
        ("@bob", "@alice"),
        ("alice", "A <12+bob@users.noreply.github.com>"),
    ],
)
def test_another_person(principal: str, claimed: str) -> None:
    assert not names_person(principal, claimed)
