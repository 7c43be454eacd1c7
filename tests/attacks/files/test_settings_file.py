"""`.mlflow-gitops.toml` decides where the policy is read and what the main branch is: nobody can
change that in a pull request for the pull request itself."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import MODEL, Company

SETTINGS = ('registry_dir = "evil"\n', 'main = "promote"\n', 'receipts_branch = "evil"\n')


def propose(company: Company, setting: str) -> int:
    """A pull request with a promotion, a folder without gates, and a settings file."""
    company.branch("promote")
    evil = company.team.folder / "evil" / "models"
    evil.mkdir(parents=True)
    (evil.parent / "policy.yaml").write_text("stages: {Production: {alias: production}}\n")
    (evil / f"{MODEL}.yaml").write_text(f"name: {MODEL}\nstages: {{Production: 2}}\n")
    (company.team.folder / ".mlflow-gitops.toml").write_text(setting)
    company.write(2)
    company.commit("Promote")
    company.push("promote")
    return int(company.github.open_pull("promote", user="alice").number)


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_file_of_a_branch(company: Company, setting: str) -> None:
    propose(company, setting)
    ran = company.team.run("plan")
    assert "needs 1 approval" in ran.out, ran.out
    assert "counts until the change is merged" in ran.err


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_file_merged_without_approval(company: Company, setting: str) -> None:
    company.merge(propose(company, setting))
    ran = company.reconcile()
    assert ran.code in (1, 4) and company.production() == {1}, ran.out + ran.err
