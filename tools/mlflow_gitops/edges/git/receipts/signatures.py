"""Signatures of the receipts branch's commits, by git's own means (RULES R6): SSH keys count if the
file `allowed_signers` in the registry folder of the main branch names them, OpenPGP and X.509 as
git itself decides."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow_gitops.core.manifests.registry_folder import ALLOWED_SIGNERS
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.git.revisions import SIGNATURE_FAULTS

_GOOD = "G"
_CACHE = "signatures"


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """Whether receipts must be signed, and by which SSH keys: the content of `allowed_signers`."""

    is_required: bool = False
    allowed_signers: bytes = b""


def read_signature_rule(git: Git, revision: str, policy_path: str, folder: str) -> SignatureRule:
    """What a revision says: `receipts: {signed: true}` in its policy, and the file of signers. If
    the policy cannot be read, the file alone asks for signatures. Raises GitFailure."""
    signers_path = f"{folder}/{ALLOWED_SIGNERS}"
    blobs: dict[str, str] = {}
    command = ("ls-tree", "-z", "--full-tree", revision, "--", policy_path, signers_path)
    for entry in git.output(*command).split("\0"):
        columns, _, path = entry.partition("\t")
        if path:
            blobs[path] = columns.split()[2]

    contents = git.blobs(blobs.values())
    policy = contents.get(blobs.get(policy_path, ""), b"")
    allowed = contents.get(blobs.get(signers_path, ""), b"")
    return SignatureRule(_asks_for_signatures(policy, bool(allowed)), allowed)


def signature_faults(git: Git, commits: Iterable[str], allowed_signers: bytes) -> dict[str, str]:
    """Why the signatures of commits do not count, by commit. Those that count are left out, and
    remembered: each SSH signature takes two processes."""
    from mlflow_gitops.edges.system.cache import read_cached, write_cached  # slow to load

    name = hashlib.sha256(allowed_signers).hexdigest()
    cached = read_cached(_CACHE, name)
    good = set(cached) if isinstance(cached, list) else set()
    unchecked = [commit for commit in dict.fromkeys(commits) if commit not in good]
    if not unchecked:
        return {}

    faults: dict[str, str] = {}
    lasting: set[str] = set()
    for commit, status, key, signer in judged_signatures(git, unchecked, allowed_signers):
        if status != _GOOD:
            fault = SIGNATURE_FAULTS.get(status, "cannot be judged")
            faults[commit] = f"{fault} ({signer})" if signer else fault
        elif key.startswith("SHA256:"):  # SSH: nothing but that file decides, today and later
            lasting.add(commit)
    if lasting:
        write_cached(_CACHE, name, sorted(good | lasting))
    return faults


def judged_signatures(
    git: Git, commits: Collection[str], allowed_signers: bytes
) -> Iterable[tuple[str, str, str, str]]:
    """Commit, git's status, the key's fingerprint and the signer, of each commit. SSH keys count as
    the file of signers says."""
    if not commits:
        return []
    with TemporaryDirectory() as folder:
        file = Path(folder, ALLOWED_SIGNERS)
        file.write_bytes(allowed_signers)
        setting = f"gpg.ssh.allowedSignersFile={file}"
        form = "--format=%H%x09%G?%x09%GF%x09%GS"
        listing = git.output(
            *("-c", setting, "log", "--no-walk=unsorted", "--no-show-signature", form, "--stdin"),
            feed="".join(f"{commit}\n" for commit in commits),
        )
    judged = {}
    for line in listing.splitlines():
        commit, status, key, signer = (*line.split("\t", 3), "", "", "")[:4]
        judged[commit] = (commit, status, key, signer)
    return [judged.get(commit, (commit, "E", "", "")) for commit in commits]


def _asks_for_signatures(policy: bytes, has_signers: bool) -> bool:
    if b"signed" not in policy:  # most policies: nothing more is loaded for them
        return False
    from mlflow_gitops.core.manifests.policy_file import read_policy

    parsed, _ = read_policy(policy, "policy.yaml")
    return parsed.signed_receipts if parsed is not None else has_signers
