"""`log` and `show` on real repositories, offline: what people and programs get to read."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.core import slow_audit
from tests.support.git_histories import REGISTRY, START, History, Repo, manifest, random_history
from tests.support.team import Ran, Team

ALPHA, BETA = (f"{REGISTRY}/models/{name}.yaml" for name in ("alpha", "beta"))
DAY = 86_400
ANN, BOB = "Ann <ann@example.org>", "Bob <7+bob@users.noreply.github.com>"


def of(folder: Path) -> Team:
    team = Team.__new__(Team)
    team.folder, team.uri = folder, "sqlite:////nowhere/mlflow.db"
    return team


@pytest.fixture
def story(tmp_path: Path) -> tuple[Team, list[str]]:
    """Eight commits, a day apart: a policy, promotions, a true merge, a broken file, a move, a
    revert, a deletion."""
    history = History()
    policy = (
        b"stages: {Staging: {alias: staging}, Production: {require: {pinned: true}}}\noverrides:"
        b" [pinned]\n"
    )
    one = {
        f"{REGISTRY}/policy.yaml": policy,
        ALPHA: manifest("alpha", "stages: {Production: 1}\naliases: {best: 1}"),
    }

    def when() -> int:
        return START + DAY * len(history.main) + 3600

    history.add(one, subject="Begin", when=when(), author=ANN)
    side = history.branch(
        one | {BETA: manifest("beta", "stages: {Staging: 5}")},
        0,
        "Beta\n\nReviewed-by: Lee <lee@example.org>",
        author=BOB,
    )
    two = one | {ALPHA: manifest("alpha", "stages: {Production: 2}\naliases: {best: 1}")}
    said = (
        "Promote 2 (#12)\n\n* Gate-Override: pinned: INC-42 hotfix\n* Co-authored-by: Cy"
        " <cy@example.org>\n"
    )
    history.add(two, subject=said, when=when(), author=BOB)
    three = two | {BETA: manifest("beta", "stages: {Staging: 5}")}
    history.add(three, side, subject="Merge pull request #13 from a/b", when=when(), author=ANN)
    history.add(
        three | {ALPHA: b"name: alpha\nstages: [\n"}, subject="Oops", when=when(), author=BOB
    )
    four = {path: data for path, data in three.items() if path != ALPHA}
    pinned = (
        "stages: {Production: [2, 3]}\nversions: {2: {run_id: abc, data: {path: d/x.csv, md5: %s}},"
        " 3: {source: s3://m/3}}"
    )
    moved = f"{REGISTRY}/models/team/alpha.yaml"
    history.add(
        four | {moved: manifest("alpha", pinned % ("ab" * 16))},
        subject="=Move & promote",
        when=when(),
        author=ANN,
    )
    history.add(
        three, subject='Revert "Move" (#14)', when=when() - 9 * DAY, author=ANN
    )  # a clock that is slow
    history.add({**three, "train.py": b""}, subject="Code", when=when(), author=BOB)
    history.add(four, subject="Alpha goes", when=when(), author=BOB)
    ids = Repo(tmp_path).build(history)
    return of(tmp_path), [ids[i] for i in history.main]


def short(ran: Ran) -> list[tuple[object, ...]]:
    assert ran.code == 0, ran.err
    return [(e["type"], e["model"], e["stage"], e["from"], e["to"]) for e in ran.json]


def test_every_event_of_the_main_line_in_order(story: tuple[Team, list[str]]) -> None:
    team, shas = story
    ran = team.run("log", "--format", "json")
    assert short(ran) == [
        ("policy", None, None, [], []),
        ("stage", "alpha", "@best", [], [1]),
        ("stage", "alpha", "Production", [], [1]),
        ("stage", "alpha", "Production", [1], [2]),
        ("stage", "beta", "Staging", [], [5]),
        ("invalid", "alpha", None, [], []),
        ("stage", "alpha", "@best", [1], []),
        ("stage", "alpha", "Production", [2], [2, 3]),
        ("stage", "alpha", "@best", [], [1]),
        ("stage", "alpha", "Production", [2, 3], [2]),
        ("stage", "alpha", "@best", [1], []),
        ("stage", "alpha", "Production", [2], []),
    ]
    events = ran.json
    assert [shas.index(e["commit"]) for e in events] == [0, 0, 0, 1, 2, 3, 4, 4, 5, 5, 7, 7]
    assert events[8]["at"] == events[7]["at"] == "2026-01-05T01:00:00Z", (
        "a slow clock does not turn time back"
    )
    assert all(e["effect"] is None for e in events)
    promoted, merged, broken = events[3], events[4], events[5]
    assert (
        promoted["author"] == "@bob"
        and promoted["co_authors"] == ["Cy <cy@example.org>"]
        and promoted["pr"] == 12
    )
    assert promoted["merged_by"] == "C Person <c@example.org>"
    assert promoted["overrides"] == [
        {"gate": "pinned", "reason": "INC-42 hotfix", "source": "message"}
    ]
    assert merged["author"] == "@bob" and merged["merged_by"] == ANN and merged["pr"] == 13
    assert (
        merged["approved_by"] == ["Lee <lee@example.org>"]
        and merged["approved_by_source"] == "message"
    )
    assert "yaml-syntax" in broken["detail"] and broken["approved_by_source"] is None


def test_all_forms_tell_the_same_events(story: tuple[Team, list[str]]) -> None:
    team, _ = story
    whole = team.run("log", "--format", "json").json
    assert [
        json.loads(line) for line in team.run("log", "--format", "jsonl").out.splitlines()
    ] == whole
    rows = list(csv.DictReader(io.StringIO(team.run("log", "--format", "csv").out)))
    assert [row["commit"] for row in rows] == [e["commit"] for e in whole]
    assert (
        rows[7]["to"] == "2; 3"
        and rows[7]["subject"] == "=Move & promote"
        and rows[7]["stage"] == "Production"
    )
    assert rows[3]["author"] == "@bob" and rows[3]["overrides"] == "pinned (stated): INC-42 hotfix"
    table = team.run("log", "--format", "markdown").out.splitlines()
    assert (
        len(table) == len(whole) + 2
        and "`@bob`" in table[5]
        and "⚠️ `pinned` overridden (stated): `INC-42 hotfix`" in table[5]
    )


def test_the_text_form(story: tuple[Team, list[str]]) -> None:
    team, shas = story
    out = team.run("log", "alpha", "--until", shas[3]).out
    assert out == (
        f"2026-01-01 01:00  {shas[0][:7]}  alpha  @best       — → 1    Ann   \"Begin\"\n"
        f"2026-01-01 01:00  {shas[0][:7]}  alpha  Production  — → 1    Ann   \"Begin\"\n"
        f"2026-01-02 01:00  {shas[1][:7]}  alpha  Production  1 → 2    @bob  "
        "\"Promote 2\" (#12, claimed)\n"
        "    ! pinned overridden (stated): INC-42 hotfix\n"
        f"2026-01-04 01:00  {shas[3][:7]}  alpha              invalid  @bob  \"Oops\"\n"
        "    ✗ yaml-syntax: not valid YAML: did not find expected node content\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (["--since", "2026-01-04T01:00:00Z"], {3, 4, 5, 7}),
        (["--since", "2026-01-04T01:00:01Z"], {4, 5, 7}),
        (["--since", "2026-01-04"], {3, 4, 5, 7}),
        (["--since", "2026-01-04", "--until", "2026-01-04"], {3}),
        (["--since", "2026-01-04 01:00", "--until", "2026-01-04 01:00"], {3}),
        (["--since", "2026-01-04T01:00:00", "--until", "2026-01-04 01:00 UTC"], {3}),
        (["--since", "2026-01-05T02:00:00+01:00"], {4, 5, 7}),
        (["--until", "2026-01-04"], {0, 1, 2, 3}),
        (["--until", "2026-01-04T00:59:59.5Z"], {0, 1, 2}),
        (["--since", "2026-01-03", "--until", "2026-01-04"], {2, 3}),
        (["--since", "main~5"], {3, 4, 5, 7}),
        (["--until", "main~5"], {0, 1, 2}),
        (["--author", "ANN@"], {0, 4, 5}),
        (["--author", "cy@example.org"], {1}),
        (["--author", "ANN@", "-n", "1"], {5}),
        (["--approver", "LEE"], {2}),
        (["--approver", "lee", "--author", "ANN@"], set()),
        (["-n", "3"], {5, 7}),
        (["-n", "3", "--until", "main~5"], {0, 1, 2}),
        (["-n", "99", "--stage", "Staging"], {2}),
        (["--stage", "Staging"], {2}),
        (["--stage", "Archived"], set()),
        (["beta", "--stage", "Production"], set()),
        (["--stage", "@best"], {0, 4, 5, 7}),
        (["beta"], {2}),
        (["be*"], {2}),
        (["be*", "--since", "2026-01-04"], set()),
        (["?lp*", "-n", "1"], {7}),
        (["--since", "yesterday"], set()),
    ],
)
def test_parts_of_it(story: tuple[Team, list[str]], options: list[str], places: set[int]) -> None:
    team, shas = story
    ran = team.run("log", "--format", "json", *options)
    assert ran.code == 0, ran.err
    assert {shas.index(e["commit"]) for e in ran.json} == places


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["log", "alpah"], 1, "did you mean 'alpha'?"),
        (["log", "gamma*"], 64, "No model that ever had a manifest on the main line matches"),
        (["log", "--stage", "production"], 64, "did you mean 'Production'?"),
        (["log", "--stage", "Blue"], 64, "the stages are @best, Archived, Production, Staging"),
        (["log", "--since", "2026-02-30"], 64, "There is no such time as 2026-02-30"),
        (["log", "--until", "2026-1-1"], 1, "A time is 2026-01-31, 2026-01-31 12:00, "),
        (["log", "--since", "2 dasy ago"], 1, "'2 dasy ago' is not a time"),
        (["log", "--since", "ago"], 64, "git reads no time in 'ago'"),
        (["show", "--at", "side-1"], 1, "is not on the main line, main"),
        (["show", "nope"], 1, "never had a manifest on the main line"),
        (["log", "--format", "xml"], 64, "xml"),
        (["log", "--spreadsheet-safe"], 64, "--spreadsheet-safe needs --format csv"),
        (["log", "-n", "0"], 64, "'-n'"),
    ],
)
def test_what_cannot_be_asked_is_told(
    story: tuple[Team, list[str]], command: list[str], code: int, said: str
) -> None:
    team, _ = story
    ran = team.run(*command)
    assert ran.code == code and said in ran.err and not ran.out


@pytest.mark.parametrize("time", ["9000-01-01", "9000-01-01 12:00", "9000-01-01T12:00:00Z"])
@pytest.mark.parametrize(
    "command", [["log", "--until"], ["show", "--at"], ["show", "--effective", "--at"]]
)
def test_a_time_that_has_not_come_yet_is_now_and_is_said_to_be_in_the_future(
    story: tuple[Team, list[str]], command: list[str], time: str
) -> None:
    team, _ = story
    now, then = team.run(*command[:-1]), team.run(*command, time)
    assert then.code == now.code == 0 and then.out.splitlines()[:-1] == now.out.splitlines()[:-1]
    assert f"{time} is in the future: this is what is known now, 20" in then.err
    assert "9000" not in then.out
    later = team.run("log", "--since", time)
    assert later.code == 0 and not later.out and f"{time} is in the future" in later.err


def test_show_tells_who_held_what_then(story: tuple[Team, list[str]]) -> None:
    team, shas = story
    then = team.run("show", "--at", "2026-01-03", "--format", "json").json
    assert then == {
        "schema": 1,
        "at": "2026-01-03T23:59:59Z",
        "commit": shas[2],
        "models": [
            {
                "model": "alpha",
                "stages": {"Production": [2], "@best": [1]},
                "since": {
                    "Production": {"at": "2026-01-02T01:00:00Z", "commit": shas[1]},
                    "@best": {"at": "2026-01-01T01:00:00Z", "commit": shas[0]},
                },
            },
            {
                "model": "beta",
                "stages": {"Staging": [5]},
                "since": {"Staging": {"at": "2026-01-03T01:00:00Z", "commit": shas[2]}},
            },
        ],
    }
    broken = team.run("show", "--at", shas[3], "--format", "json").json
    assert broken["models"] == then["models"], "what cannot be read leaves what stood"
    assert [one["model"] for one in team.run("show", "--format", "json").json["models"]] == ["beta"]
    before = team.run("show", "--at", "2025-12-31", "--format", "json").json
    assert before == {
        "schema": 1,
        "at": "2025-12-31T23:59:59Z",
        "commit": None,
        "models": [],
    }
    assert "1 model at 2026-01-08 01:00 UTC" in team.run("show").out


def test_show_answers_in_five_lines(story: tuple[Team, list[str]]) -> None:
    team, shas = story
    out = team.run("show", "alpha", "--at", "2026-01-02").out
    assert out == (
        "alpha  Production 2  since 2026-01-02 01:00 UTC, 22 hours   also @best 1\n"
        f'  by         {shas[1][:7]} "Promote 2" (#12, claimed), @bob (claimed),'
        " merged by C Person <c@example.org> (claimed)\n"
        "  approved   no approval recorded\n"
        "  replaced   1\n"
        "  made from  not pinned in the manifest\n"
    )
    pinned = team.run("show", "alpha", "--at", shas[4]).out
    assert (
        "made from  2: run abc, data d/x.csv (md5 " + "ab" * 16 + "); 3: source s3://m/3" in pinned
    )
    gone = team.run("show", "alpha").out
    assert "has no manifest: deleted on 2026-01-08 01:00 UTC by" in gone
    assert "in MLflow  not known: no receipts here" in gone


@pytest.mark.parametrize("seed", range(4))
def test_the_commands_tell_what_every_commit_read_whole_does(tmp_path: Path, seed: int) -> None:
    rng = random.Random(9_000 + seed)
    repo = Repo(tmp_path)
    history = random_history(rng, 10)
    ids = repo.build(history)
    main = [ids[i] for i in history.main]
    team = of(tmp_path)
    found = team.run("log", "--format", "json").json
    slow = slow_audit.events(repo, main)
    assert [{key: event[key] for key in slow[0]} for event in found] == slow
    for model in sorted({event["model"] for event in slow if event["model"]}):
        assert team.run("log", model, "--format", "json").json == [
            e for e in found if e["model"] == model
        ]
    for sha, then in zip(main, slow_audit.whole(repo, main), strict=True):
        told = team.run("show", "--at", sha, "--format", "json").json
        assert {one["model"]: one["stages"] for one in told["models"]} == then.stages


def test_hostile_text_is_dead_in_every_form(tmp_path: Path) -> None:
    history = History()
    history.add(
        {ALPHA: manifest("alpha", "stages: {Production: 1}")},
        subject="@channel \x1b[2J\u202e | <img src=x> `tick` =1+1",
        author='=HYPERLINK("x") \x9b31m <a@example.org>',
    )
    Repo(tmp_path).build(history)
    team = of(tmp_path)
    for form in ("text", "json", "jsonl", "csv", "markdown"):
        out = team.run("log", "--format", form).out
        assert not {"\x1b", "\x9b", "\u202e"} & set(out), form
    [row] = csv.DictReader(io.StringIO(team.run("log", "--format", "csv").out))
    assert row["author"].startswith("=H") and row["subject"].startswith("@c")
    guarded = team.run("log", "--format", "csv", "--spreadsheet-safe")
    [row] = csv.DictReader(io.StringIO(guarded.out))
    assert row["author"].startswith("'=") and row["subject"].startswith("'@")
    cells = team.run("log", "--format", "markdown").out.splitlines()[2]
    assert cells.count("|") - cells.count("\\|") == 10
    assert (
        team.run("log", "--format", "json").json[0]["subject"].startswith("@channel \x1b[2J\u202e")
    )
    assert "\x1b" not in team.run("show", "alpha").out


def test_a_clone_without_receipts_or_history_says_how_to_get_them(
    story: tuple[Team, list[str]], tmp_path: Path
) -> None:
    team, _ = story
    clone = tmp_path / "clone"
    team.git("clone", "-q", "--depth", "2", f"file://{team.folder}", str(clone))
    err = of(clone).run("log").err
    assert "git fetch origin '+refs/heads/mlflow-gitops/receipts*:" in err
    assert "git fetch --unshallow" in err
    assert "git fetch" not in team.run("log").err


def test_before_the_first_commit_and_the_first_manifest(tmp_path: Path) -> None:
    repo, team = Repo(tmp_path), of(tmp_path)
    for command in (["log"], ["show"]):
        ran = team.run(*command)
        assert ran.code == 1 and "has no commits yet" in ran.err
    repo.commit("Begin", {"train.py": ""})
    assert team.run("log", "--format", "json").json == []
    assert team.run("show", "--format", "json").json["models"] == []


def test_a_damaged_repository_is_told(story: tuple[Team, list[str]]) -> None:
    team, shas = story
    blob = team.git("rev-parse", f"{shas[1]}:{ALPHA}")
    team.git("unpack-objects", "-q", check=False)
    for pack in (team.folder / ".git/objects/pack").glob("*.pack"):
        data = pack.read_bytes()
        for one in pack.parent.glob(pack.stem + ".*"):
            one.unlink()
        subprocess.run(["git", "unpack-objects", "-q"], cwd=team.folder, input=data, check=True)
    (team.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    ran = team.run("log", "alpha", "--format", "json")
    assert ran.code == 0
    assert [e["detail"] for e in ran.json if e["commit"] == shas[1]] == [
        "larger than 1 MiB, or its content is missing in git"
    ]
    tree = team.git("rev-parse", f"{shas[2]}^{{tree}}")
    (team.folder / ".git/objects" / tree[:2] / tree[2:]).unlink()
    before = team.run("log", "--format", "json")
    assert before.code == 0, "the index still has what git has lost"
    ran = team.run("--no-index", "log")
    assert (
        ran.code == 1
        and not ran.out
        and "git cannot show what the commits changed: fatal" in ran.err
    )


def test_nothing_slow_is_imported(story: tuple[Team, list[str]]) -> None:
    team, _ = story
    for command in (["log"], ["show"], ["show", "alpha", "--at", "2026-01-02"]):
        code = (
            "import sys; from mlflow_gitops.cli import main; assert main(['--repo',"
            f" {str(team.folder)!r}, *{command!r}]) == 0; print([m for m in ('mlflow', 'git',"
            " 'jsonschema', 'requests', 'rich') if m in sys.modules], file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stderr.splitlines()[-1] == "[]", done.stderr
