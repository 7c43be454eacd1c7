"""`doctor`'s check of what protects the branch of receipts (RULES R6): nobody may rewrite it, and
nobody may delete it."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.edges.github.protection import RepositorySettings
from mlflow_gitops.edges.github.setup.results import GITHUB, unknown


def receipts_branch(settings: RepositorySettings) -> Iterator[CheckResult]:
    """A ruleset can protect the branch before its first receipt."""
    protection = settings.receipts
    if protection is None:
        return
    rules, branch = protection.merge_rules, protection.branch
    ruleset = f"Settings → Rules → Rulesets, for the branch {branch}: "
    for check_name, is_forbidden, detail, fix in (
        ("receipts force-push", rules.no_force_push, "rewrites", "Block force pushes."),
        ("receipts deletion", rules.no_deletion, "deletes", "Restrict deletions."),
    ):
        sentence = f"nobody {detail} {branch}"
        if is_forbidden:
            yield GITHUB.ok(check_name, sentence)
        elif protection.unread is not None:
            yield unknown(check_name, protection.unread)
        else:
            yield GITHUB.missing(check_name, f"not so: {sentence}", ruleset + fix)
