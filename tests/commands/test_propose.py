"""Pull requests for new versions (`github propose`), on a real repository, a real registry and the
GitHub of the tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from mlflow_gitops.core.manifests.names import file_stem
from tests.support.environments import Teams
from tests.support.github.job import as_a_job
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Pull, Repository
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Shadow: {alias: shadow, native: false}
  Production: {alias: production}
propose: Staging
models:
  - {match: "pair", stages: {Staging: {alias: null}}}
  - {match: "quiet", propose: null}
"""
CHURN = """\
name: churn   # who leaves
stages:
  Production: 1   # since May
  Staging: 2
"""
BRANCH = "mlflow-gitops/propose/churn"
WRITES = "(POST|PATCH|PUT|DELETE) "


class Desk:
    """The team `acme`, its GitHub and its MLflow: `churn` has 1 in Production and 2 in Staging."""

    def __init__(self, folder: Path, api: GitHubAPI) -> None:
        from mlflow import MlflowClient

        uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.api, self.repo, self.client = api, api.repository, MlflowClient(uri)
        self.team = Team(folder / "clone", uri)
        self.team.point_origin_at(self.repo.path)
        self.repo.user("ada", "write", mails=("ada@example.org",))

    def register(self, model: str = "churn", **more: str) -> int:
        source = f"s3://models/{model}"
        return int(
            self.client.create_model_version(model, source, await_creation_for=0, **more).version
        )

    def propose(self, *args: str) -> Ran:
        before = {key: os.environ.get(key) for key in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")}
        ran = self.team.run("github", "propose", *args)
        assert before == {key: os.environ.get(key) for key in before}
        return ran

    def writes(self, *args: str) -> tuple[Ran, int]:
        """A run, and how much it wrote: requests, and pushed commits."""
        heads, asked = self.heads(), self.api.asked(WRITES)
        ran = self.propose(*args)
        assert ran.code == 0, ran.out + ran.err
        return ran, self.api.asked(WRITES) - asked + (self.heads() != heads)

    def heads(self) -> str:
        return self.repo.git("for-each-ref", "refs/heads")

    def pull(self) -> Pull:
        """The one open pull request."""
        self.repo.look()
        [found] = [one for one in self.repo.pulls() if one.state == "open"]
        return found

    def manifest(self, ref: str, file: str = "churn") -> str:
        return self.repo.git("show", f"{ref}:registry/models/{file}.yaml")

    def main(self, message: str = "Change", **files: str) -> None:
        """Somebody changes the main branch; the clone is at its tip then, as a workflow's checkout
        is."""
        self.team.git("fetch", "-q", "origin")
        self.team.git("checkout", "-q", "-B", "main", "origin/main")
        if files:
            self.team.commit(message, **files)
            self.team.git("push", "-q", "origin", "main")

    def commits_on(self, branch: str, text: str, *options: str) -> str:
        """Ada checks a branch out and commits to it."""
        git = self.team.git
        git("fetch", "-q", "origin")
        git("checkout", "-q", "-B", "mine", f"origin/{branch}")
        self.team.write("models/churn.yaml", text)
        git("add", "-A")
        git("commit", "-q", "--author", "ada <ada@example.org>", "-m", "Mine", *options)
        git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        git("checkout", "-q", "main")
        return git("rev-parse", "mine")


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Path:
    """What each test has a copy of."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("desk")
    uri = blank_registry(folder / "mlflow.db")
    client = MlflowClient(uri)
    for model, count in (("churn", 2), ("pair", 3), ("quiet", 2), ("stray", 1)):
        client.create_registered_model(model)
        for _ in range(count):
            client.create_model_version(model, f"s3://models/{model}", await_creation_for=0)
    team = Team(folder / "clone", uri)
    team.write("policy.yaml", POLICY)
    team.commit("First", churn=CHURN, pair="stages: {Staging: [1, 2, 3]}\n", quiet="stages: {}\n")
    team.git("remote", "add", "origin", str(Repository(folder / "hub").path))
    team.git("push", "-q", "origin", "main")
    return folder


@pytest.fixture
def desk(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    with GitHubAPI(Repository(tmp_path / "hub")).serving() as api:
        made = Desk(tmp_path, api)
        as_a_job(api, tmp_path, monkeypatch)
        yield made


def test_a_new_version_is_proposed_once(desk: Desk, tmp_path: Path) -> None:
    before = desk.team.git("status", "--porcelain", "--branch"), desk.team.git("branch", "--list")
    assert desk.writes()[1] == 0 and not desk.repo.pulls(), "there is nothing new"
    number = desk.register(description="Trained on May", run_id=None)
    assert desk.propose().code == 0
    pull = desk.pull()
    assert (pull.head_ref, pull.base_ref, pull.user) == (BRANCH, "main", "github-actions[bot]")
    assert pull.title == f"Promote churn {number} to Staging"
    assert "`Trained on May`" in pull.body and "It replaces 2." in pull.body
    assert "## `churn`: 2 → 3" in pull.body, "compared with what Staging has"
    # One commit on main, and of the manifest nothing but the stage's line and the pin.
    assert pull.commits == [pull.head]
    diff = desk.repo.git("show", "--format=", "-U0", pull.head).splitlines()
    changed = [line for line in diff if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert changed == [
        "-  Staging: 2",
        "+  Staging: 3",
        "+versions:",
        '+  3: {source: "s3://models/churn"}',
    ]
    assert (tmp_path / "OUTPUT").read_text().splitlines()[-1] == f"branches={BRANCH}"
    assert "opened" in (tmp_path / "STEP_SUMMARY").read_text()
    # The checkout is as it was.
    assert before == (
        desk.team.git("status", "--porcelain", "--branch"),
        desk.team.git("branch", "--list"),
    )
    ran, written = desk.writes()
    assert written == 0 and "unchanged" in ran.out
    assert (tmp_path / "OUTPUT").read_text().splitlines()[-1] == "branches=", (
        "no check is started again"
    )


def test_a_newer_version_takes_the_pull_request_over(desk: Desk) -> None:
    desk.register()
    desk.propose()
    first = desk.pull()
    desk.register()
    desk.register()
    assert "updated" in desk.propose().out
    pull = desk.pull()
    assert pull.number == first.number and pull.title == "Promote churn 5 to Staging"
    assert "2 → 5" in pull.body and "2 → 3" not in pull.body
    assert pull.commits == [pull.head] and "Staging: 5" in desk.manifest(BRANCH)
    assert desk.writes()[1] == 0


def test_what_people_write_in_its_text_stays_until_another_version_comes(desk: Desk) -> None:
    desk.register()
    desk.propose()
    desk.pull().body += "\r\nLooks good to me."
    assert desk.writes()[1] == 0 and "Looks good" in desk.pull().body


def test_a_version_that_is_not_ready_waits(desk: Desk) -> None:
    number = desk.register()
    desk.client.set_registered_model_tag("churn", "nothing", "else")
    store = desk.client._get_registry_client().store
    with store.ManagedSessionMaker() as session:
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion

        session.query(SqlModelVersion).filter_by(name="churn", version=number).update(
            {"status": "PENDING_REGISTRATION"}
        )
    assert desk.writes()[1] == 0


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merged_and_then_the_next(desk: Desk, method: str) -> None:
    desk.register()
    desk.propose()
    number = desk.pull().number
    desk.repo.merge(number, method, by="ada")  # type: ignore[arg-type]
    desk.main()
    assert desk.writes()[1] == 0, "the branch that is left behind disturbs nobody"
    desk.register()
    desk.propose()
    pull = desk.pull()
    assert (
        pull.number != number
        and pull.title == "Promote churn 4 to Staging"
        and "3 → 4" in pull.body
    )
    assert pull.commits == [pull.head]


def test_what_was_turned_down_is_not_proposed_again(desk: Desk) -> None:
    desk.register()
    desk.propose()
    pull = desk.pull()
    desk.repo.close(pull.number)
    assert desk.writes()[1] == 0
    # Also once the branch is gone, and with the main branch elsewhere.
    desk.repo.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    desk.main(churn=CHURN + "description: Words\n")
    assert desk.writes()[1] == 0
    desk.register()
    desk.propose()
    assert desk.pull().title == "Promote churn 4 to Staging"
    # Who opens it again has it again.
    desk.repo.close(desk.pull().number)
    desk.repo.issues[pull.number].state = "open"
    assert desk.writes("churn")[1] > 0 and pull.state == "closed", "a newer one was turned down"


def test_a_reverted_merge_is_a_decision_too(desk: Desk) -> None:
    desk.register()
    desk.propose()
    desk.repo.merge(desk.pull().number, "squash", by="ada")
    desk.main("Not this one", churn=CHURN)
    assert desk.writes()[1] == 0


def test_overtaken_by_main(desk: Desk) -> None:
    desk.register()
    desk.propose()
    pull = desk.pull()
    desk.main("By hand", churn=CHURN.replace("Staging: 2", "Staging: 3"))
    ran, written = desk.writes("--dry-run")
    assert written == 0 and "withdrawn: not yet" in ran.out
    assert "withdrawn" in desk.propose().out
    assert pull.state == "closed" and "no newer version" in pull.comments[-1].body
    assert desk.writes()[1] == 0
    # Nobody decided about 3: taken back by hand, it is proposed as before.
    desk.main("Taken back", churn=CHURN)
    desk.propose()
    assert desk.pull().title == "Promote churn 3 to Staging"


def test_made_anew_where_main_changed_the_same_manifest(desk: Desk) -> None:
    desk.register()
    desk.propose()
    pull, head = desk.pull(), desk.pull().head
    (desk.team.folder / "README.md").write_text("Words\n")
    desk.main("Elsewhere", quiet="stages: {}\ndescription: Words\n")
    assert desk.writes()[1] == 0 and desk.pull().head == head, "approvals stay"
    desk.main("Here", churn=CHURN.replace("since May", "since June") + "description: Words\n")
    desk.propose()
    assert desk.pull().number == pull.number and desk.pull().head != head
    assert "since June" in desk.manifest(BRANCH) and "Staging: 3" in desk.manifest(BRANCH)


def test_a_branch_that_somebody_laid_out_is_not_opened_as_ours(desk: Desk) -> None:
    """All of our commit's marks can be forged. So what is opened is made anew, and holds one
    change."""
    desk.register()
    desk.propose()
    desk.repo.close(desk.pull().number)
    ours = desk.repo.git("show", "-s", "--format=%B", BRANCH)
    desk.register()
    git = desk.team.git
    git("checkout", "-q", "-B", "theirs", "origin/main")
    desk.team.write("policy.yaml", "stages: {}\n")
    desk.team.write("models/churn.yaml", CHURN.replace("Staging: 2", "Staging: 4"))
    git("add", "-A")
    git("commit", "-q", "-m", ours)
    git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{BRANCH}")
    desk.main()
    desk.propose()
    changed = desk.repo.git("diff", "--name-only", "main", desk.pull().head).splitlines()
    assert (
        changed == ["registry/models/churn.yaml"]
        and desk.pull().title == "Promote churn 4 to Staging"
    )


@pytest.mark.parametrize("options", [(), ("--amend",)])
def test_a_persons_commit_is_kept(desk: Desk, options: tuple[str, ...]) -> None:
    desk.register()
    desk.propose()
    text = desk.manifest(BRANCH).replace("# since May", "# since May, says Ada") + "\n"
    mine = desk.commits_on(BRANCH, text, *options)
    desk.register()
    ran, written = desk.writes()
    assert written == 0 and desk.pull().head == mine
    assert "others have committed to" in ran.out and "delete the branch" in ran.out
    desk.main("By hand", churn=CHURN.replace("Staging: 2", "Staging: 4"))
    assert desk.writes()[1] == 0 and desk.pull().head == mine, "not closed either"
    # Merged with hers in it, the branch is free.
    desk.main("Back", churn=CHURN)
    desk.repo.merge(desk.pull().number, "squash", by="ada")
    desk.main()
    desk.propose()
    assert desk.pull().title == "Promote churn 4 to Staging" and "says Ada" in desk.manifest(BRANCH)


def test_somebody_pushes_in_between(desk: Desk) -> None:
    """What is pushed after the branches were read is not overwritten."""
    desk.register()
    desk.propose()
    desk.register()
    hook = desk.repo.path / "hooks" / "pre-receive"
    theirs = desk.repo.git("rev-parse", "main")
    hook.write_text(
        f'#!/bin/sh\nrm "$0"\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/{BRANCH}'
        f" {theirs}\n"
    )
    hook.chmod(0o755)
    ran = desk.propose()
    assert ran.code == 1 and "could not be pushed" in ran.out + ran.err
    assert desk.repo.tip(f"refs/heads/{BRANCH}") == theirs


def test_a_crash_between_push_and_pull_request(desk: Desk, tmp_path: Path) -> None:
    desk.register()
    desk.api.fail("POST .*/pulls", 403, "Resource not accessible by integration")
    ran = desk.propose()
    assert ran.code == 1 and "may not open a pull request" in ran.err and not desk.repo.pulls()
    assert desk.repo.tip(f"refs/heads/{BRANCH}")
    assert (tmp_path / "OUTPUT").read_text().splitlines()[-1] == f"branches={BRANCH}"
    assert desk.propose().code == 0 and desk.pull().commits == [desk.pull().head]
    assert (tmp_path / "OUTPUT").read_text().splitlines()[-1] == f"branches={BRANCH}"
    desk.register()
    desk.api.fail("PATCH .*/pulls", 403, "Resource not accessible by integration")
    assert desk.propose().code == 1
    assert desk.propose().code == 0 and desk.pull().title == "Promote churn 4 to Staging"
    assert desk.writes()[1] == 0


def test_several_versions_in_the_stage_are_replaced_as_promote_does(desk: Desk) -> None:
    desk.register("pair")
    desk.propose()
    pull = desk.pull()
    assert yaml.safe_load(desk.manifest(pull.head_ref, "pair"))["stages"] == {"Staging": [4]}
    assert "It replaces 1, 2, 3." in pull.body and "3 → 4" in pull.body


def test_what_is_not_managed_or_not_wanted_is_not_proposed(desk: Desk) -> None:
    for model in ("stray", "quiet"):
        desk.register(model)
    ran, written = desk.writes("stray", "quiet", "\x1b[31mno\nbody")
    assert written == 0 and "stray has no manifest" in ran.err and "\x1b" not in ran.err
    assert desk.writes()[1] == 0
    # Given on the command line, the stage is the one to propose for.
    assert desk.propose("quiet", "--stage", "Shadow").code == 0
    assert desk.pull().title == "Promote quiet 3 to Shadow"
    assert "nothing to compare" in desk.pull().body


def test_another_stage_and_one_that_the_policy_lacks(desk: Desk) -> None:
    desk.register()
    ran = desk.propose("--stage", "Canary")
    assert (
        ran.code == 1
        and "The policy has no stage 'Canary'; the stages are Production, Staging, Shadow"
        in ran.err
    )
    assert desk.propose("--stage", "Archived").code == 1
    assert not desk.repo.pulls()
    assert desk.propose("--stage", "Shadow", "churn").code == 0
    assert yaml.safe_load(desk.manifest(BRANCH))["stages"] == {
        "Production": 1,
        "Staging": 2,
        "Shadow": 3,
    }
    assert "## `churn`: 1 → 3" in desk.pull().body, (
        "Shadow is empty, so Production is what it is compared with"
    )


def test_a_prompt_is_proposed_like_a_model(desk: Desk) -> None:
    for text in ("Say hello to {{name}}.", "Greet {{name}} warmly."):
        desk.client.register_prompt("greeting", text)
    desk.main(greeting="name: greeting\nkind: prompt\nstages: {Staging: 1}\n")
    assert desk.propose().code == 0
    pull = desk.pull()
    assert (
        pull.title == "Promote greeting 2 to Staging"
        and "1 → 2" in pull.body
        and "warmly" in pull.body
    )
    told = yaml.safe_load(desk.manifest(pull.head_ref, "greeting"))
    assert told["stages"] == {"Staging": 2} and set(told["versions"][2]) == {"digest"}
    assert desk.writes()[1] == 0
    # A model that is called like a prompt is none.
    desk.main(greeting="name: greeting\nstages: {Staging: 1}\n")
    assert "withdrawn" in desk.propose().out


def test_each_environment_has_proposals_of_its_own(desk: Desk, tmp_path: Path) -> None:
    """One repository, two MLflow servers, a model of one name in both; one policy for both."""
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "prod.db")
    uris = {
        name: f"sqlite:///{tmp_path / file}.db"
        for name, file in (("dev", "mlflow"), ("prod", "prod"))
    }
    shutil.rmtree(desk.team.folder / "registry/models")
    teams = Teams(desk.team.folder, uris, dict.fromkeys(uris, ", policy: policy.yaml"))
    for name in uris:
        teams.put(name, "churn", CHURN.partition("\n")[2])
    teams.commit("Two environments")
    teams.git("push", "-q", "origin", "main")
    desk.register()
    for name in uris:
        assert teams.on(name, "github", "propose").code == 0
    assert desk.pull().head_ref == "mlflow-gitops/propose/dev/churn"
    assert "Staging: 3" in desk.repo.git(
        "show", f"{desk.pull().head}:registry/dev/models/churn.yaml"
    )


def test_a_policy_that_proposes_nothing_takes_back_what_is_open(desk: Desk) -> None:
    desk.register()
    desk.propose()
    pull = desk.pull()
    desk.team.write("policy.yaml", POLICY.replace("propose: Staging\n", ""))
    desk.main("Quiet", churn=CHURN)
    assert desk.propose("churn").code == 0 and pull.state == "open", (
        "one model asked for is one model looked at"
    )
    assert "withdrawn" in desk.propose().out and pull.state == "closed"
    asked = len(desk.api.requests)
    ran = desk.propose()
    assert ran.code == 0 and "propose: Staging" in ran.err and len(desk.api.requests) == asked + 1


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    desk.register()
    ran, written = desk.writes("--dry-run")
    assert written == 0 and "+  Staging: 3" in ran.out and "Promote churn 3 to Staging" in ran.out


def test_an_alias_that_may_only_follow_the_stage_is_proposed_with_it(desk: Desk) -> None:
    desk.team.write("policy.yaml", POLICY + "aliases: {only: [Staging]}\n")
    desk.main("An alias", churn=CHURN + "aliases: {champion: 2}\n")
    desk.register()
    assert desk.propose().code == 0
    pull = desk.pull()
    assert "The alias champion moves from 2 to 3, since the policy lets it" in pull.body
    assert yaml.safe_load(desk.manifest(pull.head_ref))["aliases"] == {"champion": 3}
    assert desk.writes()[1] == 0


def test_what_cannot_be_edited_is_told_and_the_others_go_on(desk: Desk) -> None:
    desk.main("Explicit keys", churn="? stages\n: Production: 2\n")
    for model in ("churn", "pair"):
        desk.register(model)
    ran = desk.propose()
    assert ran.code == 0 and "left: The layout of registry/models/churn.yaml cannot be" in ran.out
    assert desk.pull().title == "Promote pair 4 to Staging"


INVALID = {
    "an unknown stage": "name: quiet\nstages: {Nowhere: 1}\n",
    "no YAML": "name: quiet\nstages: {Staging: 1\n",
    "another name": "name: somebody\nstages: {}\n",
    "nothing": "",
}


@pytest.mark.parametrize("kind", INVALID)
def test_an_invalid_manifest_stops_its_model_alone(desk: Desk, kind: str) -> None:
    desk.register()
    desk.team.write("models/quiet.yaml", INVALID[kind])
    desk.main("Break quiet", pair="stages: {Staging: [1, 2, 3]}\n")
    ran = desk.propose()
    assert ran.code == 3 and "registry/models/quiet.yaml:" in ran.out, ran.out + ran.err
    assert desk.pull().title == "Promote churn 3 to Staging"
    assert "left: registry/models/quiet.yaml" in ran.out
    assert desk.propose("churn").code == 0 and desk.propose("quiet").code == 3


def test_the_proposal_of_a_model_that_became_invalid_stays_open(desk: Desk) -> None:
    desk.register()
    desk.register("pair")
    assert desk.propose().code == 0
    desk.main("Twins", CHURN="stages: {}\n", pair="stages: {Staging: [1, 2, 3]}\n")
    ran = desk.propose()
    assert ran.code == 3 and "case-clash" in ran.out
    assert all(pull.state == "open" for pull in desk.repo.pulls())

    folder = desk.team.folder / "registry"
    (folder / "models").rename(folder / "moved")
    (folder / "models").mkdir()
    (folder / "models/churn.yaml").write_text(CHURN)
    (folder / "models/team").symlink_to("../moved")
    desk.main("A link", churn=CHURN)
    ran = desk.propose()
    assert ran.code == 3 and "not-a-file" in ran.out
    assert all(pull.state == "open" for pull in desk.repo.pulls()), "pair is below the link"


@pytest.mark.parametrize("policy", ["stages: [Staging\n", "propose: Nowhere\n", "oops: 1\n"])
def test_an_invalid_policy_proposes_and_withdraws_nothing(desk: Desk, policy: str) -> None:
    desk.register()
    assert desk.propose().code == 0
    desk.register("pair")
    desk.team.write("policy.yaml", policy)
    desk.main("A policy", churn=CHURN)
    ran = desk.propose()
    assert ran.code == 3 and "registry/policy.yaml" in ran.out
    assert desk.pull().title == "Promote churn 3 to Staging"


def test_many_at_once_wait_for_their_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlflow_gitops.commands.proposer.MOST", 1)
    for model in ("churn", "pair"):
        desk.register(model)
    assert "waits" in desk.propose().out and desk.pull().title == "Promote churn 3 to Staging"
    desk.propose()
    assert sorted(one.title for one in desk.repo.pulls()) == [
        "Promote churn 3 to Staging",
        "Promote pair 4 to Staging",
    ]


def test_a_very_long_name(desk: Desk) -> None:
    name = "/".join(["ß"] * 2 + ["m" * 200]).replace("/", "@")
    desk.client.create_registered_model(name)
    for _ in range(2):
        desk.register(name)
    desk.team.write(f"models/{file_stem(name)}.yaml", f"name: {name!r}\nstages: {{Staging: 1}}\n")
    desk.main("Long", quiet="stages: {}\n")
    assert desk.propose().code == 0
    pull = desk.pull()
    assert len(pull.title) <= 256 and len(pull.head_ref) < 230 and desk.writes()[1] == 0


HOSTILE = (
    "@acme/all fixes #1 <img src=x onerror=y> [a](http://x.example) <!-- mlflow-gitops:propose 99"
    " -->\n```\n# h"
)


def test_hostile_names_and_descriptions_are_inert(desk: Desk) -> None:
    name = "@acme fixes #1 `x` <b> ..lock"
    desk.client.create_registered_model(name)
    desk.client.create_model_version(name, "s3://models/x", await_creation_for=0, description="a")
    desk.client.create_model_version(
        name, "s3://models/y", await_creation_for=0, description=HOSTILE, tags={"t": HOSTILE}
    )
    stem = "%40acme fixes %231 %60x%60 %3Cb%3E ..lock"
    desk.team.write(f"models/{stem}.yaml", f"name: {name!r}\nstages: {{Staging: 1}}\n")
    desk.main("A name", quiet="stages: {}\n")
    assert desk.propose().code == 0, desk.propose().err
    pull = desk.pull()
    assert (
        pull.title == f"Promote {stem} 2 to Staging"
        and "`" not in pull.title
        and "@" not in pull.title
    )
    message = desk.repo.git("show", "-s", "--format=%B", pull.head)
    assert "@" not in message and "#" not in message
    page = MarkdownIt("gfm-like", {"linkify": True}).parse(pull.body)
    parts = [child for token in page for child in token.children or ()]
    assert not {"link_open", "image"} & {token.type for token in parts}
    assert not any(
        "@" in token.content or "#" in token.content for token in parts if token.type == "text"
    )
    html = {
        token.content.strip()
        for token in (*page, *parts)
        if token.type in ("html_block", "html_inline")
    }
    assert html <= {"<!-- mlflow-gitops:propose 2 -->"}, html
    # What the text holds further down is not taken for the marker.
    assert desk.writes()[1] == 0
    desk.repo.close(pull.number)
    desk.client.create_model_version(name, "s3://models/z", await_creation_for=0)
    desk.propose()
    assert desk.pull().title.endswith(" 3 to Staging")
