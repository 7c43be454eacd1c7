"""`codeowners` writes the file, `validate` says when it is stale, and a pull request that changes
owners must bring both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.team import Team

PLACE = ".github/CODEOWNERS"
POLICY = 'owners: ["@acme/ml-platform"]\n'


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", "unused")
    made.write("policy.yaml", POLICY)
    made.write("models/nlp/fraud.yaml", "name: fraud\nowners: ['@acme/risk-ml']\nstages: {}\n")
    made.commit("First", churn="stages: {}\n")
    return made


def owners(team: Team, name: str, *who: str) -> None:
    team.write(f"models/nlp/{name}.yaml", f"name: {name}\nowners: {list(who)}\nstages: {{}}\n")


def stale(team: Team, *args: str) -> list[dict[str, object]]:
    """What validate says of CODEOWNERS."""
    ran = team.run("validate", "--format", "json", *args)
    found = [one for one in ran.json["errors"] if one["code"] == "codeowners-stale"]
    assert ran.code == (3 if ran.json["errors"] else 0)
    return found


def test_written_once_and_then_as_it_is(team: Team) -> None:
    shown = team.run("codeowners", "--dry-run")
    assert shown.code == 0 and not (team.folder / PLACE).exists()
    assert "+/registry/models/nlp/fraud.yaml @acme/risk-ml" in shown.out and shown.out.startswith(
        "--- /dev/null"
    )
    assert team.run("codeowners", "--check").code == 3
    first = team.run("codeowners")
    assert first.code == 0 and first.out == shown.out
    text = (team.folder / PLACE).read_text()
    assert "/tools/" not in text and text.endswith("# END mlflow-gitops /registry\n")
    again = team.run("codeowners")
    assert (again.code, again.out) == (0, "") and (team.folder / PLACE).read_text() == text
    assert team.run("codeowners", "--check").code == 0 and stale(team) == []
    told = team.run("codeowners", "--format", "json").json
    assert told == {"schema": 1, "file": PLACE, "changed": False, "diff": ""}


def test_a_folder_of_tools_is_the_platforms(team: Team) -> None:
    (team.folder / "tools").mkdir()
    team.run("codeowners")
    assert "/tools/ @acme/ml-platform" in (team.folder / PLACE).read_text()


@pytest.mark.parametrize(
    ("places", "taken"),
    [
        (["CODEOWNERS"], "CODEOWNERS"),
        (["docs/CODEOWNERS"], "docs/CODEOWNERS"),
        (["docs/CODEOWNERS", "CODEOWNERS"], "CODEOWNERS"),
        (["CODEOWNERS", PLACE], PLACE),
    ],
)
def test_the_file_that_github_takes(places: list[str], taken: str, team: Team) -> None:
    for place in places:
        (team.folder / place).parent.mkdir(exist_ok=True)
        (team.folder / place).write_text("* @everybody\n")
    assert team.run("codeowners", "--format", "json").json["file"] == taken
    text = (team.folder / taken).read_text()
    assert (
        text.startswith("* @everybody\n\n# BEGIN")
        and "/registry/models/nlp/fraud.yaml @acme/risk-ml" in text
    )
    assert taken.startswith(".github") or f"/{taken} @acme/ml-platform" in text, (
        "it protects itself"
    )
    for other in places:
        assert other == taken or (team.folder / other).read_text() == "* @everybody\n"
    assert stale(team) == []


def test_stale_with_file_line_and_way_out(team: Team) -> None:
    team.run("codeowners")
    owners(team, "fraud", "@acme/fraud-ml")
    [found] = stale(team)
    line = (team.folder / PLACE).read_text().splitlines()[int(str(found["line"])) - 1]
    assert found["file"] == PLACE and line == "/registry/models/nlp/fraud.yaml @acme/risk-ml"
    assert "Run mlflow-gitops codeowners" in str(found["message"])
    annotated = team.run("validate", "--format", "github")
    assert f"::error file={PLACE},line={found['line']}" in annotated.out
    team.run("codeowners")
    assert stale(team) == []


def test_only_what_a_branch_changes(team: Team) -> None:
    """A changed `owners` needs the regenerated file in the same pull request (RULES R9); who
    changed something else is not told of what others left stale."""
    team.run("codeowners")
    owners(team, "old", "@acme/left-stale")
    team.commit("A manifest whose owners nobody wrote down")
    team.git("checkout", "-q", "-b", "work")
    team.commit("Another", churn="stages: {}\ndescription: other\n")
    assert stale(team, "--changed-since", "main") == [] and len(stale(team)) == 1
    owners(team, "fraud", "@acme/fraud-ml")
    team.commit("Owners")
    [found] = stale(team, "--changed-since", "main")
    assert "fraud.yaml" in str(found["message"])
    team.run("codeowners")
    assert stale(team, "--changed-since", "main") == []
    team.git("rm", "-q", "-f", "registry/models/nlp/fraud.yaml")
    team.commit("Gone")
    [found] = stale(team, "--changed-since", "main")
    assert "was deleted" in str(found["message"])
    team.write("policy.yaml", 'owners: ["@acme/others"]\n')
    team.run("codeowners")
    assert stale(team, "--changed-since", "main") == []
    team.write("policy.yaml", 'owners: ["@acme/third"]\n')
    assert stale(team, "--changed-since", "main"), "the policy's owners are everybody's"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text.replace("@acme/", "@mallory/"),
        lambda text: f"{text}/registry/ @mallory\n",
    ],
    ids=["emptied", "other owners", "overruled"],
)
def test_a_change_of_this_file_alone(team: Team, spoil: Callable[[str], str]) -> None:
    """It has to fit all manifests, though none changed; other files stay unread."""
    team.run("codeowners")
    team.commit("Owners")
    team.write("models/broken.yaml", "name: broken\nstages: 1\n")
    team.git("add", "-A")
    team.git("commit", "-q", "-m", "Invalid for long")
    file = team.folder / PLACE
    assert stale(team, "--changed-since", "HEAD") == stale(team, str(file)) == []
    file.write_text(spoil(file.read_text()))
    for arguments in (("--changed-since", "HEAD"), (str(file),)):
        assert stale(team, *arguments) == stale(team) != []
        ran = team.run("validate", *arguments, "--format", "json")
        assert {error["file"] for error in ran.json["errors"]} == {PLACE}


def test_an_invalid_manifest_does_not_make_the_others_stale(team: Team) -> None:
    team.run("codeowners")
    team.write("models/churn.yaml", "name: churn\nstages: 1\n")
    assert stale(team) == []
    assert team.run("codeowners").code == 3
    owners(team, "fraud", "@acme/fraud-ml")
    assert len(stale(team)) == 1


def _break_yaml(team: Team) -> None:
    team.write("models/nlp/fraud.yaml", "name: fraud\nowners: ['@mallory'\n")


def _use_an_unknown_stage(team: Team) -> None:
    team.write("models/nlp/fraud.yaml", "name: fraud\nowners: ['@mallory']\nstages: {Live: 1}\n")


def _change_the_ending(team: Team) -> None:
    team.git("mv", "registry/models/nlp/fraud.yaml", "registry/models/nlp/fraud.yml")


def _move_and_break(team: Team) -> None:
    _break_yaml(team)
    (team.folder / "registry/models/new").mkdir()
    team.git("mv", "registry/models/nlp/fraud.yaml", "registry/models/new/fraud.yaml")


def _hide_below_a_link(team: Team) -> None:
    folder = team.folder / "registry/models/nlp"
    folder.rename(team.folder / "registry/elsewhere")
    folder.symlink_to("../elsewhere")


def _write_a_second_file(team: Team) -> None:
    team.write("models/copy/fraud.yaml", "name: fraud\nowners: ['@mallory']\nstages: {}\n")


@pytest.mark.parametrize(
    "spoil",
    [
        _break_yaml,
        _use_an_unknown_stage,
        _change_the_ending,
        _move_and_break,
        _hide_below_a_link,
        _write_a_second_file,
    ],
)
def test_a_file_that_cannot_be_read_keeps_its_owners(
    spoil: Callable[[Team], None], team: Team
) -> None:
    team.run("codeowners")
    spoil(team)
    team.write("models/other.yaml", "name: other\nowners: ['@acme/other-ml']\nstages: {}\n")

    ran = team.run("codeowners")
    assert ran.code == 3 and "error[" in ran.err and "stay as they are" in ran.err
    lines = (team.folder / PLACE).read_text().splitlines()
    assert "/registry/models/other.yaml @acme/other-ml" in lines
    owned = [line.split()[1] for line in lines if line.split()[0].endswith(("fraud.yaml", ".yml"))]
    assert owned and set(owned) == {"@acme/risk-ml"} and "@mallory" not in " ".join(lines)
    if spoil is _move_and_break:
        assert "/registry/models/new/fraud.yaml @acme/risk-ml" in lines
    assert team.run("codeowners", "--format", "json").json["errors"]


def test_an_invalid_policy_leaves_the_block_alone(team: Team) -> None:
    team.run("codeowners")
    before = (team.folder / PLACE).read_text()
    team.write("policy.yaml", "owners: [nobody\n")
    owners(team, "fraud", "@acme/other-ml")
    ran = team.run("codeowners")
    assert ran.code == 3 and "registry/policy.yaml" in ran.err and ran.out.strip() == ""
    assert (team.folder / PLACE).read_text() == before


def test_without_a_file(team: Team) -> None:
    """A warning where the policy says who the platform team is; a repository without owners is left
    in peace."""
    ran = team.run("validate", "--format", "json")
    assert ran.code == 0 and [one["code"] for one in ran.json["warnings"]] == ["codeowners-missing"]
    team.write("policy.yaml", "{}\n")
    assert team.run("validate", "--format", "json").json["warnings"] == []
    (team.folder / "registry/models/nlp/fraud.yaml").unlink()
    ran = team.run("codeowners")
    assert ran.code == 0 and not (team.folder / PLACE).exists() and "names owners" in ran.err
    (team.folder / "CODEOWNERS").write_text("* @everybody\n")
    assert stale(team) == [] and (team.folder / "CODEOWNERS").read_text() == "* @everybody\n"


def test_hostile_lines_stay_and_are_harmless(team: Team) -> None:
    (team.folder / ".github").mkdir()
    before = b"# \x1b[2J\xff\n* @everybody\n"
    (team.folder / PLACE).write_bytes(before)
    ran = team.run("codeowners")
    assert ran.code == 0 and "\x1b" not in ran.out
    assert (team.folder / PLACE).read_bytes().startswith(before)


def test_where_it_cannot_be_written(team: Team) -> None:
    (team.folder / ".github").write_text("a file where a folder should be")
    ran = team.run("codeowners")
    assert ran.code == 1 and "cannot be written" in ran.err


def test_this_repositorys_own() -> None:
    here = Team.__new__(Team)  # as it is, without making it a new one
    here.folder, here.uri = Path(__file__).parents[2], "unused"
    assert here.run("validate", "--format", "json").json["errors"] == []
    assert here.run("codeowners", "--check").code == 0


@pytest.mark.parametrize("bytes_more", [0, 1])
def test_a_file_that_github_does_not_load(team: Team, bytes_more: int) -> None:
    """GitHub ignores a CODEOWNERS file of 3 MB or more, so it asks no owner for a review."""
    assert team.run("codeowners").code == 0
    file = team.folder / PLACE
    text = file.read_text()
    file.write_text(f"# {'x' * (3 * 1024 * 1024 - len(text) - 5 + bytes_more)}\n\n{text}")
    ran = team.run("validate", "--format", "json")
    codes = [error["code"] for error in ran.json["errors"]]
    assert codes == (["codeowners-too-large"] if bytes_more else [])
