"""The GraphQL API of the GitHub of the tests: the part of GitHub's schema that this project asks
for, over the same state as the REST API. A field that the schema does not have is refused, as on
GitHub. Where the environment names GitHub's own public schema, that is used in its place."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.description.checking import GRAPHQL
from tests.support.github.forms import comment_form, commit_form, pull_form, review_form, user_form
from tests.support.github.permissions import may_query
from tests.support.github.wire import Call
from tests.support.github_state import Pull

SCHEMA = """
scalar GitObjectID
scalar DateTime
scalar GitTimestamp
scalar URI
type PageInfo { hasNextPage: Boolean! endCursor: String }
interface Actor { login: String! }
type User implements Actor { login: String! databaseId: Int email: String! }
type Bot implements Actor { login: String! databaseId: Int }
type GitActor { name: String email: String date: GitTimestamp user: User }
interface GitObject { oid: GitObjectID! }
type Commit implements GitObject {
  oid: GitObjectID! message: String! author: GitActor committer: GitActor
  parents(first: Int): CommitConnection!
  associatedPullRequests(first: Int): PullRequestConnection
}
type CommitConnection { nodes: [Commit] pageInfo: PageInfo! }
type PullRequestCommit { commit: Commit! }
type PullRequestCommitConnection { nodes: [PullRequestCommit] pageInfo: PageInfo! }
type PullRequestReview {
  databaseId: Int state: String! body: String! submittedAt: DateTime commit: Commit author: Actor
}
type PullRequestReviewConnection { nodes: [PullRequestReview] pageInfo: PageInfo! }
type IssueComment { databaseId: Int body: String! url: URI! author: Actor }
type IssueCommentConnection { nodes: [IssueComment] pageInfo: PageInfo! }
type PullRequest {
  number: Int! title: String! body: String! url: URI! state: String! createdAt: DateTime!
  mergedAt: DateTime headRefName: String! headRefOid: GitObjectID! baseRefName: String!
  author: Actor mergedBy: Actor mergeCommit: Commit
  headRepository: Repository baseRepository: Repository
  commits(first: Int): PullRequestCommitConnection!
  reviews(first: Int): PullRequestReviewConnection
  comments(first: Int): IssueCommentConnection!
}
type PullRequestConnection { nodes: [PullRequest] pageInfo: PageInfo! }
type Repository { nameWithOwner: String! object(oid: GitObjectID): GitObject }
type Query { viewer: User! repository(owner: String!, name: String!): Repository }
"""


def answer(call: Call) -> dict[str, Any]:
    """Execute the query of a call."""
    from graphql import graphql_sync

    permissions, reads = call.token.permissions, "repository(" in str(call.body.get("query"))
    if permissions is not None and reads and not may_query(permissions):
        error = {"type": "FORBIDDEN", "message": "Resource not accessible by integration"}
        return {"data": {"repository": None}, "errors": [error]}
    root = {"viewer": {"login": call.token.login}, "repository": _Root(call).repository}
    done = graphql_sync(
        schema(os.environ.get(GRAPHQL)),
        str(call.body.get("query")),
        root,
        variable_values=call.body.get("variables") or {},
    )
    for error in done.errors or ():
        call.api.check.refuse(f"POST /graphql: {error.message}")
    formatted: dict[str, Any] = dict(done.formatted)
    return formatted


@cache
def schema(file: str | None) -> Any:
    """GitHub's schema, or the part of it that is defined here."""
    from graphql import build_schema

    if file is None:
        return build_schema(SCHEMA)
    # GitHub's own defines some fields twice, which a strict reader refuses.
    text = Path(file).read_text(encoding="utf-8")
    return build_schema(text, assume_valid=True, assume_valid_sdl=True)


class _Root:
    """What a query starts from. Values are functions where a field has arguments."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def repository(self, info: Any, owner: str, name: str, **options: Any) -> dict[str, Any] | None:
        repo, full = self._call.repo, f"{owner}/{name}"
        if full.lower() not in {repo.full_name.lower(), *repo.former_names}:
            return None
        return {"nameWithOwner": repo.full_name, "object": self._object}

    def _object(self, info: Any, oid: str) -> dict[str, Any] | None:
        if not self._call.repo.tip(f"{oid}^{{commit}}"):
            return None
        return {
            **self._commit(oid),
            "associatedPullRequests": lambda info, first, **options: _page(
                [self._pull(pull) for pull in self._associated(oid)], first
            ),
        }

    def _associated(self, sha: str) -> list[Pull]:
        from tests.support.github.rest.commits import associated_pulls

        return associated_pulls(self._call, sha)

    def _commit(self, sha: str) -> dict[str, Any]:
        form = commit_form(self._call, sha)
        parents = [{"oid": parent["sha"]} for parent in form["parents"]]
        people = {
            role: {**form["commit"][role], "user": _user(form[role])}
            for role in ("author", "committer")
        }
        return {
            "__typename": "Commit",
            "oid": form["sha"],
            "message": form["commit"]["message"],
            "parents": lambda info, first, **options: _page(parents, first),
            **people,
        }

    def _actor(self, login: str | None) -> dict[str, Any] | None:
        form = user_form(self._call.repo, login)
        if form is None:
            return None
        user = self._call.repo.users.get(form["login"].lower())
        if user is None:  # an account that is gone
            return None
        return {
            "__typename": form["type"],
            "login": form["login"].removesuffix("[bot]"),
            "databaseId": form["id"],
            "email": user.email or "",
        }

    def _pull(self, pull: Pull) -> dict[str, Any]:
        call = self._call
        form = pull_form(call, pull, whole=True)
        state = "MERGED" if pull.merged_at else pull.state.upper()
        return {
            **{field: form[field] for field in ("number", "title")},
            "body": form["body"] or "",
            "url": form["html_url"],
            "state": state,
            "createdAt": form["created_at"],
            "mergedAt": form["merged_at"],
            "author": self._actor(pull.user),
            "mergedBy": self._actor(pull.merged_by),
            "mergeCommit": {"oid": pull.merge_commit} if pull.merge_commit else None,
            "headRefName": pull.head_ref,
            "headRefOid": pull.head,
            "baseRefName": pull.base_ref,
            "headRepository": {"nameWithOwner": form["head"]["repo"]["full_name"]},
            "baseRepository": {"nameWithOwner": form["base"]["repo"]["full_name"]},
            "commits": lambda info, first, **options: _page(
                [{"commit": self._commit(sha)} for sha in pull.commits], first
            ),
            "reviews": lambda info, first, **options: _page(
                [self._review(review_form(call, pull, review)) for review in pull.reviews], first
            ),
            "comments": lambda info, first, **options: _page(
                [
                    self._comment(comment_form(call, pull.number, comment))
                    for comment in pull.comments
                ],
                first,
            ),
        }

    def _review(self, form: dict[str, Any]) -> dict[str, Any]:
        return {
            "databaseId": form["id"],
            "state": form["state"],
            "body": form["body"],
            "submittedAt": form.get("submitted_at"),
            "commit": {"oid": form["commit_id"]} if form["commit_id"] else None,
            "author": self._actor(form["user"]["login"] if form["user"] else None),
        }

    def _comment(self, form: dict[str, Any]) -> dict[str, Any]:
        return {
            "databaseId": form["id"],
            "body": form["body"],
            "url": form["html_url"],
            "author": self._actor(form["user"]["login"]),
        }


def _user(form: dict[str, Any] | None) -> dict[str, Any] | None:
    return form and {"login": form["login"], "databaseId": form["id"], "email": ""}


def _page(items: list[Any], first: int) -> dict[str, Any]:
    return {"nodes": items[:first], "pageInfo": {"hasNextPage": len(items) > first}}
