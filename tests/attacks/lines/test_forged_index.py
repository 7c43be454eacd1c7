"""Somebody who can write a clone's git directory, or the CI cache that it is restored from, edits
the index of its history, with right checksums. What audits and what writes reads git alone."""

from __future__ import annotations

import shutil

from tests.support.attacks.company import MODEL, Company
from tests.support.attacks.edited_index import edit_commits, edit_manifests, forget_last_change

PATH = f"registry/models/{MODEL}.yaml"


def other_versions(company: Company) -> None:
    edit_manifests(company.team.folder, PATH, lambda versions: [2 for _ in versions])


def another_author(company: Company) -> None:
    def by_bob(details: list[str]) -> list[str]:
        return ["bob <bob@example.org>", *details[1:3], "Promote\n\nReviewed-by: carol\n"]

    edit_commits(company.team.folder, by_bob)


def no_promotion(company: Company) -> None:
    forget_last_change(company.team.folder, PATH)


def rendered(company: Company) -> str:
    """The version that a template shows."""
    folder = company.folder / "rendered"
    template = company.folder / "version.txt.j2"
    template.write_text("{{ version }}")
    options = ("--stage", "Production", "--to", str(folder))
    assert company.team.run("render", str(template), MODEL, *options).code == 0
    [file] = folder.iterdir()
    return file.read_text()


def test_index_edited(company: Company) -> None:
    """A promotion that nobody approved was forced in MLflow; the index hides it."""
    company.merge(company.propose())
    reasons = company.refused()
    company.client.transition_model_version_stage(MODEL, "2", "Production")
    findings = company.found_by_verify()
    assert findings
    team = company.team
    truth = team.run("log").out
    deployed = team.run("resolve", MODEL, "Production").out
    assert f"models:/{MODEL}/2\n" in deployed

    for edit in (other_versions, another_author, no_promotion):
        shutil.rmtree(team.folder / ".git" / "mlflow-gitops")
        assert team.run("log").out == truth
        edit(company)
        assert team.run("log").out != truth, "the index is believed where nothing depends on it"
        assert company.found_by_verify() == findings
        assert team.run("resolve", MODEL, "Production").out == deployed
        assert rendered(company) == "2"
    assert team.run("--no-index", "log").out == truth
    assert company.reasons() == reasons
