"""Signed receipts (RULES R6), with real keys of ssh-keygen: what counts if the policy asks for
signatures, and that a clone's key vouches for nothing that somebody else wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.signatures import SignatureRule, read_signature_rule
from mlflow_gitops.edges.git.receipts.stored import StoredReceipts
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.receipts.writing import commit_files, store_texts
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import Repo
from tests.support.receipts import RECEIPTS_REF, add_receipt, path_for
from tests.support.receipts.keys import allowed_line, new_key

SIGNED = "receipts: {signed: true}\n"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: new_key(folder, name) for name in ("runner", "stranger")}


class Signer:
    """A clone whose main branch asks for receipts that the runner signs."""

    def __init__(self, folder: Path, keys: dict[str, Path], policy: str = SIGNED) -> None:
        self.repo, self.keys = Repo(folder), keys
        self.allowed = allowed_line(keys["runner"])
        files = {"registry/policy.yaml": policy, "registry/allowed_signers": self.allowed}
        self.commit = self.repo.commit("First", files)
        self.git = Git(folder)
        self.branch = ReceiptsBranch.of_repository(self.git, rule=self.rule)
        self.writer = ReceiptsWriter(self.branch, tries=2)

    def rule(self) -> SignatureRule:
        return read_signature_rule(self.git, "main", "registry/policy.yaml", "registry")

    def use_key(self, name: str | None) -> None:
        self.repo.git("config", "gpg.format", "ssh")
        if name is None:
            self.repo.git("config", "--unset-all", "user.signingkey", check=False)
        else:
            self.repo.git("config", "user.signingkey", str(self.keys[name]))

    def receipt(self, second: int) -> Receipt:
        content = {"at": f"2026-01-01T00:00:{second:02}Z", "commit": self.commit}
        return Receipt(self.commit, receipt_text(content, None), content)

    def write(self, second: int, key: str | None = "runner", *, is_asked: bool = True) -> None:
        """Write a receipt; with `is_asked=False` before the policy asked for signatures."""
        self.use_key(key)
        branch = self.branch if is_asked else ReceiptsBranch.of_repository(self.git)
        ReceiptsWriter(branch, tries=2).add(self.receipt(second), f"Run {second}")

    def read(self) -> StoredReceipts:
        return self.branch.read()

    def seconds(self) -> list[int]:
        return [int(receipt.at[-3:-1]) for receipt in self.read().receipts]


@pytest.fixture
def signer(tmp_path: Path, keys: dict[str, Path]) -> Signer:
    return Signer(tmp_path / "repo", keys)


def test_plain_git_checks_a_receipt(signer: Signer, tmp_path: Path) -> None:
    signer.write(1)
    assert signer.seconds() == [1] and signer.read().untrusted == ()
    allowed = tmp_path / "allowed"
    allowed.write_text(signer.repo.git("show", "main:registry/allowed_signers") + "\n")
    shown = subprocess.run(
        ["git", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "log", "--show-signature",
         "--format=%s", "mlflow-gitops/receipts"],
        cwd=signer.repo.folder, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert 'Good "git" signature for runner@example.org with ED25519 key' in shown
    assert "Run 1" in shown


def with_another_key(signer: Signer) -> None:
    signer.write(2, "stranger", is_asked=False)


def without_a_key(signer: Signer) -> None:
    signer.write(2, None, is_asked=False)


def with_a_broken_signature(signer: Signer) -> None:
    signer.write(2, is_asked=False)
    text = signer.repo.git("cat-file", "commit", RECEIPTS_REF)
    forged = signer.git.output(
        *("hash-object", "-t", "commit", "-w", "--stdin"), feed=text.replace("Run 2", "Run 3")
    )
    signer.repo.git("update-ref", RECEIPTS_REF, forged)


def by_a_later_change(signer: Signer) -> None:
    text = signer.receipt(2).text
    add_receipt(signer.repo.folder, "{}", path=path_for(text))
    add_receipt(signer.repo.folder, text)


@pytest.mark.parametrize(
    "forge", [with_another_key, without_a_key, with_a_broken_signature, by_a_later_change]
)
def test_what_is_not_signed_by_an_allowed_key_does_not_count(
    signer: Signer, forge: Callable[[Signer], None]
) -> None:
    signer.write(1)
    forge(signer)
    signer.write(3)
    assert signer.seconds() == [1, 3]
    [untrusted] = signer.read().untrusted
    assert untrusted.receipts == 1 and untrusted.fault.partition(" ")[0] in ("is", "has")
    assert signer.seconds() == [1, 3], "from the cache, too"


def test_who_adds_a_receipt_again_takes_nothing_away(signer: Signer) -> None:
    signer.write(1)
    text = signer.receipt(1).text
    add_receipt(signer.repo.folder, text, path=f"other/{path_for(text).partition('/')[2]}")
    assert signer.seconds() == [1] and signer.read().untrusted == ()


def test_a_merge_leaves_signatures_as_they_are(signer: Signer) -> None:
    signer.write(1)
    base = signer.repo.git("rev-parse", RECEIPTS_REF)
    sides = []
    for second in (2, 3):
        signer.repo.git("update-ref", RECEIPTS_REF, base)
        signer.write(second)
        sides.append(signer.repo.git("rev-parse", RECEIPTS_REF))
    tree = signer.repo.git("merge-tree", "--write-tree", *sides)
    parents = ("-p", sides[0], "-p", sides[1])
    merge = signer.repo.git("commit-tree", tree, *parents, "-m", "Merge")
    signer.repo.git("update-ref", RECEIPTS_REF, merge)
    assert signer.seconds() == [1, 2, 3] and signer.read().untrusted == ()


def test_a_merge_that_adds_something_must_be_signed(signer: Signer) -> None:
    signer.write(1)
    tip = signer.repo.git("rev-parse", RECEIPTS_REF)
    text = signer.receipt(2).text
    [blob] = store_texts(signer.git, [text])
    forged = commit_files(signer.git, tip, {path_for(text): blob}, "x")
    parents = ("-p", tip, "-p", signer.commit)
    merge = signer.repo.git("commit-tree", f"{forged}^{{tree}}", *parents, "-m", "Merge")
    signer.repo.git("update-ref", RECEIPTS_REF, merge)
    assert signer.seconds() == [1] and len(signer.read().untrusted) == 1


@pytest.mark.parametrize(
    ("key", "reason"), [(None, "no key is configured"), ("stranger", "is signed by a key that")]
)
def test_a_run_writes_no_receipt_that_would_not_count(
    signer: Signer, key: str | None, reason: str
) -> None:
    with pytest.raises(GitFailure, match=reason):
        signer.write(1, key)
    assert signer.git.ref(RECEIPTS_REF) is None


def test_a_key_that_cannot_sign_is_named(signer: Signer) -> None:
    signer.repo.git("config", "gpg.format", "ssh")
    signer.repo.git("config", "user.signingkey", "/nowhere")
    with pytest.raises(GitFailure, match="could not be signed"):
        signer.writer.add(signer.receipt(1), "x")
    signer.repo.git("config", "commit.gpgsign", "false")
    with pytest.raises(GitFailure, match="no key is configured"):
        signer.writer.add(signer.receipt(1), "x")


def test_a_key_vouches_for_its_own_receipts_alone(
    signer: Signer, keys: dict[str, Path], tmp_path: Path
) -> None:
    """Receipts that the remote lost are pushed again; those that were forged stay unsigned."""
    bare = Repo(tmp_path / "bare.git", "--bare")
    signer.repo.git("remote", "add", "origin", str(bare.folder))
    signer.git.forget_facts()
    signer.branch = ReceiptsBranch.of_repository(signer.git, rule=signer.rule)
    writer = ReceiptsWriter(signer.branch, tries=2)
    signer.write(1)
    signer.write(2, None, is_asked=False)
    signer.use_key("runner")
    rival = Signer(tmp_path / "rival", keys)
    rival.repo.git("remote", "add", "origin", str(bare.folder))
    rival.write(3)
    rival.repo.git("push", "-q", "origin", RECEIPTS_REF)
    writer.push()
    assert signer.seconds() == [1, 3]
    [untrusted] = signer.read().untrusted
    assert untrusted.fault == "is not signed"
    subjects = bare.git("log", "--format=%s", RECEIPTS_REF).splitlines()
    assert subjects == ["Run 2", "Run 1", "Run 3"]


@pytest.mark.parametrize(
    ("policy", "is_required"),
    [
        (SIGNED, True),
        ("receipts: {signed: false}\n", False),
        ("receipts:\n  'signed': yes\n", False),
        ("# signed\nstages: {}\n", False),
        ("receipts: {signed: true}\nstages: [\n", True),
        ("", False),
    ],
)
def test_the_policy_of_the_main_branch_asks(
    tmp_path: Path, keys: dict[str, Path], policy: str, is_required: bool
) -> None:
    """A policy that cannot be read leaves the file of signers to ask."""
    signer = Signer(tmp_path / "repo", keys, policy)
    if "yes" in policy:
        is_required = True  # no boolean of YAML 1.2: the policy has an error
    assert signer.rule().is_required == is_required
    assert signer.rule().allowed_signers.decode() == signer.allowed
