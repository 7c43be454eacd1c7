"""Compare a plan's policy with the one that judges it, and find the approvals that it still needs
(RULES R3, R9)."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_gitops.app.planning.judging.approved_policies import JudgingPolicy
from mlflow_gitops.app.planning.judging.counting_policies import PolicyStanding, required_approvals
from mlflow_gitops.core.comparison.policies import PolicyComparison, compare_policies
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import Policy


def changed_rules(
    file: str,
    judging: JudgingPolicy,
    policy: Policy,
    policy_standing: PolicyStanding | None,
    models: Mapping[str, Kind],
) -> PolicyComparison | None:
    """What a policy changes for these models; None if it changes nothing. `policy_standing` is that
    of the policy at the end of the line."""
    changes = compare_policies(judging.policy, policy, models)
    if not changes:
        return None
    made, missing = _missing(policy, judging.policy, policy_standing)
    return PolicyComparison(file, judging.commit, made, changes, missing)


def _missing(
    policy: Policy, judging: Policy, policy_standing: PolicyStanding | None
) -> tuple[str | None, str]:
    """The commit that made the target's policy, None if it is not committed; and what approvals it
    still needs, by the policy that judges its change."""
    if policy_standing is not None and policy_standing.newest.policy.raw == policy.raw:
        missing = dict.fromkeys(finding.detail for finding in policy_standing.missing)
        return policy_standing.newest.commit.sha, "; ".join(missing)
    required = required_approvals(judging)
    return None, "; ".join(f"needs {approval.text} of a pull request" for approval in required)
