"""Stories of one pull request: Bob's approval counts in the first, and in none of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.github.desk import FILE, Desk


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


def counted(desk: Desk, sha: str) -> tuple[str, ...]:
    """Whose approval counts; nobody's while somebody objects."""
    approvals = desk.asked().of_merged(sha, FILE)
    return () if approvals.objections else approvals.by
