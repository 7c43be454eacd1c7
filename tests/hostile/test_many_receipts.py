"""A receipts branch of any size, which anybody who may push it can push: it is read within limits
of time and memory, or not at all, with a sentence."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hostile.measured import Children
from tests.support.receipts import RECEIPTS_REF
from tests.support.team import GIT_ENVIRONMENT, Team

SECONDS, MEGABYTES = 10.0, 500.0
MIB = 1 << 20


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", "unused")
    made.commit("First", m="stages: {Production: 1}\n")
    return made


def receipt(content: str, commit: str, number: int = 0) -> bytes:
    at = "2026-01-01T00:00:00Z"
    return f'{{"at":"{at}","commit":"{commit}","n":{number},"x":{content}}}\n'.encode()


def too_large(commit: str) -> Iterator[bytes]:
    yield b"x" * (60 * MIB)


def large(commit: str) -> Iterator[bytes]:
    yield from (bytes([97 + i]) * (31 * MIB) for i in range(6))


def strings(commit: str) -> Iterator[bytes]:
    for i in range(48):
        yield receipt("[" + '"ab",' * (2 * MIB // 5) + "1]", commit, i)


def lists(commit: str) -> Iterator[bytes]:
    yield from (receipt("[" + "[]," * 450_000 + "1]", commit, i) for i in range(24))


def mappings(commit: str) -> Iterator[bytes]:
    yield from (receipt("[" + '{"a":1},' * 400_000 + "1]", commit, i) for i in range(12))


def small(commit: str) -> Iterator[bytes]:
    yield from (receipt("1", commit, i) for i in range(200_000))


def deep(commit: str) -> Iterator[bytes]:
    yield b'{"at":' + b"[" * 1_000_000
    yield receipt("[" * 900 + "]" * 900, commit)


LARGE: dict[str, Callable[[str], Iterator[bytes]]] = {
    "a file that is too large": too_large,
    "files that are too large together": large,
    "strings": strings,
    "lists": lists,
    "mappings": mappings,
    "many small receipts": small,
    "deep ones": deep,
}
LONG = (pytest.mark.real, pytest.mark.weekly)
QUICK = ("a file that is too large", "lists", "deep ones")


def push(team: Team, texts: Iterator[bytes], commit: str, commits_of: int) -> None:
    """Write receipts by one `git fast-import`, so many to a commit."""
    importer = subprocess.Popen(
        ["git", "fast-import", "--quiet"],
        cwd=team.folder,
        env=GIT_ENVIRONMENT | {"PATH": "/usr/bin:/bin:/usr/local/bin"},
        stdin=subprocess.PIPE,
    )
    assert importer.stdin
    head = f"commit {RECEIPTS_REF}\ncommitter A <a@example.org> 1700000000 +0000\ndata 0\n"
    for number, text in enumerate(texts):
        if number % commits_of == 0:
            importer.stdin.write(head.encode())
        digest = hashlib.sha256(text).hexdigest()
        path = f"default/2026/01/{number % 28 + 1:02}/000000Z-{commit[:12]}-{digest[:12]}.json"
        importer.stdin.write(f"M 100644 inline {path}\ndata {len(text)}\n".encode() + text + b"\n")
    importer.stdin.close()
    assert importer.wait() == 0


SIZES = {case: (1, 10_000) for case in LARGE} | {"many small receipts": (100_000,)}
"""How many receipts a commit adds. git itself takes minutes to write very many in small commits."""


@pytest.mark.parametrize(
    ("case", "commits_of"),
    [
        pytest.param(case, size, marks=() if case in QUICK and size == 1 else LONG)
        for case, sizes in SIZES.items()
        for size in sizes
    ],
)
def test_large_receipts(case: str, commits_of: int, team: Team, children: Children) -> None:
    head = team.git("rev-parse", "HEAD")
    push(team, LARGE[case](head), head, commits_of)
    for command in (["log"], ["show"]):
        ran = children.run(team.folder, *command)
        assert ran.code in (0, 1) and "Traceback" not in ran.said, ran
        assert ran.code == 0 or "so they are not read" in ran.err, ran
        assert ran.seconds < SECONDS and ran.megabytes < MEGABYTES, ran
