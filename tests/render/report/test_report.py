"""The report: one page that holds all it shows, made from git and the receipts, whatever hostile
text is in them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.receipts import add_receipt
from tests.support.team import Team

POLICY = "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"
HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(1)> "quoted" \u202egnp.exe {{ 7 * 7 }} &amp;'
)


class Page(HTMLParser):
    """What a page is made of: tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A model that was promoted, given back and promoted again, and a policy that came later."""
    made = Team(tmp_path / "models", "sqlite:////nowhere/mlflow.db")
    made.commit("Begin", fraud="stages: {Production: 1, Staging: 2}\naliases: {best: 1}\n")
    made.write("policy.yaml", POLICY)
    made.commit("Rules")
    made.commit("Promote 2 (#7)", fraud="stages: {Production: 2}\naliases: {best: 2}\n")
    pin = (
        "versions: {1: {run_id: abc, data: {path: data/x.csv, md5:"
        " 0123456789abcdef0123456789abcdef}}}\n"
    )
    made.commit("Back to 1", fraud=f"stages: {{Production: 1}}\naliases: {{best: 2}}\n{pin}")
    return made


def written(team: Team, *args: str) -> str:
    out = team.folder.parent / "out"
    ran = team.run("report", "--out", str(out), "--offline", *args)
    assert ran.code == 0 and ran.out == "", ran.err
    assert "Wrote" in ran.err and "index.html" in ran.err
    return (out / "index.html").read_text(encoding="utf-8")


def bars(page: Page) -> list[str]:
    return [
        str(a["aria-label"])
        for a in page.of("a")
        if a.get("href") != "#events" and a.get("aria-label")
    ]


def test_it_says_who_held_which_stage_when(team: Team) -> None:
    page = Page(written(team))
    labels = bars(page)
    production = [label for label in labels if " from " in label][:3]
    assert [label.split(" from ")[0] for label in production] == ["1", "2", "1"]
    assert "until now" in production[2] and "by A Person" in production[0]
    assert all("no receipt says that it was applied" in label for label in labels)
    lanes = [attrs.get("aria-label") for attrs in page.of("ol")]
    assert lanes == ["Production", "Staging", "@best"]
    text = " ".join(page.text)
    assert "run abc, data data/x.csv (md5 0123456789abcdef0123456789abcdef)" in text
    assert (
        "MLflow was not read" in text
        and "policy" in text
        and "1 → 2" in text
        and "Promote 2 (#7)" in text
    )


def test_every_bar_leads_to_its_event(team: Team) -> None:
    page = Page(written(team))
    ids = {attrs.get("id") for attrs in page.of("tr")}
    targets = {
        str(a["href"]).removeprefix("#")
        for a in page.of("a")
        if str(a.get("href", "")).startswith("#e")
    }
    assert targets - {"events"} <= ids


def test_it_asks_nobody(team: Team) -> None:
    page = Page(written(team))
    for tag, attrs in page.tags:
        for name in ("src", "srcset", "data", "poster", "action", "background"):
            assert name not in attrs, (tag, attrs)
        if tag != "a":
            assert "href" not in attrs, (tag, attrs)
        assert tag not in ("link", "iframe", "object", "embed", "form", "base"), tag
    [policy] = [
        a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in str(policy)
    assert not re.search(r"@import|url\(", written(team))


def test_hostile_text_is_only_text(team: Team) -> None:
    team.commit(f"Promote {HOSTILE}", fraud="stages: {Production: 2}\n")
    before = Page(written(team))
    text = written(team)
    assert len(before.of("script")) == 1 and not before.of("img")
    assert "\u202e" not in text and "\\u202e" in text
    assert "{{ 7 * 7 }}" in " ".join(Page(text).text), "what a commit says is no template"


def test_links_go_to_the_forge_that_the_remote_is_on(team: Team) -> None:
    assert not [a for a in Page(written(team)).of("a") if str(a["href"]).startswith("http")]
    team.git("remote", "add", "origin", "git@github.com:acme/models.git")
    team.git("update-ref", "refs/remotes/origin/main", "HEAD")
    page = Page(written(team))
    assert "acme/models" in page.text, "the repository is named as its forge does"
    links = {str(a["href"]) for a in page.of("a")}
    assert "https://github.com/acme/models/pull/7" in links
    assert f"https://github.com/acme/models/commit/{team.git('rev-parse', 'HEAD')}" in links


def test_receipts_tell_when_it_took_effect_and_what_went_wrong(team: Team) -> None:
    head = team.git("rev-parse", "HEAD")
    owner = f"{team.git('rev-list', '--max-parents=0', 'HEAD')}:registry"
    drift = {
        "action": "transition",
        "version": 1,
        "from": "Archived",
        "to": "Production",
        "cause": "drift",
    }
    refusal = {"code": "gate", "detail": "2 may not enter Production: accuracy 0.5 < 0.9"}
    models = [
        {"model": "fraud", "result": "applied", "changes": [drift]},
        {"model": "churn", "result": "refused", "refusals": [refusal]},
        {"model": "spam", "result": "failed", "error": "MLflow did not answer"},
    ]
    content = {"at": "2030-01-01T00:00:00.000Z", "owner": owner, "models": models}
    add_receipt(team.folder, json.dumps(content), head)
    page = Page(written(team))
    text = " ".join(page.text)
    assert "version 1: MLflow had Archived, put back to Production" in text
    assert (
        "gate: 2 may not enter Production: accuracy 0.5 < 0.9" in text
        and "MLflow did not answer" in text
    )
    assert any("1 from" in label and "applied 2030-01-01 00:00" in label for label in bars(page))
    assert any(
        "2 from" in label and "replaced before it was applied" in label for label in bars(page)
    )


def test_a_repository_without_manifests_has_a_page_too(tmp_path: Path) -> None:
    empty = Team(tmp_path / "empty", "sqlite:////nowhere/mlflow.db")
    empty.write("policy.yaml", POLICY)
    empty.commit("Rules")
    assert "There is no manifest yet." in " ".join(Page(written(empty)).text)


def test_a_folder_that_cannot_be_written_is_told(team: Team) -> None:
    (team.folder.parent / "file").write_text("")
    ran = team.run("report", "--out", str(team.folder.parent / "file"), "--offline")
    assert ran.code == 1 and "could not be written" in ran.err


def test_a_commit_with_invalid_files_has_a_page(team: Team) -> None:
    team.commit("Wrong", fraud="stages: [\n")
    assert "Production" in written(team)
