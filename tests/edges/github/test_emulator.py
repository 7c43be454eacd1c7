"""The approval and merge rules once more, against a GitHub that others wrote: the emulator
`myworld`.

It has repositories, pull requests, reviews and merges of its own. What it lacks (the pull requests
of a commit, the commits of a pull request, permissions, trees and blobs) is answered here from its
own state, in GitHub's form.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlflow_gitops.app.approvals import PullRequestApprovals
from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.edges.forge import ClonedMainBranch
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.forge import GitHub
from mlflow_gitops.errors import ForgeFailure

pytestmark = pytest.mark.real

FILE, NAME = "registry/models/fraud.yaml", "acme/models"
MANIFEST = "name: fraud\nstages: {{Production: {}}}\n"
PEOPLE = {"alice": "write", "bob": "write", "carol": "admin", "reader": "read"}


class World:
    """One emulated GitHub with `fraud` 12 in Production, and a server that leads to it."""

    names_heads = False
    """Whether a list of pull requests names the repositories of their heads, as GitHub does."""

    def __init__(self) -> None:
        from myworld.api.http import mint
        from myworld.host import Host

        promote = {"files": {FILE: MANIFEST.format(14)}, "author": "alice", "message": "Promote 14"}
        seed = {
            "viewer": "alice",
            "users": [{"login": login} for login in PEOPLE],
            "repos": [
                {
                    "name": NAME,
                    "files": {FILE: MANIFEST.format(12)},
                    "branches": {"promote": promote},
                }
            ],
        }
        self.host = Host()
        self.github = self.host.create("github", seed)
        self.token = mint(self.host.gateway_secret, instance=self.github.id, kind="github")

    @property
    def repo(self) -> dict[str, Any]:
        found: dict[str, Any] = self.github.state["repos"][NAME]
        return found

    def do(self, who: str, tool: str, **arguments: Any) -> Any:
        """Somebody uses GitHub."""
        owner, name = NAME.split("/")
        done = self.github.call(tool, {"owner": owner, "repo": name, **arguments}, as_=who)
        assert not done.is_error, done.text
        return done.data

    def open(self, branch: str = "promote", who: str = "alice") -> int:
        made = self.do(
            who, "create_pull_request", title=f"Promote by {branch}", head=branch, base="main"
        )
        return int(made["number"])

    def review(self, number: int, who: str, event: str = "APPROVE", **more: Any) -> None:
        self.do(
            who, "create_pull_request_review", pull_number=number, event=event, body="said", **more
        )

    def merge(self, number: int, method: str, who: str = "carol") -> str:
        return str(
            self.do(who, "merge_pull_request", pull_number=number, merge_method=method)["sha"]
        )

    def push(
        self, branch: str, version: int, who: str = "alice", message: str = "More", path: str = FILE
    ) -> str:
        files = [{"path": path, "content": MANIFEST.format(version)}]
        self.do(who, "push_files", branch=branch, message=message, files=files)
        return str(self.repo["branches"][branch])

    def line(self) -> dict[str, int]:
        sha, found = self.repo["branches"]["main"], []
        while sha:
            found.append(sha)
            sha = next(iter(self.repo["commits"][sha]["parents"]), None)
        return {sha: i for i, sha in enumerate(reversed(found))}

    # -- what the emulator lacks -------------------------------------------------------------------

    def missing(self, path: str) -> Any:
        if found := re.fullmatch(r"/commits/(\w+)/pulls", path):
            sha = found[1]
            numbers = [
                n for n, one in self.repo["pulls"].items() if sha == one.get("merge_commit_sha")
            ]
            numbers += [
                n for n in self.repo["pulls"] if n not in numbers and sha in self._commits(n)
            ]
            return [self._pull(number) for number in numbers]
        if found := re.fullmatch(r"/pulls/(\d+)/commits", path):
            return [self._commit(sha) for sha in self._commits(int(found[1]))]
        if found := re.fullmatch(r"/collaborators/(\w+)/permission", path):
            return {"permission": PEOPLE[found[1]], "role_name": PEOPLE[found[1]]}
        if found := re.fullmatch(r"/git/trees/(\w+)", path):
            tree = self.repo["commits"][found[1]]["tree"]
            return {"sha": found[1], "truncated": False, "tree": [
                {"path": file, "mode": "100644", "type": "blob", "sha": blob} for file,
                blob in tree.items()
            ]}  # fmt: skip
        if found := re.fullmatch(r"/git/blobs/(\w+)", path):
            content = self.github.state["blobs"][found[1]].encode()
            return {
                "sha": found[1],
                "encoding": "base64",
                "content": base64.b64encode(content).decode(),
            }
        return None

    def _pull(self, number: int) -> Any:
        pull = self.ask("GET", f"/repos/{NAME}/pulls/{number}", "", b"")[1]
        pull["base"]["repo"] = {"full_name": NAME, "name": "models"}
        return pull

    def _commits(self, number: int) -> list[str]:
        pull = self.repo["pulls"][number]
        seen, found = set(self.line()) - {pull.get("merge_commit_sha")}, []
        waiting = [self.repo["branches"][pull["head"]]]
        while waiting:
            sha = waiting.pop()
            if sha not in seen:
                seen.add(sha)
                found.append(sha)
                waiting += self.repo["commits"][sha]["parents"]
        return found[::-1]

    def _commit(self, sha: str) -> Any:
        told = self.ask("GET", f"/repos/{NAME}/commits/{sha}", "", b"")[1]
        login = self.repo["commits"][sha]["author"].get("login")
        return {**told, "author": {"login": login}, "committer": {"login": login}}

    def ask(
        self, method: str, path: str, query: str, body: bytes, token: str | None = None
    ) -> tuple[int, Any, Any]:
        from myworld.api.http import handle

        headers = {
            "Authorization": f"token {token or self.token}",
            "Content-Type": "application/json",
        }
        answer = handle(self.host, "api.github.com", method, path, query, headers, body)
        value = json.loads(answer.body or b"null")
        if self.names_heads and path == f"/repos/{NAME}/pulls" and isinstance(value, list):
            for pull in value:
                pull["head"]["repo"] = {"full_name": NAME, "name": "models"}
        return answer.status, value, answer.headers


class Here:
    """What git would say in a clone of the emulated repository."""

    def __init__(self, world: World) -> None:
        self._world = world

    def query(self, *args: str) -> str:
        sha, _, file = args[-1].partition(":")
        return str(self._world.repo["commits"][sha]["tree"].get(file, ""))

    def output(self, *args: str, check: bool = True) -> str:
        return "refs/remotes/origin/main" if args[-1] == "origin/main" else ""

    def remote(self) -> str:
        return "origin"

    def full_name(self, name: str) -> str:
        return f"refs/remotes/{name}"

    def describe(self, sha: str) -> Commit:
        known = self._world.repo["commits"][sha]
        author = f"{known['author']['name']} <{known['author']['email']}>"
        return Commit(sha, known["author"]["date"], author, known["message"].splitlines()[0])


@pytest.fixture
def world() -> Iterator[tuple[World, str]]:
    try:
        made = World()
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("myworld is not installed: pip install '.[real]'")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "").partition(" ")[2]
            known = self.command == "GET" and token == made.token
            filled = made.missing(parts.path.removeprefix(f"/repos/{NAME}")) if known else None
            status, value = (200, filled) if filled is not None else (0, None)
            if filled is None:
                status, value, _ = made.ask(self.command, parts.path, parts.query, body, token)
            here = f"http://{self.headers['Host']}"
            data = json.dumps(value).replace("https://api.github.com", here).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    yield made, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def asked(world: tuple[World, str], token: str | None = None) -> PullRequestApprovals:
    made, url = world
    git: Any = Here(made)
    github = GitHub(GitHubConnection(NAME, token or made.token, url))
    main = ClonedMainBranch(git, "origin/main", made.line)
    return PullRequestApprovals(github.review_facts(main), git)


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_an_approved_pull_request(world: tuple[World, str], method: str) -> None:
    number = world[0].open()
    world[0].review(number, "bob")
    assert asked(world).of_open(world[0].repo["branches"]["promote"], FILE).by == ("@bob",)
    sha = world[0].merge(number, method)
    assert asked(world).of_merged(sha, FILE) == Approvals(("@bob",), (), number, "@carol")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_group_of_two(world: tuple[World, str], method: str) -> None:
    made = world[0]
    made.do("bob", "create_branch", branch="other", from_branch="main")
    made.push("other", 3, "bob", path="registry/models/churn.yaml")
    first, second = made.open(), made.open("other", "bob")
    made.review(first, "bob")
    shas = [made.merge(number, method) for number in (first, second)]
    assert asked(world).of_merged(shas[0], FILE).by == ("@bob",)
    told = asked(world).of_merged(shas[1], "registry/models/churn.yaml")
    assert told.by == () and told.pull_request == second and told.merged_by == "@carol"


def test_who_does_not_count(world: tuple[World, str]) -> None:
    made = world[0]
    number = made.open()
    own = made.github.call(
        "create_pull_request_review",
        {"owner": "acme", "repo": "models", "pull_number": number, "body": "x", "event": "APPROVE"},
        as_="alice",
    )
    assert own.status == 422
    made.review(number, "reader")
    made.review(number, "carol")
    made.review(number, "carol", "REQUEST_CHANGES")
    made.review(number, "bob")
    made.push("promote", 15)
    told = asked(world).of_merged(made.merge(number, "squash"), FILE)
    assert told.by == () and set(told.not_counted) == {
        "@reader has no write permission (read)",
        "@carol asks for changes",
        "@bob approved an older version of this manifest",
    }


def test_a_co_committer_does_not_count(world: tuple[World, str]) -> None:
    made = world[0]
    number = made.open()
    made.push("promote", 14, "bob", "Also mine", path="README.md")
    made.review(number, "bob")
    told = asked(world).of_merged(made.merge(number, "merge"), FILE)
    assert told.not_counted == ("@bob is an author of it",)


def test_other_files_after_the_approval_leave_it(world: tuple[World, str]) -> None:
    made = world[0]
    number = made.open()
    made.review(number, "bob")
    made.push("promote", 1, path="README.md")
    assert asked(world).of_merged(made.merge(number, "squash"), FILE).by == ("@bob",)


def test_a_direct_push_has_no_pull_request(world: tuple[World, str]) -> None:
    made = world[0]
    number = made.open()
    made.review(number, "bob")
    made.merge(number, "squash")
    pushed = made.push("main", 15, message=f"Promote 15 (#{number})")
    assert asked(world).of_merged(pushed, FILE).pull_request is None


def test_what_is_written(world: tuple[World, str]) -> None:
    made, url = world
    made.names_heads = True
    github = GitHub(GitHubConnection(NAME, made.token, url))
    address = github.open_pull_request("promote", "Promote 14", "because", "main")
    assert github.open_pull_request("promote", "Promote 14", "because of recall", "main") == address
    [number] = made.repo["pulls"]
    assert made.repo["issues"][number]["body"] == "because of recall"
    head = made.repo["branches"]["promote"]
    github.set_status(head, "mlflow-gitops/plan", "failure", "refused")
    [status] = made.repo["statuses"][head]
    assert (status["context"], status["state"]) == ("mlflow-gitops/plan", "failure")
    github.comment(number, "plan", "A plan")
    first = github.issue("drift", "Drift", "fraud moved")
    assert github.issue("drift", "Drift", "fraud moved again") == first
    assert github.issue("drift", "Drift", None) is None


def test_a_bad_token(world: tuple[World, str]) -> None:
    with pytest.raises(ForgeFailure, match="does not accept the token"):
        asked(world, "gho_wrong").of_merged("a" * 40, FILE)
