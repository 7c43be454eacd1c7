"""Who signed commits, by the SSH keys of `allowed_signers` (RULES R6)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from mlflow_gitops.edges.git.receipts.signatures import judged_signatures
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system.cache import read_cached, write_cached

MOST_CHECKED = 300
"""Signatures that one command checks: each takes two processes. The others follow in later ones."""
_LARGEST = 1 << 20
_LASTING = frozenset("GBU")
"""Judgements that only the file of signers decides: good, bad, by a key that it does not have."""
_CACHE = "signers"


def commit_signers(git: Git, commits: Iterable[str], allowed_signers: bytes) -> Mapping[str, str]:
    """The principal whose key signed each commit. Left out are commits without such a signature,
    and those that were not checked. The first ones come first."""
    name = hashlib.sha256(allowed_signers).hexdigest()
    cached = read_cached(_CACHE, name)
    signers: dict[str, str] = {}
    if isinstance(cached, dict):
        signers = {key: value for key, value in cached.items() if isinstance(value, str)}

    distinct = list(dict.fromkeys(commits))
    unknown = [commit for commit in distinct if commit not in signers]
    signed = _with_ssh_signatures(git, unknown)[:MOST_CHECKED]
    for commit, status, key, principal in judged_signatures(git, signed, allowed_signers):
        if status in _LASTING:
            is_good = status == "G" and key.startswith("SHA256:")
            signers[commit] = principal if is_good else ""
    if signed:
        write_cached(_CACHE, name, signers)
    return {commit: signers[commit] for commit in distinct if signers.get(commit)}


def _with_ssh_signatures(git: Git, commits: list[str]) -> list[str]:
    if not commits:
        return []
    headers = {
        commit: content.partition(b"\n\n")[0]
        for commit, content in git.each_blob(commits, limit=_LARGEST)
        if content is not None
    }
    return [c for c in commits if b"-----BEGIN SSH SIGNATURE-----" in headers.get(c, b"")]
