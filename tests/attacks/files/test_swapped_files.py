"""Files that are not those that were approved. Mallory has no right on the registered model; she
may write to the experiment of its logged model, as every training job does."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.attacks.trainer import Trainer, promote

DIGEST_POLICY = POLICY.replace("validation: passed}", "validation: passed}, pinned: {digest: true}")


@pytest.fixture
def trainer(company: Company) -> Trainer:
    """The company asks for digests, and that is reconciled."""
    company.team.write("policy.yaml", DIGEST_POLICY)
    company.commit("Digests")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    return Trainer(company)


def test_honest_promotion_of_files(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    company.merge(promote(company, 4))
    ran = company.reconcile()
    assert ran.code == 0, ran.out + ran.err
    assert company.production() == {4}


@pytest.mark.parametrize(("stage", "is_pinned"), [("Production", True), ("Staging", False)])
def test_honest_proposal_of_files(
    company: Company, trainer: Trainer, stage: str, is_pinned: bool
) -> None:
    """A proposal reads files only for a stage that asks for their digest."""
    trainer.register("fourth", "good")
    assert company.team.run("github", "propose", "--stage", stage).code == 0
    [pull] = company.github.pulls()
    company.team.git("fetch", "-q", "origin")
    manifest = company.team.git("show", f"{pull.head}:registry/models/{MODEL}.yaml")
    assert f"{stage}: 4" in manifest
    assert ("digest:" in manifest) is is_pinned


def on_another_machine(monkeypatch: pytest.MonkeyPatch, company: Company, name: str) -> None:
    """Let the next commands run where nobody read the right files before."""
    monkeypatch.setenv("MLFLOW_GITOPS_CACHE", str(company.folder / name))


def test_files_swapped_after_the_approval(
    company: Company, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = trainer.register("fourth", "good")
    number = promote(company, 4)
    trainer.log("evil", "evil", logged)
    company.merge(number)
    reasons = company.refused()
    assert reasons.startswith("digest: the files of version 4 have the digest sha256:")
    assert "model.pkl differs (4 B)" in reasons
    on_another_machine(monkeypatch, company, "another")
    assert "no list of the pinned ones was kept; MLflow has MLmodel" in company.refused()


def test_files_deleted_after_the_approval(company: Company, trainer: Trainer) -> None:
    logged = trainer.register("fourth", "good")
    number = promote(company, 4)
    company.merge(number)
    folder = trainer.folder_of(logged)
    (folder / "model.pkl").unlink()
    assert "model.pkl is missing" in company.refused()
    shutil.rmtree(folder)
    assert "digest: the files of version 4 cannot be compared" in company.refused()


def test_logged_model_deleted_after_the_approval(company: Company, trainer: Trainer) -> None:
    """Its files are still there, until MLflow collects its garbage."""
    logged = trainer.register("fourth", "good")
    company.merge(promote(company, 4))
    company.client.delete_logged_model(logged.model_id)
    reasons = company.refused()
    assert f"its logged model {logged.model_id} is not in MLflow, or was deleted" in reasons


def test_digest_swapped_after_the_approval(company: Company, trainer: Trainer) -> None:
    """Mallory overwrites the files, and a push makes the pin fit them."""
    logged = trainer.register("fourth", "good")
    company.merge(promote(company, 4))
    trainer.log("evil", "evil", logged)
    assert company.team.run("pin", MODEL, "4").code == 0
    company.commit("Pin", "carol")
    company.push("main")
    company.main()
    assert "no pull request merged into main made" in company.refused()


def test_files_of_a_registration_swapped(company: Company, trainer: Trainer) -> None:
    """The version is not registered yet: reconcile registers it, if its files are the approved
    ones."""
    logged = trainer.log("fourth", "good")
    company.branch("promote")
    source = f"models:/{logged.model_id}"
    assert company.team.run("pin", MODEL, "4", "--source", source).code == 0
    number = promote_pinned(company)
    trainer.log("evil", "evil", logged)
    company.merge(number)
    assert "digest: the files of version 4 have the digest" in company.refused()
    assert len(company.client.search_model_versions(f"name = '{MODEL}'")) == 3
    trainer.log("good", "good", logged)
    assert company.reconcile().code == 0 and company.production() == {4}


def promote_pinned(company: Company) -> int:
    manifest = company.team.folder / "registry" / "models" / f"{MODEL}.yaml"
    manifest.write_text(manifest.read_text().replace("Production: 1", "Production: 4"))
    company.commit("Promote\n\nGate-Override: tags: MLflow does not have it yet")
    company.push("promote")
    number = company.github.open_pull("promote", "Promote", user="alice").number
    company.github.review(number, "bob")
    return number


def serve_fourth(company: Company, trainer: Trainer) -> Any:
    """Version 4 holds Production, as bob approved; its logged model."""
    logged = trainer.register("fourth", "good")
    company.merge(promote(company, 4))
    assert company.reconcile().code == 0 and company.production() == {4}
    return logged


def verified(company: Company) -> tuple[int, list[str], Any]:
    """What `verify --artifacts` comes to: its exit code, the fields that it calls unexplained, and
    the files that it compared."""
    ran = company.team.run("verify", "--artifacts", "--format", "json")
    fields = [finding["field"] for finding in ran.json["unexplained"]]
    return ran.code, fields, ran.json["artifacts"]


def test_files_swapped_while_they_are_served(
    company: Company, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = serve_fourth(company, trainer)
    assert verified(company) == (0, [], {"compared": 1, "not_checkable": []})
    trainer.log("evil", "evil", logged)
    assert company.found_by_verify() == set(), "it reads no files without --artifacts"
    assert verified(company) == (4, ["files 4"], {"compared": 1, "not_checkable": []})
    on_another_machine(monkeypatch, company, "another")
    ran = company.team.run("verify", "--artifacts", "--format", "json")
    [finding] = ran.json["unexplained"]
    assert finding["detail"].endswith(": model.pkl differs (4 B)"), "the receipt lists the files"


def test_files_swapped_and_nobody_looking(company: Company, trainer: Trainer) -> None:
    """The weekly workflow opens one issue, keeps it, and closes it."""
    logged = serve_fourth(company, trainer)
    for text, code in (("good", 0), ("evil", 4), ("evil", 4), ("good", 0)):
        trainer.log(text, text, logged)
        ran = company.team.run("github", "verify")
        assert ran.code == code, ran.out + ran.err
        is_open = [issue.state == "open" for issue in company.github.issues.values()]
        assert is_open.count(True) == (1 if code else 0)
    [issue] = [
        issue for issue in company.github.issues.values() if "nothing explains" in issue.title
    ]
    assert "`files 4`" in issue.body


def test_files_deleted_while_they_are_served(company: Company, trainer: Trainer) -> None:
    logged = serve_fourth(company, trainer)
    shutil.rmtree(trainer.folder_of(logged))
    assert verified(company) == (4, ["files 4"], {"compared": 0, "not_checkable": []})


def test_logged_model_deleted_while_it_is_served(company: Company, trainer: Trainer) -> None:
    logged = serve_fourth(company, trainer)
    company.client.delete_logged_model(logged.model_id)
    assert company.found_by_verify() == {"source 4"}
    assert verified(company)[:2] == (4, ["source 4"])


def test_swapped_files_put_back_by_hand(company: Company, trainer: Trainer) -> None:
    """Healing does not serve files that nobody approved, either."""
    logged = serve_fourth(company, trainer)
    trainer.log("evil", "evil", logged)
    company.client.transition_model_version_stage(MODEL, "4", "Archived")
    company.client.set_registered_model_alias(MODEL, "production", "1")
    assert "digest: the files of version 4 have the digest" in company.reasons()
    assert company.production() == {1}


def test_promotion_without_a_digest(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    company.branch("promote")
    assert company.team.run("promote", MODEL, "4", "Production", "--no-digest").code == 0
    company.commit("Promote")
    company.push("promote")
    number = company.github.open_pull("promote", "Promote", user="alice").number
    company.github.review(number, "bob")
    company.merge(number)
    assert "the files of 4 are not pinned by a digest" in company.refused()
    _, _, artifacts = verified(company)
    not_checkable = [{"model": MODEL, "version": 1, "stages": ["Production"]}]
    assert artifacts == {"compared": 0, "not_checkable": not_checkable}


def test_files_swapped_before_the_next_stage(company: Company, trainer: Trainer) -> None:
    logged = trainer.register("fourth", "good")
    assert company.team.run("promote", MODEL, "4", "Staging").code == 0
    trainer.log("evil", "evil", logged)
    ran = company.team.run("promote", MODEL, "4", "Production")
    assert ran.code == 4 and "they are not the files that were reviewed" in ran.err
