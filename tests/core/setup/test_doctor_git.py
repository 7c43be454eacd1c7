"""`doctor`'s checks of a clone."""

from __future__ import annotations

from mlflow_gitops.core.setup.doctor_git import GitFacts, check_git


def test_an_old_git() -> None:
    facts = GitFacts("2.30.2", "origin", "main", "", 1, False, True, ())
    assert [one.check for one in check_git(facts) if one.status == "missing"] == ["version"]
