"""`report --since` and `--until`: which events and incidents its tables have. Everything else, such
as who holds a stage today, is not limited."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.receipts import add_receipt
from tests.support.team import Team

MONTHS = (1, 2, 3)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A promotion at noon on the 10th of each month of 2026, and drift healed on the 20th."""
    folder = tmp_path_factory.mktemp("report")
    team = Team(folder / "repo", f"sqlite:///{folder}/none.db")
    previous = None
    with pytest.MonkeyPatch.context() as patch:
        for month in MONTHS:
            for part in ("AUTHOR", "COMMITTER"):
                patch.setenv(f"GIT_{part}_DATE", f"2026-0{month}-10T12:00:00Z")
            commit = team.commit(f"Promotion {month}", churn=f"stages: {{Production: {month}}}\n")
            previous = add_drift(team, commit, month, previous)
    return team


def add_drift(team: Team, commit: str, month: int, previous: str | None) -> str:
    """A receipt of a run that found another version in Staging; its digest."""
    change = {"action": "transition", "version": 70 + month, "from": "Staging", "to": "Archived"}
    model = {"model": "churn", "result": "applied", "changes": [{**change, "cause": "drift"}]}
    root = team.git("rev-list", "--max-parents=0", "HEAD")
    time = f"2026-0{month}-20T12:00:00Z"
    content = {
        "at": time, "schema": 3, "count": month, "began": time, "owner": f"{root}:registry",
        "models": [model], "commit": commit, "previous": previous, "policy": None,
    }  # fmt: skip
    text = json.dumps(content, indent=2) + "\n"
    add_receipt(team.folder, text, commit)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("limits", "promotions", "drifts"),
    [
        ([], {1, 2, 3}, {1, 2, 3}),
        (["--since", "2026-02-10"], {2, 3}, {2, 3}),
        (["--until", "2026-02-10"], {1, 2}, {1}),
        (["--since", "2026-02-11", "--until", "2026-03-09"], set(), {2}),
        (["--since", "2026-02-01", "--until", "2026-02-28"], {2}, {2}),
        (["--since", "HEAD~2", "--until", "HEAD~1"], {2}, {2}),
    ],
    ids=["no limit", "that day on", "that day included", "between", "a month", "revisions"],
)
def test_range_of_the_report(
    team: Team, tmp_path: Path, limits: list[str], promotions: set[int], drifts: set[int]
) -> None:
    ran = team.run("report", "--offline", "--out", str(tmp_path / "page"), *limits)
    assert ran.code == 0, ran.err
    pages = "".join(page.read_text("utf-8") for page in (tmp_path / "page").rglob("*.html"))
    table = pages.partition("<tbody")[2]
    assert {month for month in MONTHS if f"Promotion {month}" in table} == promotions
    assert {month for month in MONTHS if f"version 7{month}:" in table} == drifts
