"""Files that nobody who may sign has signed: Mallory trains models, and the policy asks for a
signature by a key of `registry/model_signers/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.attacks.signers import Signer
from tests.support.attacks.trainer import Trainer, promote

KEYS = "registry/model_signers"
SIGNED_POLICY = POLICY.replace(
    "validation: passed}", f"validation: passed}}, signed: {{keys: {KEYS}/}}"
)


@pytest.fixture
def alice(company: Company) -> Signer:
    return Signer(company.folder, "alice")


@pytest.fixture
def trainer(company: Company, alice: Signer) -> Trainer:
    """The company asks for Alice's signature, and that is reconciled."""
    company.team.write("policy.yaml", SIGNED_POLICY)
    company.team.write("model_signers/alice.pub", alice.public.decode())
    company.commit("Signatures")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    return Trainer(company)


def sign(company: Company, signer: Signer, version: int = 4) -> None:
    ran = company.team.run("sign", MODEL, str(version), "--key", str(signer.key))
    assert ran.code == 0, ran.err


def promote_signed(company: Company, signer: Signer, *also: str) -> int:
    """Promote version 4 with a signature in the same pull request; `also` are public keys that it
    brings."""
    company.branch("promote")
    assert company.team.run("promote", MODEL, "4", "Production").code == 0
    sign(company, signer)
    for key in also:
        company.team.write("model_signers/new.pub", key)
    company.commit("Promote")
    company.push("promote")
    number = company.github.open_pull("promote", "Promote", user="alice").number
    company.github.review(number, "bob")
    return number


def signature(company: Company, version: int) -> Path:
    return company.team.folder / f"registry/model_signatures/{MODEL}/{version}.sig"


def test_honest_promotion_of_signed_files(
    company: Company, trainer: Trainer, alice: Signer
) -> None:
    trainer.register("fourth", "good")
    number = promote_signed(company, alice)
    head = company.team.git("rev-parse", "HEAD")
    plan = company.team.run("plan", "--rev", head, "--onto", "main", "--format", "json")
    verdicts = {gate["gate"]: gate for gate in plan.json["models"][0]["gates"]}
    assert verdicts["signed"]["detail"] == "signed by alice.pub"
    company.merge(number, "rebase")
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {4}, ran.out + ran.err


def test_promotion_without_a_signature(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    company.merge(promote(company, 4))
    assert "4 is not signed: there is no registry/model_signatures/churn/4.sig" in company.refused()


def test_signature_by_another_key(company: Company, trainer: Trainer) -> None:
    trainer.register("fourth", "good")
    company.merge(promote_signed(company, Signer(company.folder, "mallory")))
    assert "its signature fits no key that counts (alice.pub)" in company.refused()


@pytest.mark.parametrize("method", ["squash", "merge", "rebase"])
def test_signers_key_of_the_same_pull_request(
    company: Company, trainer: Trainer, method: str
) -> None:
    trainer.register("fourth", "good")
    mallory = Signer(company.folder, "mallory")
    company.merge(promote_signed(company, mallory, mallory.public.decode()), method)  # type: ignore[arg-type]
    assert "its signature fits no key that counts (alice.pub)" in company.refused()


def test_signature_of_another_version(company: Company, trainer: Trainer, alice: Signer) -> None:
    trainer.register("fourth", "good")
    trainer.register("fifth", "evil")
    sign(company, alice, 4)
    content = signature(company, 4).read_bytes()
    company.branch("promote")
    assert company.team.run("promote", MODEL, "5", "Production").code == 0
    signature(company, 5).write_bytes(content)
    company.commit("Promote")
    company.push("promote")
    number = company.github.open_pull("promote", "Promote", user="alice").number
    company.github.review(number, "bob")
    company.merge(number)
    assert "the signature of 5 by alice.pub is of other files" in company.refused()


def test_signed_files_swapped(company: Company, trainer: Trainer, alice: Signer) -> None:
    """The stage is not protected: the gate alone has the files compared."""
    logged = trainer.register("fourth", "good")
    company.merge(promote_signed(company, alice))
    trainer.log("evil", "evil", logged)
    assert "digest: the files of version 4 have the digest" in company.refused()
    assert company.team.run("pin", MODEL, "4").code == 0
    company.commit("Pin", "carol")
    company.push("main")
    company.main()
    assert "the signature of 4 by alice.pub is of other files" in company.refused()


def test_unsigned_file_added(company: Company, trainer: Trainer, alice: Signer) -> None:
    logged = trainer.register("fourth", "good")
    company.merge(promote_signed(company, alice))
    (trainer.folder_of(logged) / "sitecustomize.py").write_text("print('evil')\n")
    assert "sitecustomize.py is new" in company.refused()


def test_signers_key_that_was_taken_away(company: Company, trainer: Trainer, alice: Signer) -> None:
    """Alice's key is revoked while the promotion waits for an approval."""
    trainer.register("fourth", "good")
    company.merge(promote_signed(company, alice))
    (company.team.folder / KEYS / "alice.pub").unlink()
    company.commit("Revoke", "carol")
    company.push("main")
    company.main()
    assert "fits no key that counts (none)" in company.refused()


def serve_signed(company: Company, trainer: Trainer, alice: Signer) -> None:
    """Version 4 holds Production, signed by Alice."""
    trainer.register("fourth", "good")
    company.merge(promote_signed(company, alice))
    assert company.reconcile().code == 0 and company.found_by_verify() == set()


def on_main(company: Company, change: str) -> None:
    company.commit(change, "carol")
    company.push("main")
    company.main()


def test_signers_key_taken_away_while_files_are_served(
    company: Company, trainer: Trainer, alice: Signer
) -> None:
    serve_signed(company, trainer, alice)
    (company.team.folder / KEYS / "alice.pub").unlink()
    on_main(company, "Revoke")
    ran = company.team.run("verify", "--format", "json")
    [finding] = ran.json["unexplained"]
    assert ran.code == 4 and finding["field"] == "signed 4"
    assert "its signature fits no key that counts (none)" in finding["detail"]


def test_signature_removed_or_replaced_while_files_are_served(
    company: Company, trainer: Trainer, alice: Signer
) -> None:
    serve_signed(company, trainer, alice)
    company.main()
    right = signature(company, 4).read_bytes()
    trainer.register("fifth", "evil")
    assert company.team.run("sign", MODEL, "5", "--key", str(alice.key)).code == 0
    signature(company, 4).write_bytes(signature(company, 5).read_bytes())
    on_main(company, "Replace")
    [finding] = company.team.run("verify", "--format", "json").json["unexplained"]
    assert "by alice.pub is of other files than those that are pinned" in finding["detail"]
    signature(company, 4).unlink()
    on_main(company, "Remove")
    assert company.found_by_verify() == {"signed 4"}
    signature(company, 4).write_bytes(right)
    on_main(company, "Put it back")
    assert company.found_by_verify() == set()
