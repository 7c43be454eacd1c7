"""`approvals` (RULES R3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_gitops.core.gates import Finding, approvals
from mlflow_gitops.core.gates.approvals import Approvals, RequiredApprovals, Reviewed
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
