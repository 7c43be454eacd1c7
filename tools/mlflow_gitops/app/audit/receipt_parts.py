"""Parts of recording a run: who ran it, whether it brings a policy into force, its stamps, and what
gates object to in what a lost run did (RULES R6)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlflow_gitops.app.reconciling.writing.registry_writer import RegistryWriter
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.core.audit.receipts import RECEIPT_TAG
from mlflow_gitops.core.verdicts.verdict import Verdict
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.mlflow.server_errors import NOT_FOUND
from mlflow_gitops.errors import RegistryFailure


def run_facts(git: Git) -> dict[str, Any]:
    """Who or what ran this, as a receipt records it: `by`, and for a CI job `run` with its page,
    its event and the login that started it. A schedule is nobody: then `by` is the event."""
    runner = current_runner()
    job = {"url": runner.run_url, "event": runner.event, "actor": runner.actor}
    job_facts = {key: value for key, value in job.items() if value is not None}
    if runner.actor:
        by: str | None = f"@{runner.actor}"
    elif runner.event:
        by = runner.event
    else:
        by = _git_user(git)
    return {"by": by, **({"run": job_facts} if job_facts else {})}


def _git_user(git: Git) -> str | None:
    """Git's own user, which anybody can set to any name."""
    listing = git.query("config", "-z", "--get-regexp", r"^user\.(name|email)$")
    entries = (entry.partition("\n") for entry in listing.split("\0"))
    user = {key: value.strip() for key, _, value in entries}  # of several values the last one
    name, mail = user.get("user.name"), user.get("user.email")
    return f"{name} <{mail}>" if name and mail else None


def owner_in_stamps(registry: RegistryWriter, models: Sequence[str]) -> str | None:
    """The owner in the models' stamps. A shallow clone does not know its root commit, so it
    takes the owner from there."""
    for name in models:
        observed = registry.read(name)
        if observed is not None and observed.owner:
            return observed.owner
    return None


def is_new_policy(branch: ReceiptsBranch, owner: str, path: str, commit: str) -> bool:
    """Whether the policy at a commit is another than at the newest receipt's commit. Later
    changes are judged by it, so the run is recorded even if it changed no model."""
    own_receipts = [receipt for receipt in branch.receipts() if receipt.owner == owner]
    if not own_receipts:
        return False
    last, git = own_receipts[-1].commit, branch.git
    return last != commit and policy_blob(git, path, last) != policy_blob(git, path, commit)


def policy_blob(git: Git, path: str | None, commit: str) -> str | None:
    """The blob id of the policy's file at a commit; None if it has none."""
    if path is None:
        return None
    return git.query("rev-parse", "--verify", "-q", f"{commit}:{path}")


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
