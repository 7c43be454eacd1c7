"""`approvals` (RULES R3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_gitops.core.gates import Finding, approvals
from mlflow_gitops.core.gates.approvals import RequiredApprovals
from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
from mlflow_gitops.core.recorded.values import Unreadable
from tests.support.core.subjects import said, subject

ONE = Approvals(("@one",), ("@two is no person",), 7)


TWO = Approvals(("@one", "@two"), (), 7)


@pytest.mark.parametrize(
    ("about", "wanted", "finding"),
    [
        ({"made": None}, 1, ("waiting", "needs 1 approval of the pull request")),
        ({"merged": False}, 2, ("waiting", "needs 2 approvals of the pull request")),
        (
            {"merged": False, "approved_by": ONE},
            2,
            ("waiting", "needs 2 approvals, has 1: @one, @two is no person"),
        ),
        (
            {"merged": False, "approved_by": ONE},
            1,
            ("waiting", "approved by @one; counts once it is merged"),
        ),
        (
            {"approved_by": None},
            1,
            (
                "unknown",
                (
                    "who approved 0000000 cannot be read: the forge is not configured, and"
                    " mlflow-gitops doctor shows what is missing"
                ),
            ),
        ),
        (
            {"merged": False, "approved_by": TWO},
            2,
            ("waiting", "approved by @one, @two; counts once it is merged"),
        ),
        (
            {"merged": False, "approved_by": Approvals(pull_request=7)},
            1,
            ("waiting", "needs 1 approval, has 0"),
        ),
        (
            {"merged": False, "approved_by": Approvals()},
            1,
            ("waiting", "needs 1 approval of the pull request"),
        ),
        ({"approved_by": TWO}, 2, ("passed", "approved by @one, @two")),
        (
            {"approved_by": replace(ONE, reviewed=Reviewed({"Staging": (14,)}))},
            1,
            ("failed", "the commit that merged #7 puts 14 in Production, which #7 does not"),
        ),
        ({"approved_by": Approvals()}, 1, ("failed", "0 of 1 approval")),
        ({"approved_by": ONE}, 2, ("failed", "1 of 2 approvals: @one, @two is no person")),
        ({"approved_by": ONE}, 1, ("passed", "approved by @one")),
        (
            {"approved_by": replace(ONE, reviewed=Reviewed({"Production": (14,), "Staging": ()}))},
            1,
            ("passed", "approved by @one"),
        ),
        (
            {
                "approved_by": replace(
                    ONE, reviewed=Reviewed({"Production": (13,), "Staging": (14,)})
                )
            },
            1,
            ("failed", "the commit that merged #7 puts 14 in Production, which #7 does not"),
        ),
    ],
)
def test_approvals(about: dict[str, object], wanted: int, finding: tuple[str, str]) -> None:
    assert said(approvals.ask(subject(**about), RequiredApprovals(wanted))) == [finding]  # type: ignore[arg-type]


def test_what_approvals_wait_for_is_told_until_they_are_there() -> None:
    """`needs` is what a plan asks of people; a gate that has answered needs nothing more (DESIGN
    §5)."""
    open_ones: list[dict[str, object]] = [{}, {"approved_by": ONE}, {"approved_by": TWO}]
    for about in open_ones:
        assert (
            approvals.ask(subject(merged=False, **about), RequiredApprovals(2)).needs
            == "2 approvals"
        )  # type: ignore[arg-type]
    assert approvals.ask(subject(approved_by=None), RequiredApprovals(1)).needs == "1 approval"
    assert approvals.ask(subject(approved_by=TWO), RequiredApprovals(2)).needs is None


def test_before_the_merge_what_cannot_be_read_yet_waits() -> None:
    silent = "503 from GitHub"
    found = approvals.ask(subject(merged=False, approvals_unreadable=silent), RequiredApprovals(1))
    assert found == Finding(
        "waiting",
        "needs 1 approval of the pull request (not known yet: 503 from GitHub)",
        needs="1 approval",
    )
    with pytest.raises(Unreadable):
        approvals.ask(subject(approvals_unreadable=silent), RequiredApprovals(1))


def test_before_the_merge_claims_are_looked_for_where_the_policy_believes_them() -> None:
    claims = Approvals(("B <b@example.org>",))
    about = {"merged": False, "claims": claims, "approved_by": TWO}
    assert (
        approvals.ask(subject(**about), RequiredApprovals(1, "message")).detail
        == "approved by B <b@example.org>; counts once it is merged"
    )  # type: ignore[arg-type]
    assert (
        approvals.ask(subject(**about), RequiredApprovals(1)).detail
        == "approved by @one, @two; counts once it is merged"
    )  # type: ignore[arg-type]


def test_approvals_that_messages_claim_are_told_as_claims() -> None:
    claims = Approvals(("B Person <b@example.org>",), ("A <a@example.org> took part in making it",))
    found = [
        approvals.ask(subject(claims=claims), RequiredApprovals(wanted, "message"))
        for wanted in (1, 2)
    ]
    assert said(*found) == [
        ("passed", "claimed in the message: approved by B Person <b@example.org>"),
        (
            "failed",
            (
                "claimed in the message: 1 of 2 approvals: B Person <b@example.org>, A"
                " <a@example.org> took part in making it"
            ),
        ),
    ]
    both = approvals.ask(
        subject(claims=Approvals(("B <b@example.org>", "C <c@example.org>"))),
        RequiredApprovals(2, "message"),
    )
    assert both.detail == "claimed in the message: approved by B <b@example.org>, C <c@example.org>"


# -- whose -----------------------------------------------------------------------------------------

TEAMS = {"@acme/validation": ("one", "three"), "@acme/risk": ("two",), "@acme/empty": ()}


def members(team: str) -> tuple[str, ...]:
    if team not in TEAMS:
        raise Unreadable(f"there is no team {team}")
    return TEAMS[team]


@pytest.mark.parametrize(
    ("of", "number", "finding"),
    [
        (("@acme/validation",), 1, ("passed", "approved by @one")),
        (("@ACME/Validation",), 1, ("passed", "approved by @one")),
        (
            ("@acme/validation",),
            2,
            (
                "failed",
                "1 of 2 approvals of @acme/validation: @one, @two is not one of @acme/validation",
            ),
        ),
        (("@acme/validation", "@acme/risk"), 2, ("passed", "approved by @one, @two")),
        (("@acme/validation", "@Two"), 2, ("passed", "approved by @one, @two")),
        (
            ("@acme/empty",),
            1,
            (
                "failed",
                "0 of 1 approval of @acme/empty: @one is not one of @acme/empty, @two is not one of"
                " @acme/empty",
            ),
        ),
        (
            ("@acme/gone",),
            1,
            ("unknown", "approvals cannot be judged: there is no team @acme/gone"),
        ),
    ],
)
def test_of_teams_and_people(of: tuple[str, ...], number: int, finding: tuple[str, str]) -> None:
    known = replace(TWO, team_members=members)
    required = RequiredApprovals(number, "pull_request", of)
    about = subject(approved_by=known)
    try:
        found = approvals.ask(about, required)
    except Unreadable as reason:
        found = Finding("unknown", f"approvals cannot be judged: {reason}")
    assert (found.status, found.detail) == finding


@pytest.mark.parametrize(
    ("approved", "detail"),
    [
        (None, "needs 1 approval of @acme/risk"),
        (ONE, "needs 1 approval of @acme/risk, has 0: @two is no person, @one is not one of"),
        (Approvals(("@two",), (), 7), "approved by @two; counts once it is merged"),
    ],
)
def test_of_a_team_before_the_merge(approved: Approvals | None, detail: str) -> None:
    known = replace(approved, team_members=members) if approved else None
    required = RequiredApprovals(1, "pull_request", ("@acme/risk",))
    found = approvals.ask(subject(merged=False, approved_by=known), required)
    assert found.status == "waiting" and found.detail.startswith(detail)
    assert found.needs == "1 approval of @acme/risk"


@pytest.mark.parametrize(
    ("required", "path"),
    [
        (RequiredApprovals(1, "message", ("@acme/risk",)), "of"),
        (RequiredApprovals(2, "pull_request", ("@bob",)), "count"),
        (RequiredApprovals(3, "pull_request", ("@bob", "@carol")), "count"),
        (RequiredApprovals(3, "pull_request", ("@bob", "@acme/risk")), None),
        (RequiredApprovals(2, "message"), None),
    ],
)
def test_faults_of_people(required: RequiredApprovals, path: str | None) -> None:
    found = [fault.path[-1] for fault in approvals.find_faults(required, "Production", ())]
    assert found == ([path] if path else [])
