"""Notes of any number and size, which anybody who may push refs/notes can push: each is read within
limits of time and memory, or not at all, with a sentence."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.receipts import NOTES_REF
from tests.hostile.measured import Children
from tests.support.team import GIT_ENVIRONMENT, Team

SECONDS, MEGABYTES = 10.0, 500.0
MIB = 1 << 20


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", "unused")
    made.commit("First", m="stages: {Production: 1}\n")
    return made


def receipt(content: str, number: int = 0) -> bytes:
    return f'{{"at":"2026-01-01T00:00:00Z","n":{number},"x":{content}}}\n'.encode()


def repeated(line: bytes, size: int) -> bytes:
    return line * (size // len(line))


def large() -> Iterator[bytes]:
    yield from (bytes([97 + i]) * (31 * MIB) for i in range(6))


def too_large() -> Iterator[bytes]:
    yield from (b"x" * (60 * MIB) for _ in range(1))


def strings() -> Iterator[bytes]:
    for i in range(12):
        yield receipt("[" + '"ab",' * (2 * MIB // 5) + "1]", i) * 4


def lists() -> Iterator[bytes]:
    yield from (receipt("[" + "[]," * 450_000 + "1]", i) * 6 for i in range(4))


def mappings() -> Iterator[bytes]:
    yield from (receipt("[" + '{"a":1},' * 400_000 + "1]", i) * 3 for i in range(4))


def small_receipts() -> Iterator[bytes]:
    lines = (receipt("1", i) for i in range(400_000))
    yield b"".join(lines)


def one_receipt_often() -> Iterator[bytes]:
    yield repeated(receipt("1"), 31 * MIB)


def half_lines() -> Iterator[bytes]:
    yield repeated(b'{"at":[', 31 * MIB)
    yield repeated(b'{"at":\n', 31 * MIB)


LARGE: dict[str, Callable[[], Iterator[bytes]]] = {
    "notes that are too large together": large,
    "a note that is too large": too_large,
    "receipts of strings": strings,
    "receipts of lists": lists,
    "receipts of mappings": mappings,
    "many small receipts": small_receipts,
    "one receipt often": one_receipt_often,
    "lines that begin like a receipt": half_lines,
}


def push_notes(team: Team, notes: Iterator[tuple[str, bytes]]) -> None:
    """Put notes on commits, by one `git fast-import`."""
    importer = subprocess.Popen(
        ["git", "fast-import", "--quiet"],
        cwd=team.folder,
        env=GIT_ENVIRONMENT | {"PATH": "/usr/bin:/bin:/usr/local/bin"},
        stdin=subprocess.PIPE,
    )
    assert importer.stdin
    head = f"commit {NOTES_REF}\ncommitter A <a@example.org> 1700000000 +0000\ndata 0\n"
    importer.stdin.write(head.encode())
    for commit, text in notes:
        importer.stdin.write(
            f"M 100644 inline {commit}\ndata {len(text)}\n".encode() + text + b"\n"
        )
    importer.stdin.close()
    assert importer.wait() == 0


def commits(team: Team, first: str) -> Iterator[str]:
    """The main line's only commit, then ids that no commit has."""
    yield first
    for number in range(1 << 30):
        yield hashlib.sha1(str(number).encode()).hexdigest()


def must_be_bounded(team: Team, children: Children) -> None:
    for command in (["log"], ["show"]):
        ran = children.run(team.folder, *command)
        assert ran.code in (0, 1) and "Traceback" not in ran.said, ran
        assert ran.code == 0 or "so they are not read" in ran.err, ran
        assert ran.seconds < SECONDS and ran.megabytes < MEGABYTES, ran


LONG = (pytest.mark.real, pytest.mark.weekly)
QUICK = ("a note that is too large",)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in QUICK else LONG) for case in LARGE],
)
def test_large_notes(case: str, team: Team, children: Children) -> None:
    head = team.git("rev-parse", "HEAD")
    push_notes(team, zip(commits(team, head), LARGE[case](), strict=False))
    must_be_bounded(team, children)


@pytest.mark.parametrize("count", [50_000, pytest.param(400_000, marks=LONG)])
def test_a_note_on_every_commit(count: int, team: Team, children: Children) -> None:
    head = team.git("rev-parse", "HEAD")
    names = (commit for commit, _ in zip(commits(team, head), range(count), strict=False))
    blob = team.git("hash-object", "-w", "registry/models/m.yaml")
    lines = sorted(f"100644 blob {blob}\t{name}\n" for name in names)
    tree = subprocess.run(
        ["git", "mktree", "--missing"],
        cwd=team.folder, input="".join(lines), capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    team.git("update-ref", NOTES_REF, team.git("commit-tree", tree, "-m", "Notes"))
    must_be_bounded(team, children)
