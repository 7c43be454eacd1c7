"""`verify`: what git and the receipts do not explain is found, and by which field (RULES R7)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.receipts import delete_receipt, edit_receipt, receipts_in, rewrite_receipts
from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.team import Ran, Team

MODEL = "fraud"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository and a registry with a model of three versions: 2 in Production after 1, 3 in
    Staging. Made once; each test has a copy."""
    folder = tmp_path_factory.mktemp("made")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    shelf = LaneRegistry(uri)
    shelf.client.create_registered_model(MODEL)
    for number in (1, 2, 3):
        shelf.client.create_model_version(MODEL, f"s3://models/{number}", await_creation_for=0)
    team = Team(folder / "repo", uri)
    team.write("policy.yaml", POLICY)
    team.commit("First", **{MODEL: "stages: {Production: 1, Staging: 2}\n"})
    team.reconcile()
    team.commit(
        "Promote 2 (#7)", **{MODEL: "stages: {Production: 2, Staging: 3}\naliases: {champion: 2}\n"}
    )
    team.reconcile()
    return folder


@pytest.fixture
def uri(template: Path, tmp_path: Path) -> str:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def team(uri: str, tmp_path: Path) -> Team:
    return Team(tmp_path / "repo", uri)


@pytest.fixture
def name() -> str:
    return MODEL


def verify(team: Team, *args: str) -> Ran:
    return team.run("verify", "--format", "json", *args)


def fields(ran: Ran) -> list[str]:
    return [finding["field"] for finding in ran.json["unexplained"]]


def test_what_was_reconciled_is_explained(team: Team, shelf: LaneRegistry, name: str) -> None:
    ran = verify(team)
    assert ran.code == 0, ran.out
    assert ran.json["models"] == 1 and ran.json["receipts"] == 2 and ran.json["unexplained"] == []
    assert "Verified 1 model by 2 receipts: all explained by" in team.run("verify").out


def test_a_run_whose_newest_commit_is_about_something_else_is_explained(
    team: Team, shelf: LaneRegistry, name: str
) -> None:
    """The stamp names the commit that changed the model, the receipt stands at the one that was
    reconciled."""
    other = shelf.model(1, "other")
    third = team.commit("Third", **{name: "stages: {Production: 3}\n"})
    team.commit("Another model", **{other: "stages: {Production: 1}\n"})
    team.commit("No model at all")
    team.reconcile()
    assert shelf.tags(name)["gitops.commit"] == third
    ran = verify(team)
    assert ran.code == 0, ran.out
    # Back to a stamp that no run wrote: what the later runs brought it to is something else.
    shelf.client.set_registered_model_tag(
        name, "gitops.commit", team.git("rev-list", "--max-parents=0", "HEAD")
    )
    first = team.git("rev-list", "--max-parents=0", "HEAD")
    others = [receipt.text for receipt in receipts_in(team.folder) if receipt.commit != first]
    rewrite_receipts(team.folder, others)
    assert "commit" in fields(verify(team))


def test_a_commit_that_is_not_reconciled_yet_is_no_fault(team: Team, name: str) -> None:
    team.commit("Not yet", **{name: "stages: {Production: 3}\n"})
    assert verify(team).code == 0


def test_a_model_that_was_never_reconciled_is_no_fault_until_it_holds_something(
    team: Team, shelf: LaneRegistry, name: str
) -> None:
    shelf.client.create_registered_model("new")
    shelf.client.create_model_version("new", "s3://models/1", await_creation_for=0)
    team.commit("New", new="stages: {Production: 1}\n")
    ran = verify(team)
    assert ran.code == 0, ran.out
    shelf.client.transition_model_version_stage("new", "1", "Production")
    [found] = verify(team).json["unexplained"]
    assert (
        found["field"] == "stage Production" and "no reconcile has been here yet" in found["detail"]
    )


def test_stamps_that_were_taken_away_are_missed(team: Team, shelf: LaneRegistry, name: str) -> None:
    shelf.client.delete_registered_model_tag(name, "gitops.commit")
    assert fields(verify(team)) == ["commit", "stage Production", "stage Staging"]
    shelf.client.delete_registered_model_tag(name, "gitops.owner")
    assert fields(verify(team))[:2] == ["owner", "commit"]


def test_what_nobody_manages_is_counted_and_fails_only_with_all(
    team: Team, shelf: LaneRegistry, name: str
) -> None:
    stranger = shelf.model(1, "stranger")
    ran = verify(team)
    assert ran.code == 0 and ran.json["unmanaged"] == [stranger]
    assert verify(team, "--all").code == 4
    assert "1 more in MLflow that nobody manages here" in team.run("verify").out


Deed = Callable[[LaneRegistry, str], object]
SHA = "0123456789" * 4
DEEDS: dict[str, tuple[Deed, list[str]]] = {
    "a click": (
        lambda s, m: s.client.transition_model_version_stage(m, "3", "Production"),
        ["stage Production"],
    ),
    "an emptied stage": (
        lambda s, m: s.client.transition_model_version_stage(m, "2", "Archived"),
        ["stage Production"],
    ),
    "an alias by hand": (
        lambda s, m: s.client.set_registered_model_alias(m, "production", "1"),
        ["alias production"],
    ),
    "an alias taken away": (
        lambda s, m: s.client.delete_registered_model_alias(m, "champion"),
        ["alias champion"],
    ),
    "a forged held stamp of no commit": (
        lambda s, m: s.client.set_model_version_tag(
            m, "3", "gitops.held.Production", f"{SHA}@2026-01-01T00:00:00Z"
        ),
        ["held 3 Production"],
    ),
    "a held stamp taken away": (
        lambda s, m: s.client.delete_model_version_tag(m, "2", "gitops.held.Production"),
        ["held 2 Production"],
    ),
    "a stamp of no commit": (
        lambda s, m: s.client.set_registered_model_tag(m, "gitops.commit", SHA),
        ["commit"],
    ),
    "another owner": (
        lambda s, m: s.client.set_registered_model_tag(m, "gitops.owner", "else:where"),
        ["owner"],
    ),
    "a receipt of nothing": (
        lambda s, m: s.client.set_registered_model_tag(m, "gitops.receipt", SHA),
        ["receipt"],
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_someone_did_beside_git_is_found_by_its_field(
    team: Team, shelf: LaneRegistry, name: str, deed: str
) -> None:
    act, expected = DEEDS[deed]
    act(shelf, name)
    ran = verify(team)
    assert ran.code == 4
    assert fields(ran) == expected and all(
        finding["model"] == name for finding in ran.json["unexplained"]
    )


def test_a_held_stamp_that_names_a_refused_commit_is_found(
    team: Team, shelf: LaneRegistry, name: str
) -> None:
    """A user who may edit stamps could make a refused promotion look like a rollback."""
    team.write(
        "policy.yaml",
        "stages: {Production: {alias: production, require: {tags: {never: there}}}}\n",
    )
    team.commit("A gate")
    refused = team.commit("Promote 3", **{name: "stages: {Production: 3, Staging: []}\n"})
    assert team.run("reconcile", "--yes").code == 4
    stamp = f"{refused}@2026-01-01T00:00:00Z"
    shelf.client.set_model_version_tag(name, "3", "gitops.held.Production", stamp)
    ran = verify(team)
    assert fields(ran) == ["held 3 Production"]
    assert (
        "comes after the commit that the model was reconciled to"
        in ran.json["unexplained"][0]["detail"]
    )
    team.commit(
        "Give up", **{name: "stages: {Production: 2, Staging: 3}\naliases: {champion: 2}\n"}
    )
    [model] = team.reconcile().json["models"]
    assert ("delete_tag", 3) in {
        (change["action"], change["version"]) for change in model["changes"]
    }
    assert fields(verify(team)) == [], "the next run removes it"


def test_a_version_deleted_and_made_again_is_not_the_one_that_was_pinned(
    team: Team, shelf: LaneRegistry, name: str
) -> None:
    pins = "versions: {2: {source: 's3://models/2'}}\n"
    team.commit(
        "Pin", **{name: f"stages: {{Production: 2, Staging: 3}}\naliases: {{champion: 2}}\n{pins}"}
    )
    team.reconcile()
    assert verify(team).code == 0
    model, versions = shelf.client.get_registered_model(name), shelf.versions(name)
    shelf.client.delete_registered_model(name)
    shelf.client.create_registered_model(name, tags=model.tags)
    for number, version in sorted(versions.items()):
        source = "s3://models/another" if number == 2 else version.source
        shelf.client.create_model_version(name, source, tags=version.tags, await_creation_for=0)
        shelf.client.transition_model_version_stage(name, str(number), version.current_stage)
    for alias, number in model.aliases.items():
        shelf.client.set_registered_model_alias(name, alias, str(number))
    ran = verify(team)
    details = {finding["field"]: finding["detail"] for finding in ran.json["unexplained"]}
    assert "MLflow has s3://models/another" in details.pop("pin 2 source")
    assert {field.split()[0] for field in details} == {"held"}, "stamps of the model before it"


def test_a_rewritten_commit_is_found(team: Team, name: str) -> None:
    team.git("commit", "-q", "--amend", "-m", "Promote 2, told otherwise")
    ran = verify(team)
    assert ran.code == 4 and "commit" in fields(ran)
    assert any(
        "names no commit of the main line" in finding["detail"]
        for finding in ran.json["unexplained"]
    )


def test_a_model_that_is_gone(team: Team, shelf: LaneRegistry, name: str) -> None:
    shelf.client.delete_registered_model(name)
    assert fields(verify(team)) == ["model"]


def test_a_model_that_was_retired_is_explained(team: Team, shelf: LaneRegistry, name: str) -> None:
    team.git("rm", "-q", f"registry/models/{name}.yaml")
    team.commit("Retire it", other="stages: {}\n")
    assert verify(team).code == 0, "not pruned yet"
    team.reconcile("--prune")
    ran = verify(team)
    assert ran.code == 0, ran.out
    shelf.client.transition_model_version_stage(name, "1", "Production")
    shelf.client.set_registered_model_alias(name, "production", "1")
    assert fields(verify(team)) == ["stage Production", "alias production"]


def test_receipts_that_are_edited_or_deleted_show(
    team: Team, shelf: LaneRegistry, name: str
) -> None:
    """By a later commit, what the branch held before still counts; if the branch is rewritten, the
    chain is broken."""
    repo = team.folder
    first, second = receipts_in(repo)
    change = ('"result": "applied"', '"result": "applied", "by": "@someone"')
    edit_receipt(repo, first, *change)
    [found] = verify(team).json["unexplained"]
    assert found["field"] == "receipts" and "what it held before still counts" in found["detail"]
    delete_receipt(repo, second)
    assert [found["detail"].split()[1] for found in verify(team).json["unexplained"]] == [
        "deleted",
        "changed",
    ]
    assert receipts_in(repo) == [first, second]

    rewrite_receipts(repo, [first.text.replace(*change), second.text])
    assert fields(verify(team)) == ["receipts"]
    rewrite_receipts(repo, [second.text])
    assert "receipts" in fields(verify(team))
    rewrite_receipts(repo, [])
    found = verify(team)
    assert found.code == 4 and fields(found)[0] == "receipts"


def test_gates_that_no_receipt_says_were_passed(team: Team, shelf: LaneRegistry, name: str) -> None:
    """A version that came in while another policy's gates were asked for: the receipt has to name
    their verdicts."""
    team.write(
        "policy.yaml",
        "stages: {Production: {alias: production, from: [Staging]}, Staging: {alias: staging}}\n",
    )
    team.commit("A gate")
    team.commit("Promote 3", **{name: "stages: {Production: 3}\naliases: {champion: 3}\n"})
    team.reconcile()
    assert verify(team).code == 0, verify(team).out
    [*earlier, newest] = [receipt.text for receipt in receipts_in(team.folder)]
    assert '"gate": "from"' in newest
    forged = newest.replace('"status": "passed"', '"status": "failed"')
    rewrite_receipts(team.folder, [*earlier, forged])
    assert "gates 3 Production" in fields(verify(team))


def test_signatures_by_gits_own_judgement(team: Team, name: str, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"a@example.org {key.with_suffix('.pub').read_text()}")
    ran = verify(team, "--signatures")
    assert ran.code == 4 and set(fields(ran)) == {"signature"} and "is not signed" in ran.out
    for setting in ("gpg.format=ssh", f"user.signingkey={key}", "commit.gpgsign=true"):
        team.git("config", *setting.split("=", 1))
    team.commit("Signed", **{name: "stages: {Production: 3}\n"})
    team.reconcile()
    ran = verify(team, "--signatures")
    assert fields(ran) == ["signature"] and "git knows no allowed signers here" in ran.out
    team.git("config", "gpg.ssh.allowedSignersFile", str(allowed))
    assert verify(team, "--signatures").code == 0
    other = tmp_path / "other"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "stranger")],
        check=True,
    )
    other.write_text(f"a@example.org {(tmp_path / 'stranger.pub').read_text()}")
    team.git("config", "gpg.ssh.allowedSignersFile", str(other))
    assert "is signed by a key that is not trusted here" in verify(team, "--signatures").out

    team.git("config", "commit.gpgsign", "false")
    team.commit("Unsigned", **{name: "stages: {Production: 2}\n"})
    team.reconcile()
    glob = f"{name[:-1]}*"
    assert verify(team, "--signatures", "--since", "HEAD", glob).code == 0
    ran = verify(team, "--signatures", "--since", "HEAD~1", glob)
    assert ran.code == 4 and fields(ran) == ["signature"] and "is not signed" in ran.out


def test_a_shallow_clone_says_so(team: Team, name: str, tmp_path: Path) -> None:
    team.git("clone", "-q", "--depth", "1", f"file://{team.folder}", str(tmp_path / "shallow"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "shallow", team.uri
    ran = clone.run("verify")
    assert ran.code == 1 and "git fetch --unshallow" in ran.err
