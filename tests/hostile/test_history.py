"""Hostile git: any bytes in names, authors and messages, links and submodules for manifests, notes
that anybody may push."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.audit import receipts
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipt_reader import read_notes
from mlflow_gitops.core.audit.receipts import NOTES_REF, Receipt
from mlflow_gitops.core.audit.report.incidents import incidents
from mlflow_gitops.core.audit.unrecorded import unrecorded, unstamped
from tests.hostile.material import CANARY
from tests.hostile.measured import Children
from tests.support.experiments.sampling import CountCases
from tests.support.team import GIT_ENVIRONMENT, Team

COMMANDS = (
    ["log"],
    ["log", "--format", "json"],
    ["show"],
    ["show", "--effective", "--format", "json"],
)
MORE = (
    ["log", "--format", "csv"],
    ["log", "--format", "markdown"],
    ["log", "m", "--since", "2026-01-01"],
    ["show", "m"],
)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "secret.yaml").write_text(f"name: {CANARY}\n")
    made = Team(tmp_path / "repo", "unused")
    made.commit("First", m="stages: {Production: 1}\n")
    return made


def fed_bytes(team: Team, *args: str, data: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *args],
        cwd=team.folder,
        env=os.environ | GIT_ENVIRONMENT,
        input=data,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fed(team: Team, *args: str, data: bytes) -> str:
    return fed_bytes(team, *args, data=data).decode().strip()


def committed(team: Team, entries: list[tuple[bytes, bytes, bytes]], **about: bytes) -> str:
    """A commit on top, straight from objects: its files (mode, path, content or id), its author's
    line and message."""
    lines = fed_bytes(team, "ls-tree", "-rz", "HEAD")
    for mode, path, content in entries:
        blob = (
            content
            if mode == b"160000"
            else fed(team, "hash-object", "-w", "--stdin", data=content).encode()
        )
        lines += (
            mode
            + b" "
            + (b"commit " if mode == b"160000" else b"blob ")
            + blob
            + b"\t"
            + path
            + b"\0"
        )
    index = team.folder / ".git" / "odd-index"
    index.unlink(missing_ok=True)
    environment = os.environ | GIT_ENVIRONMENT | {"GIT_INDEX_FILE": str(index)}
    # `update-index` refuses `..`; a tree made elsewhere need not have been through it.
    subprocess.run(
        ["git", "update-index", "-z", "--index-info"],
        cwd=team.folder,
        env=environment,
        input=lines,
        check=True,
    )
    tree = subprocess.run(
        ["git", "write-tree"],
        cwd=team.folder,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    who = about.get("author", b"A Person <a@example.org>")
    when = about.get("when", b"1700000000 +0000")
    raw = f"tree {tree}\nparent {team.git('rev-parse', 'HEAD')}\n".encode()
    raw += b"author " + who + b" " + when + b"\ncommitter " + who + b" " + when + b"\n"
    raw += about.get("header", b"") + b"\n" + about.get("message", b"Odd\n")
    sha = fed(team, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=raw)
    team.git("update-ref", "refs/heads/main", sha)
    return sha


def all_fair(
    team: Team, children: Children, *, codes: tuple[int, ...] = (0, 1, 3), more: bool = False
) -> str:
    said = ""
    for command in (*COMMANDS, *(MORE if more else ())):
        ran = children.run(team.folder, *command).must_be_fair(team.folder)
        assert ran.code in codes, ran
        assert CANARY not in ran.said and "\x1b" not in ran.said and "\u202e" not in ran.said
        said += ran.said
    return said


QUICK = {
    "any bytes in a message", "what git log prints between commits", "nearly a trailer, for ever",
    "any bytes in an author",
    "the largest time", "a link in the manifest's place", "a submodule in the manifest's place",
    "any bytes in a name",
    "a name like what git prints", "no text", "a line just deep enough for Python",
}  # fmt: skip


def cases(names: Iterable[str]) -> list[Any]:
    """All but the quick ones belong to `make test-real`, and all to `make prove`."""
    return [
        pytest.param(name, id=name, marks=() if name in QUICK else pytest.mark.real)
        for name in names
    ]


ANY = bytes(byte for byte in range(1, 256) if byte not in b"\n<>")
PEOPLE: dict[str, dict[str, bytes]] = {
    "any bytes in a message": {"message": bytes(range(1, 256)) * 3},
    "a message that is no text": {
        "message": b"\xff\xfe" + "Promote".encode("utf-16-le").replace(b"\0", b"\x01")
    },
    "escapes in a message": {
        "message": (
            b"\x1b]0;owned\x07\x1b[2J \xe2\x80\xae turned\n\nGate-Override: soak: \x1b[31mred\n"
        )
    },
    "what git log prints between commits": {
        "message": b"x\n\n\x02" + b"0" * 40 + b"\n:100644 100644 a b M\n"
    },
    "no message": {"message": b""},
    "a NUL in a message": {"message": b"before\0after\n"},
    "an endless subject": {"message": b"s" * (4 << 20)},
    "a million lines": {"message": b"x\n\n" + b"Co-authored-by: a <b@c>\n" * 40_000},
    "a million overrides": {"message": b"x\n\n" + b"Gate-Override: soak: r\n" * 40_000},
    "nearly a trailer, for ever": {
        "message": b"x\n\nCo-authored-by:" + b" " * (1 << 20) + b"-by:\n"
    },
    "dashes": {"message": b"x\n\n" + b"-" * (1 << 20) + b"-by: <<<<<<<<\n"},
    "any bytes in an author": {"author": ANY + b" <" + ANY + b">"},
    "an author without a name": {"author": b"<>"},
    "an endless author": {"author": b"a" * (1 << 20) + b" <" + b"b" * (1 << 20) + b">"},
    "an author of brackets": {"author": b"a" + b" <" * 1 + b"x" * 10 + b">"},
    "an encoding that is none": {"header": b"encoding no-such\n", "message": b"\xe4\xf6\xfc"},
    "an encoding that is another": {"header": b"encoding latin-1\n", "message": b"\xe4\xf6\xfc"},
    "the largest time": {"when": b"18446744073709551615 +0000"},
    "before time": {"when": b"-1 +0000"},
    "no time": {"when": b"yesterday"},
    "an odd zone": {"when": b"1700000000 +9999"},
}


@pytest.mark.parametrize("case", cases(PEOPLE))
def test_what_people_write_into_commits(case: str, team: Team, children: Children) -> None:
    committed(
        team,
        [(b"100644", b"registry/models/m.yaml", b"name: m\nstages: {Production: 2}\n")],
        **PEOPLE[case],
    )
    said = all_fair(team, children, codes=(0,))
    assert '"Production"' in said


LINK, BLOB, MODULE = b"120000", b"100644", b"160000"
A_COMMIT = b"1" * 40
OBJECTS: dict[str, list[tuple[bytes, bytes, bytes]]] = {
    "a link at a manifest's path": [(LINK, b"registry/models/evil.yaml", b"../../../secret.yaml")],
    "a link in the manifest's place": [(LINK, b"registry/models/m.yaml", b"../../../secret.yaml")],
    "a link in the policy's place": [(LINK, b"registry/policy.yaml", b"../../secret.yaml")],
    "a link to a folder": [(LINK, b"registry/models/evil", b"/etc")],
    "a submodule at a manifest's path": [(MODULE, b"registry/models/evil.yaml", A_COMMIT)],
    "a submodule in the manifest's place": [(MODULE, b"registry/models/m.yaml", A_COMMIT)],
    "a submodule of a folder's name": [(MODULE, b"registry/models/evil", A_COMMIT)],
    "a submodule for the policy": [(MODULE, b"registry/policy.yaml", A_COMMIT)],
    "an executable manifest": [
        (b"100755", b"registry/models/other.yaml", b"name: other\nstages: {}\n")
    ],
    "any bytes in a name": [
        (BLOB, b"registry/models/" + ANY.replace(b"/", b"") + b".yaml", b"name: x\nstages: {}\n")
    ],
    "a tab and a line break in a name": [
        (BLOB, b"registry/models/a\tb\n.yaml", b"name: x\nstages: {}\n")
    ],
    "a name like what git prints": [
        (BLOB, b"registry/models/\n:100644 x.yaml", b"name: x\nstages: {}\n")
    ],
    "a name that begins a commit": [
        (BLOB, b"registry/models/\x02x.yaml", b"name: x\nstages: {}\n")
    ],
    "a glob for a name": [(BLOB, b"registry/models/*[?].yaml", b"name: x\nstages: {}\n")],
    "a name that turns round": [
        (BLOB, "registry/models/\u202ex.yaml".encode(), b"name: x\nstages: {}\n")
    ],
    "a manifest of 64 MiB": [
        (BLOB, b"registry/models/m.yaml", b"name: m\n" + b"# \n" * (22 << 20))
    ],
    "a policy of 64 MiB": [(BLOB, b"registry/policy.yaml", b"#\n" * (32 << 20))],
    "a manifest of NULs": [(BLOB, b"registry/models/m.yaml", b"\0" * 100_000)],
    "three hundred manifests": [(BLOB, b"registry/models/x%d.yaml" % i, b"x") for i in range(300)],
}


@pytest.mark.parametrize("case", cases(OBJECTS))
def test_what_may_stand_in_a_tree(case: str, team: Team, children: Children) -> None:
    committed(team, OBJECTS[case])
    all_fair(team, children, codes=(0,))


# -- receipts --------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "at": "2026-01-01T00:00:00.000Z",
    "owner": "me",
    "registry": "r",
    "by": "A <a@example.org>",
    "models": [
        {
            "model": "m",
            "result": "applied",
            "error": "no",
            "changes": [
                {
                    "action": "transition",
                    "version": 1,
                    "from": "None",
                    "to": "Production",
                    "cause": "drift",
                }
            ],
            "stages": [["Production", 1]],
            "gates": [
                {
                    "stage": "Production",
                    "version": 1,
                    "gate": "soak",
                    "status": "passed",
                    "detail": "d",
                }
            ],
            "people": [
                {
                    "commit": "c",
                    "pr": 1,
                    "pr_source": "api",
                    "merged_by": "@a",
                    "approved_by": ["@b"],
                }
            ],
            "refusals": [{"code": "gate", "detail": "d"}],
            "already_applied": [],
            "found": [],
        }
    ],
    "previous": None,
}
ODD: tuple[Any, ...] = (
    None, True, 5, -1, 10**30, 1.5, float("nan"), "", "\ud800", "\x1b[2J", "x" * 10_000, [], [[]],
    [None], {}, {"a": {}},
    [5, "x", None, {}], {"model": 5}, "9999-99-99T99:99:99Z", "0001-01-01T00:00:00+23:59",
)  # fmt: skip


def edited(value: Any) -> Iterator[Any]:
    """The value with each of its parts, in turn, replaced by each odd one, and left out."""
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            for one in (*ODD, *edited(value[key])):
                yield value | {key: one}
    elif isinstance(value, list):
        for i in range(len(value)):
            for one in (*ODD, *edited(value[i])):
                yield [*value[:i], one, *value[i + 1 :]]


def line_of(content: Any) -> str:
    text = json.dumps(content)
    return (
        text
        if text.startswith('{"at":')
        else '{"at":"2026-01-02T00:00:00Z",' + text.removeprefix("{")
    )


def readers(found: list[Receipt]) -> None:
    """Everything that reads receipts, as far as it is pure; `standing` is reached by `show
    --effective` below."""
    places = {"c": 0}
    ledger = Ledger(found, places, "me")
    for run in ledger.applied("m"):
        assert all(isinstance(version, int) for _, version, _, _ in run.recorded.verdicts())
        changes = (*run.recorded.changes, *run.recorded.already_applied)
        assert all(isinstance(change, dict) for change in changes)
    told = ledger.vouched("m", "c")
    assert told is None or all(isinstance(one, str) for one in told.approved_by)
    receipts.newest(found)
    receipts.broken_links(found)
    receipts.last_commit(found, ["m"])
    unstamped({"m": None}, found, "me")
    unrecorded({"m": "c"}, found, "me", places)
    for one in incidents(found):
        assert all(isinstance(text, str) for text in (one.at, one.commit, one.model, one.detail))
        (one.detail + one.model + one.at).encode()


def test_receipts_of_wrong_types_everywhere(counted: CountCases) -> None:
    count = 0
    for content in edited(GOOD):
        found = read_notes([("c", line_of(GOOD) + "\n" + line_of(content) + "\n")])
        readers(found)
        count += 1
    assert count > 500
    counted("receipts of wrong types", count)


def test_a_previous_that_is_no_digest_is_a_gap() -> None:
    for odd in ([], {}, 5, True):
        found = read_notes([("c", line_of(GOOD | {"previous": odd}))])
        assert receipts.broken_links(found) == found


NOTES: dict[str, bytes] = {
    "no text": bytes(range(256)) * 100,
    "millions of lines": b"x\n" * 4_000_000,
    "a hundred thousand that begin like one": b'{"at":\n' * 100_000,
    "twenty thousand receipts": (
        (line_of({"at": "2026-01-01T00:00:00Z", "models": 5}) + "\n").encode() * 20_000
    ),
    "a line of lists": b'{"at":[' + b"[]," * 5_000_000 + b"[]]}\n",
    "a line that is deep": b'{"at":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}\n",
    "a line just deep enough for Python": (
        b'{"at":"2026-01-01","models":' + b"[" * 900 + b"]" * 900 + b"}\n"
    ),
    "a number of a million digits": b'{"at":' + b"9" * 1_000_000 + b"}\n",
    "more than is read": b"x" * (65 << 20),
    "UTF-16": '{"at":"2026"}\n'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"at":"2026"}\n',
    "Windows' line ends": (line_of(GOOD) + "\r\n").encode() * 3,
}


def noted(team: Team, data: bytes) -> None:
    blob = fed(team, "hash-object", "-w", "--stdin", data=data)
    team.git("notes", f"--ref={NOTES_REF}", "add", "-f", "-C", blob, "HEAD")


@pytest.mark.parametrize("case", cases(NOTES))
def test_notes_that_anybody_may_push(case: str, team: Team, children: Children) -> None:
    noted(team, NOTES[case])
    said = all_fair(team, children, codes=(0, 1))
    assert case != "more than is read" or "longer than 32 MiB" in said


@pytest.mark.real
@pytest.mark.weekly
def test_receipts_that_speak_of_this_very_model(team: Team, children: Children) -> None:
    """Of the right owner, so that each is believed as far as it can be."""
    owner = f"{team.git('rev-parse', 'HEAD')}:registry"
    contents = random.Random("receipts").sample(list(edited(GOOD | {"owner": owner})), 400)
    noted(
        team, "".join(line_of(content | {"owner": owner}) + "\n" for content in contents).encode()
    )
    all_fair(team, children, codes=(0,), more=True)
    out = team.folder / "page"
    ran = children.run(
        team.folder, "--tracking-uri", "sqlite:///none.db", "report", "--out", str(out)
    )
    ran.must_be_fair(team.folder)


# -- at random -------------------------------------------------------------------------------------

ROUNDS = int(os.environ.get("MLFLOW_GITOPS_FUZZ", "100"))


def test_notes_at_random(counted: CountCases) -> None:
    good = (line_of(GOOD) + "\n").encode()
    odd = [json.dumps(one).encode() for one in ODD] + [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"',
        b"\n",
        b"\\ud800",
        b"\0",
    ]
    for round_ in range(ROUNDS * 3):
        chance = random.Random(f"notes {round_}")
        data = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            at, to = sorted(chance.randrange(6, max(7, len(data) + 1)) for _ in range(2))
            way = chance.randrange(3)
            data[at : min(to, at + 40) if way == 0 else at] = (
                b"" if way == 0 else chance.choice(odd) if way == 1 else data[at:to]
            )
        readers(read_notes([("c", bytes(data).decode("utf-8", "replace"))]))
    counted("receipts at random", ROUNDS * 3)


def test_history_at_random(team: Team, children: Children, counted: CountCases) -> None:
    """Commits of any mode, name, content, author and message, one on the other."""
    for round_ in range(max(2, ROUNDS // 50)):
        chance = random.Random(f"history {round_}")

        def some(most: int, but: bytes = b"", chance: random.Random = chance) -> bytes:
            return bytes(
                byte
                for byte in chance.choices(range(1, 256), k=chance.randint(1, most))
                if byte not in but
            )

        entries = []
        for i in range(chance.randint(1, 4)):
            mode = chance.choice([BLOB, BLOB, LINK, MODULE, b"100755"])
            name = chance.choice(
                [
                    b"m.yaml",
                    b"x%d" % i + some(20, b"/") + b".yaml",
                    b"%d/" % i + some(9, b"/") + b"y.yaml",
                ]
            )
            content = (
                A_COMMIT
                if mode == MODULE
                else chance.choice([some(60), b"name: m\nstages: {Production: %d}\n" % round_])
            )
            entries.append((mode, b"registry/models/" + name, content))
        author = some(30, b"\n<>\0") + b" <" + some(30, b"\n<>\0") + b">"
        committed(
            team,
            entries,
            author=author,
            message=some(200),
            when=b"%d +0000" % chance.randrange(1 << 40),
        )
        all_fair(team, children, codes=(0,))
    counted("commits at random", max(2, ROUNDS // 50))
