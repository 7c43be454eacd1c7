"""Commits whose message, subject or author is longer than anything that people write."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.edges.git.repository import Git
from tests.hostile.measured import Children
from tests.support.team import GIT_ENVIRONMENT, Team

SECONDS, MEGABYTES = 10.0, 500.0
MIB = 1 << 20
AUTHOR = b"A Person <a@example.org>"
MANIFEST = b"name: m\nstages: {Production: %d}\n"

Commits = Iterator[tuple[bytes, bytes]]


def once(message: bytes, author: bytes = AUTHOR) -> Commits:
    yield author, message


CASES: dict[str, Callable[[], Commits]] = {
    "spaces in a co-author": lambda: once(b"x\n\nCo-authored-by: a" + b" " * (20 * MIB) + b"b\n"),
    "spaces in an approval": lambda: once(b"x\n\nApproved-by: a" + b" " * (20 * MIB) + b"b\n"),
    "many short co-authors": lambda: once(b"x\n\n" + b"Co-authored-by: a <b>\n" * MIB),
    "many override lines": lambda: once(b"x\n\n" + b"Gate-Override: [a/b] [c/d] e\n" * MIB),
    "brackets in an override": lambda: once(b"x\n\nGate-Override: [" + b"a/b] " * (4 * MIB)),
    "one long line": lambda: once(b"s" * (20 * MIB)),
    "one long line of numbers": lambda: once(b"(#1)" * (5 * MIB)),
    "a long body": lambda: once(b"x\n\n" + b"body\n" * (4 * MIB)),
    "a long author": lambda: once(b"x", b"a" * (5 * MIB) + b" <a@example.org>"),
    "a long address": lambda: once(b"x", b"A <" + b"1" * (5 * MIB) + b"@users.noreply.github.com>"),
    "three hundred long messages": lambda: iter([(AUTHOR, b"x\n\n" + b"-by: a\n" * 70_000)] * 300),
}


def commit_all(team: Team, commits: Commits) -> None:
    importer = subprocess.Popen(
        ["git", "-c", "core.compression=0", "fast-import", "--quiet", "--force"],
        cwd=team.folder,
        env=GIT_ENVIRONMENT | {"PATH": "/usr/bin:/bin:/usr/local/bin"},
        stdin=subprocess.PIPE,
    )
    assert importer.stdin
    parent = team.git("rev-parse", "HEAD").encode()
    for number, (author, message) in enumerate(commits):
        manifest = MANIFEST % (number % 2 + 2)
        importer.stdin.write(b"commit refs/heads/main\nmark :%d\n" % (number + 1))
        importer.stdin.write(b"author " + author + b" 1700000000 +0000\n")
        importer.stdin.write(b"committer " + AUTHOR + b" 1700000000 +0000\n")
        importer.stdin.write(b"data %d\n" % len(message) + message + b"\nfrom " + parent + b"\n")
        importer.stdin.write(b"M 100644 inline registry/models/m.yaml\n")
        importer.stdin.write(b"data %d\n" % len(manifest) + manifest + b"\n")
        parent = b":%d" % (number + 1)
    importer.stdin.close()
    assert importer.wait() == 0
    team.git("reset", "-q", "--hard")


LONG = (pytest.mark.real, pytest.mark.weekly)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=LONG if case.startswith("three hundred") else ()) for case in CASES],
)
def test_a_message_made_to_cost(case: str, tmp_path: Path, children: Children) -> None:
    team = Team(tmp_path / "repo", "unused")
    team.commit("First", m="stages: {Production: 1}\n")
    commit_all(team, CASES[case]())
    ran = children.run(team.folder, "log")
    assert ran.code == 0 and "Traceback" not in ran.said, ran
    assert ran.seconds < SECONDS and ran.megabytes < MEGABYTES, (ran.seconds, ran.megabytes)

    git = Git(team.folder)
    messages = git.messages(git.resolve("HEAD"), "registry/models/m.yaml")
    assert sum(len(message.text) for message in messages) <= 16 * MIB


def test_what_is_looked_for_in_a_long_message_is_kept(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "unused")
    team.commit("First", m="stages: {Production: 1}\n")
    named = b"Co-authored-by: B <b@example.org>\nGate-Override: soak: INC-1\n"
    commit_all(team, once(b"Subject (#7)\n\n" + b"body\n" * 10_000 + named))
    line = Git(team.folder).line("main", RegistryFolder("registry"))
    commit = line.commits[line.shas[-1]]
    assert commit.message == named.decode().strip() and commit.pull_request == 7
