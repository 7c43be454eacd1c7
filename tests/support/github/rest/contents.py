"""The repository: its branches, files and git objects."""

from __future__ import annotations

from typing import Any

from tests.support.github.forms import (
    blob_form,
    commit_form,
    file_form,
    full_repository_form,
    html,
    url,
)
from tests.support.github.wire import Call, route
from tests.support.github_state import Refused


@route("GET", "{repo}")
def _get_repository(call: Call) -> Any:
    return full_repository_form(call)


@route("GET", "{repo}/contents/{path+}")
def _contents(call: Call, path: str) -> Any:
    ref = call.query.get("ref", call.repo.branch)
    if not call.repo.tip(f"{ref}^{{commit}}"):
        raise Refused(404, f"No commit found for the ref {ref}")
    found = call.repo.git("ls-tree", ref, "--", path).split(None, 3)
    if len(found) < 4:
        raise Refused(404, "Not Found")
    _, kind, sha, _ = found
    if kind != "blob":
        return []
    return file_form(call, path, ref, sha)


@route("GET", "{repo}/git/trees/{sha}")
def _tree(call: Call, sha: str) -> Any:
    if not call.repo.tip(f"{sha}^{{tree}}"):
        raise Refused(404, "Not Found")
    listing = call.repo.git(
        "ls-tree", "-z", *(["-r", "-t"] if call.query.get("recursive") else []), sha
    ).split("\0")
    found = [
        (*head.split(), path)
        for head, _, path in (line.partition("\t") for line in listing if line)
    ]
    kinds = ("mode", "type", "sha", "path")
    tree = [
        {**dict(zip(kinds, entry, strict=True)), "url": url(call, f"/git/{entry[1]}s/{entry[2]}")}
        for entry in found
    ]
    size = call.api.largest_tree
    return {
        "sha": sha,
        "url": url(call, f"/git/trees/{sha}"),
        "tree": tree[:size],
        "truncated": len(tree) > size,
    }


@route("GET", "{repo}/git/blobs/{sha}")
def _blob(call: Call, sha: str) -> Any:
    if call.repo.git("cat-file", "-t", sha, check=False) != "blob":
        raise Refused(404, "Not Found")
    return blob_form(call, sha)


@route("GET", "{repo}/branches/{branch}")
def _branch(call: Call, branch: str) -> Any:
    tip = call.repo.tip(f"refs/heads/{branch}")
    if not tip:
        raise Refused(404, "Branch not found")
    is_protected = f"branches/{branch}/protection" in call.repo.settings
    page = url(call, f"/branches/{branch}")
    return {
        "name": branch,
        "commit": commit_form(call, tip),
        "_links": {"self": page, "html": html(call, f"/tree/{branch}")},
        "protected": is_protected,
        "protection": {"enabled": is_protected},
        "protection_url": f"{page}/protection",
    }
