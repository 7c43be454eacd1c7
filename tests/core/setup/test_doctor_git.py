"""`doctor`'s checks of a clone."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.setup.doctor_git import GitFacts, check_git


def test_an_old_git() -> None:
    facts = GitFacts("2.30.2", "origin", "main", "", 1, False, True, True, "x")
    assert [one.check for one in check_git(facts) if one.status == "missing"] == ["version"]


def test_merges_that_changed_the_first_parents_are_named() -> None:
    for warnings in ((), ("one",), ("one", "two")):
        facts = GitFacts(
            "2.45.0",
            "origin",
            "main",
            "",
            1,
            False,
            True,
            True,
            "x",
            changed_first_parents=warnings,
        )
        found = [result for result in check_git(facts) if result.check == "first-parents"]
        assert tuple(result.detail for result in found) == warnings
        assert all(result.status == "unknown" and result.fix for result in found)


def test_receipts_that_no_fetch_brings() -> None:
    facts = GitFacts(
        *("2.45.0", "origin", "main", "", 1, False, False, False, "x"),
        fetch_command="git fetch origin '+refs/heads/x*:refs/remotes/origin/x*'",
        refspec="+refs/heads/x*:refs/remotes/origin/x*",
    )
    [result] = [result for result in check_git(facts) if result.check == "receipts"]
    assert result.status == "missing"
    assert result.fix == (
        "git fetch origin '+refs/heads/x*:refs/remotes/origin/x*'; for every git fetch from now on:"
        " git config --add remote.origin.fetch '+refs/heads/x*:refs/remotes/origin/x*'"
    )


@pytest.mark.parametrize(
    ("size", "status"), [(None, "unknown"), (0, None), (32_768, "ok")], ids=str
)
def test_the_index_of_the_history(size: int | None, status: str | None) -> None:
    facts = GitFacts("2.40.0", "origin", "main", "", 1, False, True, True, "x", index_bytes=size)
    findings = [finding for finding in check_git(facts) if finding.check == "index"]
    assert [finding.status for finding in findings] == ([status] if status else [])
