"""The barest answers that GitHub's description allows: in every answer that decides about
approvals, each optional field is missing once, and each nullable field is null once. No approval
counts because of that, and what cannot be read is a failure in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from mlflow_gitops.errors import ForgeFailure
from tests.support.description import packages
from tests.support.description.bare import Bareness, bare_fields
from tests.support.description.operations import Description
from tests.support.github.desk import FILE, Desk

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("bare")]


def merged(desk: Desk) -> str:
    desk.repo.merge(1, "squash", by="carol")
    return desk.pull()


def approved(desk: Desk) -> str:
    """Bob's approval counts."""
    desk.branch("promote", "second\n")
    desk.repo.pushed("promote", "alice")
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "bob")
    return merged(desk)


def pushed_by_the_reviewer(desk: Desk) -> str:
    desk.branch("promote", "second\n")
    desk.repo.pushed("promote", "bob")
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "bob")
    return merged(desk)


def written_by_the_reviewer(desk: Desk) -> str:
    desk.git("checkout", "-q", "-B", "promote", "origin/main")
    desk.commit("second\n", who="bob")
    desk.push("promote")
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "bob")
    return merged(desk)


def dispatched_by_the_reviewer(desk: Desk) -> str:
    desk.branch("promote", "second\n")
    desk.repo.open_pull("promote", user="github-actions[bot]")
    desk.repo.run("promote", "workflow_dispatch", "bob", began=30.0)
    desk.repo.review(1, "bob")
    return merged(desk)


def reviewed_by_a_reader(desk: Desk) -> str:
    desk.branch("promote", "second\n")
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "reader")
    return merged(desk)


def approved_before_the_last_push(desk: Desk) -> str:
    desk.branch("promote", "second\n")
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "bob")
    desk.commit("third\n")
    desk.push("promote")
    return merged(desk)


def objected_since(desk: Desk) -> str:
    desk.branch("promote", "second\n")
    desk.repo.open_pull("promote", user="alice")
    desk.repo.review(1, "bob")
    desk.repo.review(1, "carol", "CHANGES_REQUESTED")
    return merged(desk)


STORIES: Mapping[str, tuple[Callable[[Desk], str], str]] = {
    "approved": (approved, ""),
    "pushed by the reviewer": (pushed_by_the_reviewer, "activity"),
    "written by the reviewer": (written_by_the_reviewer, "commits$|users"),
    "dispatched by the reviewer": (dispatched_by_the_reviewer, "actions|pull_number}$"),
    "reviewed by a reader": (reviewed_by_a_reader, "permission|reviews"),
    "approved before the last push": (approved_before_the_last_push, "reviews|commits$"),
    "objected since": (objected_since, "reviews|permission"),
}
"""What happens, and the paths of the answers that say why an approval does not count."""


@pytest.mark.parametrize("story", STORIES)
def test_nobodys_approval_counts_by_what_is_not_there(desk: Desk, story: str) -> None:
    description = packages.rest()
    happen, paths = STORIES[story]
    by = ("@bob",) if story == "approved" else ()
    sha = happen(desk)
    desk.refuse_graphql()
    answers = Answers(desk, description)
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


def counted(desk: Desk, sha: str) -> tuple[str, ...]:
    """Whose approval counts; nobody's while somebody objects."""
    approvals = desk.asked().of_merged(sha, FILE)
    return () if approvals.objections else approvals.by


class Answers:
    """The answers of a server: they are kept first, and made bare then."""

    def __init__(self, desk: Desk, description: Description) -> None:
        self._description = description
        self._kept: dict[tuple[str, str], Any] = {}
        self._api = desk.api
        desk.api.alter = self._keep

    def _operation(self, method: str, target: str) -> tuple[str, str]:
        path = target.partition("?")[0]
        return method, self._description.template(method, path) or path

    def _keep(self, method: str, target: str, status: int, answer: Any) -> Any:
        if status == 200:
            self._kept[self._operation(method, target)] = answer
        return answer

    def bare(self) -> Iterator[tuple[tuple[str, str], Bareness]]:
        for (method, template), answer in self._kept.items():
            schema = self._description.answer_schema(method, template, 200)
            if schema is not None:
                for field in bare_fields(self._description.schemas, schema, answer):
                    yield (method, template), field

    def make_bare(self, operation: tuple[str, str], field: Bareness) -> None:
        def alter(method: str, target: str, status: int, answer: Any) -> Any:
            is_meant = status == 200 and self._operation(method, target) == operation
            return field.applied(answer) if is_meant else answer

        self._api.alter = alter
