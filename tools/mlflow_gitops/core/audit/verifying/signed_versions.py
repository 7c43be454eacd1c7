"""Whether the files of the versions that are served are signed, where the policy asks for that now
(RULES R3, R7). The signature's list of files is compared with the pinned digest, so that no file is
read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.findings import Unexplained
from mlflow_gitops.core.audit.verifying.occupied_versions import occupied_versions
from mlflow_gitops.core.audit.verifying.verified_gates import run_that_brought
from mlflow_gitops.core.gates.files.signed import GATE
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.recorded.signed_files import SignedFiles
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.wording import shell_words

SignedBy = Callable[[Sequence[str], int, str], SignedFiles]
"""What the main branch's signature of a version lists, by a model's names, the version and the
folder of keys that count. Raises Unreadable."""


def unsigned_versions(
    account: Account, observed: ObservedModel, signed_by: SignedBy
) -> Iterator[Unexplained]:
    """The versions that hold a stage whose files must be signed, and are not signed as pinned by a
    key that the main branch has. `Gate-Override: signed` excuses its entry."""
    desired = account.tip or account.desired
    if desired is None or observed.is_prompt:
        return
    names = (account.name, *desired.manifest.formerly)
    for number, stages in occupied_versions(desired, observed).items():
        for folder, of_folder in _stages_by_keys(account, desired, number, stages).items():
            digest = desired.manifest.versions.get(number, VersionSpec()).files_digest
            try:
                signed = signed_by(names, number, folder)
            except Unreadable as reason:
                signed = SignedFiles(fault=str(reason))
            fault = _fault(number, account.name, digest, signed)
            if fault is not None:
                detail = f"{number} holds {', '.join(of_folder)}, and {fault}"
                yield Unexplained(account.name, f"signed {number}", detail)


def _stages_by_keys(
    account: Account, desired: Desired, number: int, stages: Sequence[str]
) -> Mapping[str, list[str]]:
    """The stages of a version that ask for a signature, by the folder of keys that each names."""
    by_keys: dict[str, list[str]] = {}
    for stage in stages:
        policy = desired.policy.stages.get(stage)
        settings = policy.gates.settings(GATE) if policy is not None else None
        if settings is not None and not _is_overridden(account, stage, number):
            by_keys.setdefault(settings.keys, []).append(stage)
    return by_keys


def _is_overridden(account: Account, stage: str, number: int) -> bool:
    run = run_that_brought(account, stage, number)
    return run is not None and (stage, number, GATE.name, "overridden") in set(
        run.recorded.verdicts()
    )


def _fault(number: int, model: str, digest: str | None, signed: SignedFiles) -> str | None:
    if signed.fault is not None:
        return f"its files are not signed: {signed.fault}"
    if digest is None:
        return (
            "no digest of its files is pinned, which the signature could be compared with:"
            f" mlflow-gitops pin {shell_words(model, number)}"
        )
    if signed.digest != digest:
        return (
            f"its signature by {signed.signer} is of other files than those that are pinned"
            f" ({signed.digest[:19]}… ≠ {digest[:19]}…)"
        )
    return None
