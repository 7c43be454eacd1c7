"""GraphQL's answers in the form of the REST API, which the rest of this package reads.

Whatever the two APIs may show differently is left to REST: functions return None for it. That is
an account that GraphQL does not name, or a bot, in a place where it decides who may approve; and a
list that goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BOT = "[bot]"
_Form = dict[str, Any]
_NEEDED = ("number", "url", "state", "createdAt", "headRefName", "headRefOid", "baseRefName")
"""What each pull request has. GitHub promises these fields, and a proxy may not."""


def nodes(connection: Mapping[str, Any]) -> list[Any] | None:
    """All entries of a list; None if there are more on other pages."""
    return None if connection["pageInfo"]["hasNextPage"] else list(connection["nodes"])


def account(actor: Mapping[str, Any] | None) -> _Form | None:
    """An account. REST adds `[bot]` to the name of a bot. Raises ValueError if it has no name."""
    if actor is None:
        return None
    kind, login = actor["__typename"], actor["login"]
    if login is None:
        raise ValueError("an account without a login")
    if kind == "Bot":
        login = login.removesuffix(_BOT) + _BOT
    form = {"login": login, "type": kind, "id": actor.get("databaseId")}
    return form | ({"email": actor["email"] or None} if "email" in actor else {})


def pull_request(answer: Mapping[str, Any], repository_url: str) -> _Form | None:
    """A pull request of a person, from a repository that is still there."""
    if any(answer[field] is None for field in _NEEDED):
        return None
    opener, merger = account(answer["author"]), account(answer["mergedBy"])
    head, base = answer["headRepository"], answer["baseRepository"]
    is_merged = answer["mergedAt"] is not None
    if opener is None or opener["type"] != "User" or head is None or base is None:
        return None
    if is_merged and (merger is None or answer["mergeCommit"] is None):
        return None
    number = answer["number"]
    return {
        "number": number,
        "title": answer["title"],
        "body": answer["body"],
        "state": "open" if answer["state"] == "OPEN" else "closed",
        "url": f"{repository_url}/pulls/{number}",
        "html_url": answer["url"],
        "user": opener,
        "created_at": answer["createdAt"],
        "merged_at": answer["mergedAt"],
        "merged_by": merger,
        "merge_commit_sha": answer["mergeCommit"]["oid"] if is_merged else None,
        "head": {
            "ref": answer["headRefName"],
            "sha": answer["headRefOid"],
            "repo": {"full_name": head["nameWithOwner"]},
        },
        "base": {"ref": answer["baseRefName"], "repo": {"full_name": base["nameWithOwner"]}},
    }


def commits(answer: Mapping[str, Any]) -> list[_Form] | None:
    """The commits of a pull request, oldest first, if GitHub knows a person behind each."""
    listed = nodes(answer["commits"])
    forms = [_commit(node["commit"]) for node in listed or ()]
    complete = [form for form in forms if form is not None]
    return complete if complete and len(complete) == len(forms) else None


def _commit(answer: Mapping[str, Any]) -> _Form | None:
    signatures = {role: answer[role] for role in ("author", "committer")}
    people = {role: _person(signature) for role, signature in signatures.items()}
    if answer["oid"] is None or None in people.values():
        return None
    details: _Form = {"message": answer["message"]}
    for role, signature in signatures.items():
        details[role] = {field: signature[field] for field in ("name", "email", "date")}
    parents = [{"sha": parent["oid"]} for parent in answer["parents"]["nodes"]]
    return {"sha": answer["oid"], "commit": details, "parents": parents, **people}


def _person(signature: Mapping[str, Any] | None) -> _Form | None:
    user = (signature or {}).get("user")
    if user is None or user["login"].endswith(_BOT):
        return None
    return {"login": user["login"], "type": "User", "id": user["databaseId"]}


def reviews(answer: Mapping[str, Any]) -> list[_Form] | None:
    """The reviews of a pull request, oldest first, if each has an author, a state and a commit."""
    listed = nodes(answer["reviews"])
    if listed is None or not all(
        node["author"] and node["state"] and node["commit"] and node["commit"]["oid"]
        for node in listed
    ):
        return None
    return [
        {
            "id": node["databaseId"],
            "state": node["state"],
            "body": node["body"],
            "submitted_at": node["submittedAt"],
            "commit_id": node["commit"]["oid"],
            "user": account(node["author"]),
        }
        for node in listed
    ]


def comments(answer: Mapping[str, Any], repository_url: str) -> list[_Form] | None:
    """The comments of a pull request, oldest first."""
    listed = nodes(answer["comments"])
    if listed is None:
        return None
    return [
        {
            "id": node["databaseId"],
            "body": node["body"],
            "html_url": node["url"],
            "url": f"{repository_url}/issues/comments/{node['databaseId']}",
            "user": account(node["author"]),
        }
        for node in listed
    ]
