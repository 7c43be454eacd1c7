"""Parts of recording a run: who ran it, whether it brings a policy into force, its stamps, and what
gates object to in what a lost run did (RULES R6)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mlflow_gitops.app.reconciling.registry_writer import RegistryWriter
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.core.audit.receipts import RECEIPT_TAG
from mlflow_gitops.core.verdicts.verdict import Verdict
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.mlflow.server_errors import NOT_FOUND
from mlflow_gitops.errors import RegistryFailure


def runner_or_user(git: Git) -> str | None:
    """Who ran this: the login that started the CI job, else git's own user."""
    if actor := current_runner().actor:
        return f"@{actor}"
    name = git.query("config", "user.name")
    mail = git.query("config", "user.email")
    return f"{name} <{mail}>" if name and mail else None


def owner_in_stamps(registry: RegistryWriter, models: Sequence[str]) -> str | None:
    """The owner in the models' stamps. A shallow clone does not know its root commit, so it
    takes the owner from there."""
    for name in models:
        observed = registry.read(name)
        if observed is not None and observed.owner:
            return observed.owner
    return None


def is_new_policy(notes: Notes, owner: str, path: str, commit: str) -> bool:
    """Whether the policy at a commit is another than at the newest receipt's commit. Later
    changes are judged by it, so the run is recorded even if it changed no model."""
    ours = [receipt for receipt in notes.receipts() if receipt.owner == owner]
    if not ours:
        return False
    last = ours[-1].commit

    def policy_blob(revision: str) -> str | None:
        return notes.git.query("rev-parse", "--verify", "-q", f"{revision}:{path}")

    return last != commit and policy_blob(last) != policy_blob(commit)


def stamp_receipt(
    registry: RegistryWriter, models: Sequence[str], digest: str, writers: int
) -> None:
    """Stamp a receipt's digest on the models that it changed. If one cannot be reached, the
    others are stamped all the same, and then its RegistryFailure is raised."""
    with ThreadPoolExecutor(writers, "stamp") as pool:
        stamping = [
            pool.submit(registry.set_tag, name, None, RECEIPT_TAG, digest) for name in models
        ]
    for stamped in stamping:
        try:
            stamped.result()
        except RegistryFailure as failure:
            if failure.code != NOT_FOUND:  # a model that was deleted has no stamps
                raise


def objection(name: str, verdict: Verdict) -> str:
    """What a gate objects to in the state that a recovered receipt records."""
    stage, version = verdict.stage, verdict.version
    return (
        f"no receipt says how {name} {version} came to {stage}, and it does not pass"
        f" {verdict.gate}: {verdict.detail}. It does not count as having held {stage}, and verify"
        " reports it until a later commit takes it out or makes the entry anew."
    )
