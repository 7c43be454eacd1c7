"""`signed`: the signature must be of the files that the manifest pins (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.gates import Finding
from mlflow_gitops.core.gates.files import signed
from mlflow_gitops.core.gates.files.signed import Signed
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.recorded.signed_files import SignedFiles
from tests.support.core.subjects import subject

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def judge(files: SignedFiles | None, digest: str | None = DIGEST) -> Finding:
    spec = VersionSpec(digest=digest) if digest else None
    return signed.ask(subject(spec=spec, signed=files), Signed("registry/model_signers"))


def test_a_signature_of_the_pinned_files_passes() -> None:
    found = judge(SignedFiles("alice.pem", DIGEST))
    assert found == Finding("passed", "signed by alice.pem")
    assert found.facts["signer"] == "alice.pem" and found.facts["digest"] == DIGEST


@pytest.mark.parametrize(
    ("files", "digest", "detail"),
    [
        (SignedFiles(fault="nobody signed it"), DIGEST, "14 is not signed: nobody signed it"),
        (SignedFiles("alice.pem", OTHER), DIGEST, "is of other files than those that are pinned"),
        (SignedFiles("alice.pem", DIGEST), None, "not pinned by a digest"),
    ],
)
def test_anything_else_fails_with_the_reason(
    files: SignedFiles, digest: str | None, detail: str
) -> None:
    found = judge(files, digest)
    assert found.status == "failed" and detail in found.detail
