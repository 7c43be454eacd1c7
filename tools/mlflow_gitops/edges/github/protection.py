"""What GitHub's settings protect, as values. A branch may be protected by rulesets, by a classic
rule, or by both: GitHub then enforces the stricter of the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.edges.github.setup.workflow_settings import ACTIONS_APP, ForkWorkflows


@dataclass(frozen=True, slots=True)
class Unread:
    """A setting that could not be read, and why. `fix` is the next step, if it is not another
    token; `needs_plan` is true if GitHub's plan of the repository does not have the setting."""

    reason: str
    fix: str = ""
    needs_plan: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentEnvironment:
    """An environment from which a job gets its credentials.

    `branches` are the patterns of the branches that may use it; None if every branch may, or, with
    `protected`, every protected branch.
    """

    branches: tuple[str, ...] | None
    protected: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptsProtection:
    """What protects the branch of receipts: rulesets' rules, and the classic rule."""

    branch: str
    rules: Sequence[Mapping[str, Any]] | Unread
    classic: Mapping[str, Any] | Unread | None

    @property
    def unread(self) -> Unread | None:
        """Why a half of it is not known, if it is not."""
        return next((half for half in (self.rules, self.classic) if isinstance(half, Unread)), None)

    @property
    def merge_rules(self) -> MergeRules:
        """What both require together, as far as they could be read."""
        rules = () if isinstance(self.rules, Unread) else self.rules
        return strictest(rules, self.classic if isinstance(self.classic, Mapping) else {})


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """A repository's settings, as GitHub's API returns them.

    `rules` are the rulesets' rules for the branch; `classic` is the classic rule, None if there is
    none; `bypass` lists who may bypass a ruleset. `token` is what a workflow's own token may do,
    `secrets` are the names of the repository's secrets, `address_variables` those of its variables
    from which workflows take the address of MLflow. `has_app` tells whether the App that the
    workflows name is configured, None if they name none; `opens_pull_requests`, whether a workflow
    opens some, which takes a permission of its own. `organization_secrets` are shared with the
    repository. `workflow_states` maps the file name of each workflow to GitHub's state of it;
    `fork_workflows` is None unless the repository is private and may be forked; `actions_app` is
    the id of the app GitHub Actions.
    """

    repository: str
    branch: str
    default_branch: str
    rules: Sequence[Mapping[str, Any]] | Unread
    classic: Mapping[str, Any] | Unread | None
    bypass: Sequence[str] | Unread
    environments: Mapping[str, DeploymentEnvironment | Unread | None]
    token: Mapping[str, Any] | Unread
    secrets: Sequence[str] | Unread
    address_variables: Sequence[str] | Unread
    has_app: bool | Unread | None
    codeowners: Sequence[str] | Unread
    receipts: ReceiptsProtection | None = None
    opens_pull_requests: bool = True
    organization_secrets: Sequence[str] | Unread = ()
    workflow_states: Mapping[str, str] | Unread | None = None
    fork_workflows: ForkWorkflows | Unread | None = None
    actions_app: int | Unread = ACTIONS_APP

    @property
    def needs_plan(self) -> Unread | None:
        """What GitHub's plan of the repository does not have, if that was met."""
        read = (self.rules, self.classic, self.bypass, *self.environments.values())
        return next((each for each in read if isinstance(each, Unread) and each.needs_plan), None)

    @property
    def unread_rules(self) -> Unread | None:
        """Why half of the branch's protection is not known, if it is not."""
        return next((half for half in (self.rules, self.classic) if isinstance(half, Unread)), None)

    @property
    def known_classic(self) -> Mapping[str, Any]:
        """The classic rule; empty if there is none or it could not be read."""
        return self.classic if isinstance(self.classic, Mapping) else {}

    @property
    def merge_rules(self) -> MergeRules:
        """What rulesets and the classic rule require together, as far as they could be read."""
        rules = () if isinstance(self.rules, Unread) else self.rules
        return strictest(rules, self.known_classic)


@dataclass(frozen=True, slots=True)
class MergeRules:
    """What a merge into a branch requires. `checks` maps a required check to the app that must have
    set it, None for any."""

    pull_request: bool
    approvals: int
    dismisses_stale: bool
    code_owners: bool
    checks: Mapping[str, int | None]
    no_force_push: bool
    no_deletion: bool


def strictest(rules: Sequence[Mapping[str, Any]], classic: Mapping[str, Any] | None) -> MergeRules:
    """Combine the rules of rulesets with the classic rule: point by point, the stricter applies."""
    classic = classic or {}
    parameters: dict[str, list[Mapping[str, Any]]] = {}
    for rule in rules:
        parameters.setdefault(rule["type"], []).append(rule.get("parameters") or {})

    reviews = classic.get("required_pull_request_reviews") or {}
    pulls = parameters.get("pull_request", [])
    counts = [entry.get("required_approving_review_count") for entry in (reviews, *pulls)]
    return MergeRules(
        pull_request=bool(pulls or reviews),
        approvals=max(int(count or 0) for count in counts),
        dismisses_stale=bool(reviews.get("dismiss_stale_reviews"))
        or any(pull.get("dismiss_stale_reviews_on_push") for pull in pulls),
        code_owners=bool(reviews.get("require_code_owner_reviews"))
        or any(pull.get("require_code_owner_review") for pull in pulls),
        checks=_required_checks(classic, parameters.get("required_status_checks", [])),
        no_force_push="non_fast_forward" in parameters or _forbids(classic, "allow_force_pushes"),
        no_deletion="deletion" in parameters or _forbids(classic, "allow_deletions"),
    )


def _required_checks(
    classic: Mapping[str, Any], rulesets: Sequence[Mapping[str, Any]]
) -> dict[str, int | None]:
    """The required checks and the app of each. A later entry of a check replaces an earlier one."""
    apps: dict[str, int | None] = {}
    classic_checks = classic.get("required_status_checks") or {}
    for context in classic_checks.get("contexts") or ():
        apps[context] = None
    for check in classic_checks.get("checks") or ():
        app = check.get("app_id") or -1
        apps[check["context"]] = app if app > 0 else None
    for ruleset in rulesets:
        for check in ruleset.get("required_status_checks") or ():
            apps[check["context"]] = check.get("integration_id") or apps.get(check["context"])
    return apps


def is_enabled(classic: Mapping[str, Any], setting: str) -> bool:
    """Whether a setting of the classic rule is on."""
    return bool((classic.get(setting) or {}).get("enabled"))


def _forbids(classic: Mapping[str, Any], permission: str) -> bool:
    """Whether the classic rule says that it does not allow something. A null says nothing."""
    if permission in classic and (classic[permission] or {}).get("enabled") is None:
        return False
    return bool(classic) and not is_enabled(classic, permission)
