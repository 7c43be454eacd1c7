"""Answers in which one field is null, whether GitHub's descriptions allow that or not: GraphQL's
about approvals, those about comments, issues and proposals, and those that `doctor` reads. What
cannot be known is a failure in words, or does not count."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from mlflow_gitops.edges.github.forge import GitHub
from mlflow_gitops.edges.markers import marker
from mlflow_gitops.errors import ForgeFailure
from tests.support.github.bare_answers import Answers
from tests.support.github.desk import Desk
from tests.support.github.review_stories import STORIES, counted

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("bare")]


@pytest.mark.parametrize(
    "story",
    [
        "objected since",
        pytest.param("approved", marks=pytest.mark.weekly),
        pytest.param("written by the reviewer", marks=pytest.mark.weekly),
    ],
)
def test_nobodys_approval_counts_by_what_graphql_leaves_out(desk: Desk, story: str) -> None:
    by = ("@bob",) if story == "approved" else ()
    sha = STORIES[story][0](desk)
    answers = Answers(desk.api)
    assert counted(desk, sha) == by
    fields = [
        (operation, field) for operation, field in answers.nulls() if operation[1] == "/graphql"
    ]
    assert len(fields) > 30
    for operation, field in fields:
        answers.make_bare(operation, field)
        with suppress(ForgeFailure):  # in words
            assert set(counted(desk, sha)) <= set(by), (operation, field)


@pytest.mark.weekly
def test_no_text_of_others_is_written_to(desk: Desk) -> None:
    """Comments, issues and proposals, each made and then kept up to date."""
    desk.branch("theirs", "two\n")
    desk.branch("ours", "three\n")
    theirs = desk.repo.open_pull("theirs", "Theirs", user="alice", body="by alice")
    copied = desk.repo.comment(theirs.number, "mallory", f"{marker('plan')} copied")

    steps: tuple[Callable[[GitHub], object], ...] = (
        lambda github: github.comment(theirs.number, "plan", "page"),
        lambda github: github.issue("drift", "Drift", "page"),
        lambda github: github.open_pull_request("ours", "Ours", "text", "main"),
        lambda github: github.open_pull_requests("ou", "main"),
        lambda github: github.closed_pull_requests("ours", "main"),
        lambda github: github.set_status(theirs.head, "plan", "success", "0 changes", None),
        lambda github: github.statuses(theirs.head),
        lambda github: github.issue("drift", "Drift", None),
    )
    for step in steps:
        answers = Answers(desk.api)
        step(desk.github())
        for operation, field in answers.nulls():
            answers.make_bare(operation, field)
            with suppress(ForgeFailure):  # in words
                step(desk.github())
            assert copied.body == f"{marker('plan')} copied", (operation, field)
            assert (theirs.title, theirs.body) == ("Theirs", "by alice"), (operation, field)
