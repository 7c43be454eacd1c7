"""The barest answers that GitHub's description allows: in every answer that decides about
approvals, each optional field is missing once, and each nullable field is null once. No approval
counts because of that, and what cannot be read is a failure in words."""

from __future__ import annotations

import re

import pytest

from mlflow_gitops.errors import ForgeFailure
from tests.support.description import packages
from tests.support.github.bare_answers import Answers
from tests.support.github.desk import Desk
from tests.support.github.review_stories import STORIES, counted

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("bare")]


# Each takes 10 to 35 seconds.
@pytest.mark.parametrize(
    "story",
    [
        pytest.param(story, marks=[] if story == "objected since" else [pytest.mark.weekly])
        for story in STORIES
    ],
)
def test_nobodys_approval_counts_by_what_is_not_there(desk: Desk, story: str) -> None:
    description = packages.rest()
    happen, paths = STORIES[story]
    by = ("@bob",) if story == "approved" else ()
    sha = happen(desk)
    desk.refuse_graphql()
    answers = Answers(desk.api, description)
    assert counted(desk, sha) == by
    bare = [found for found in answers.bare() if re.search(paths, found[0][1])]
    assert bare
    for operation, field in bare:
        answers.make_bare(operation, field)
        try:
            found = counted(desk, sha)
        except ForgeFailure:
            continue  # in words
        assert set(found) <= set(by), (operation, field)
