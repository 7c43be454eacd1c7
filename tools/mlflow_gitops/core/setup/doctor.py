"""What `doctor` finds: pure judgements on facts that the edges read. Nothing here asks anybody.

A finding is `ok`, `missing` (and then says in one line how to mend it), or `unknown`, where it
cannot be told from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from mlflow_gitops.core.audit.receipts import NOTES_REF
from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.wording import and_list, counted, first_few
from mlflow_gitops.core.yaml.problems import Problem

_Facts = TypeVar("_Facts")

Status = Literal["ok", "missing", "unknown"]
Area = Literal["git", "policy", "mlflow", "workflows", "github"]

MERGE_TREE = (2, 38)
"""The git that has `merge-tree --write-tree`, by which `plan --onto` plans a merge."""
SUPPORTED_MLFLOW = ((3, 4), (4, 0))
"""From and before which MLflow this runs; as in pyproject.toml."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing looked at. `check` is a stable word; `fix` is what to do, where there is something
    to do."""

    area: str
    check: str
    status: Status
    detail: str
    fix: str | None = None


def run_checks(
    checks: Iterable[Callable[[_Facts], Iterator[CheckResult]]], facts: _Facts
) -> Iterator[CheckResult]:
    """Run each check of a table on the same facts. A check yields nothing if it does not apply."""
    for check in checks:
        yield from check(facts)


@dataclass(frozen=True, slots=True)
class GitFacts:
    """A clone. `main` is the main branch's name or, as `main_fault`, why it is not known; `notes`
    says whether receipts are here, `refspecs` are what a plain `git fetch` brings. `commits` is the
    length of the main line."""

    version: str
    remote: str | None
    main: str | None
    main_fault: str
    commits: int
    shallow: bool
    notes: bool
    refspecs: Collection[str]


@dataclass(frozen=True, slots=True)
class MlflowFacts:
    """A registry. `fault` says why it cannot be read; `seen` are the managed models that it shows,
    `rights` what the user has on each of them, None where the server does not tell."""

    client: str
    uri: str
    fault: str | None = None
    over_http: bool = False
    server: str | None = None
    user: str | None = None
    token: bool = False
    stageless: bool = False
    seen: Collection[str] = ()
    rights: Mapping[str, str] | None = None


def judge_git(facts: GitFacts) -> Iterator[CheckResult]:
    """The clone: new enough a git, the whole main line, and the receipts."""
    if _numbers(facts.version) >= MERGE_TREE:
        yield CheckResult("git", "version", "ok", f"git {facts.version}")
    else:
        said = f"git {facts.version} cannot plan a merge (plan --onto)"
        yield CheckResult("git", "version", "missing", said, "Install git 2.38 or newer.")
    if facts.main is None:
        yield CheckResult(
            "git",
            "main-line",
            "missing",
            facts.main_fault,
            "Name the branch with --main, or fetch it.",
        )
    elif not facts.commits:
        yield CheckResult(
            "git", "main-line", "missing", f"{facts.main} has no commits", "Commit the manifests."
        )
    else:
        yield CheckResult(
            "git",
            "main-line",
            "ok",
            f"{facts.main}, {counted(facts.commits, 'commit')}",
        )
    if facts.shallow:
        said = "this clone is shallow: what a model was last reconciled to may lie beyond it"
        yield CheckResult(
            "git", "depth", "missing", said, "git fetch --unshallow; in a workflow: fetch-depth: 0"
        )
    else:
        yield CheckResult("git", "depth", "ok", "the whole history is here")
    if facts.remote is None:
        yield CheckResult(
            "git",
            "remote",
            "unknown",
            "no remote: receipts stay in this clone",
            "git remote add origin …",
        )
    elif facts.notes or any(NOTES_REF in spec or "refs/notes/*" in spec for spec in facts.refspecs):
        yield CheckResult(
            "git",
            "receipts",
            "ok",
            "receipts are here" if facts.notes else "a fetch brings the receipts",
        )
    else:
        said = (
            "no receipts are here, and no fetch brings them: log cannot tell approvals and effects"
        )
        # a pattern, since a fetch fails on a plain ref that is not there yet
        spec = f"{NOTES_REF}*:{NOTES_REF}*"
        fix = f"git config --add remote.{facts.remote}.fetch '{spec}' && git fetch {facts.remote}"
        yield CheckResult("git", "receipts", "missing", said, fix)


def judge_policy(
    snapshot: Snapshot,
    *,
    has_policy: bool,
    github: bool,
    owned: Collection[Problem] | None,
    copies: Collection[str],
) -> Iterator[CheckResult]:
    """Manifests, policy, CODEOWNERS and the schemas' copies. `owned` is what is wrong with
    CODEOWNERS, None where there is none; `copies` are the schemas that the repository has a copy
    of."""
    count = len(snapshot.errors)
    if count:
        said = f"{counted(count, 'error')} in manifests and policy"
        yield CheckResult("policy", "files", "missing", said, "mlflow-gitops validate says where.")
    else:
        yield CheckResult(
            "policy",
            "files",
            "ok",
            f"{counted(snapshot.count, 'manifest')}, all valid",
        )
    if not has_policy:
        said = "there is none: MLflow's four stages, no gates, Production protected"
        yield CheckResult("policy", "policy", "ok", said)
    wanted = sorted(_stages_with_approvals(snapshot))
    if wanted and github:
        yield CheckResult(
            "policy",
            "approvals",
            "ok",
            f"{', '.join(wanted)}: counted from pull requests on GitHub",
        )
    elif wanted:
        said = (
            f"{', '.join(wanted)} wants approvals of a pull request, and GitHub cannot be asked"
            " from here"
        )
        fix = (
            "Set GITHUB_TOKEN, or let the policy count lines: approvals: {count: 1, from: message}"
        )
        yield CheckResult("policy", "approvals", "missing", said, fix)
    if not snapshot.policy.owners:
        said = (
            "the policy names no platform team: nobody is asked about policy, schemas and workflows"
        )
        yield CheckResult(
            "policy",
            "owners",
            "missing",
            said,
            'Write owners: ["@your-org/platform"] into the policy.',
        )
    if owned is None:
        said = "there is no CODEOWNERS: GitHub asks no owner"
        yield CheckResult("policy", "codeowners", "missing", said, "mlflow-gitops codeowners")
    elif owned:
        yield CheckResult(
            "policy", "codeowners", "missing", "CODEOWNERS is stale", "mlflow-gitops codeowners"
        )
    else:
        yield CheckResult("policy", "codeowners", "ok", "CODEOWNERS is up to date")
    differing = [p.file for p in snapshot.warnings if p.code == "schema-copy-differs"]
    if differing:
        said = f"{and_list(differing)} differ from the schemas in use: editors check by other rules"
        yield CheckResult(
            "policy", "schemas", "missing", said, "Renew them: mlflow-gitops init --update"
        )
    elif len(copies) < 2:
        said = "the repository has no copy of the schemas: editors do not check manifests"
        yield CheckResult(
            "policy", "schemas", "missing", said, "Copy the shipped ones: mlflow-gitops init"
        )
    else:
        yield CheckResult("policy", "schemas", "ok", "schemas/ is as this version's")


def judge_mlflow(facts: MlflowFacts, snapshot: Snapshot) -> Iterator[CheckResult]:
    """The registry: whether it can be read, keeps stages, and what the user may do there. Nothing
    is written to find out."""
    low, high = SUPPORTED_MLFLOW
    if low <= _numbers(facts.client) < high:
        yield CheckResult("mlflow", "client", "ok", f"MLflow {facts.client}")
    else:
        yield CheckResult(
            "mlflow",
            "client",
            "missing",
            f"MLflow {facts.client} is not supported",
            "pip install 'mlflow>=3.4,<4'",
        )
    if facts.over_http:
        yield _credentials(facts)
    if facts.fault is not None:
        said, _, way = facts.fault.partition(". ")
        yield CheckResult(
            "mlflow", "read", "missing", said.removesuffix("."), way or "Set MLFLOW_TRACKING_URI."
        )
        return
    unseen = sorted(set(snapshot.manifests) - set(facts.seen))
    said = f"{facts.uri} can be read" + (f" (MLflow {facts.server})" if facts.server else "")
    yield CheckResult("mlflow", "read", "ok", said)
    if unseen:
        said = (
            f"{_some(unseen)} not there, or hidden from this user; reconcile creates what has no"
            " model yet"
        )
        yield CheckResult(
            "mlflow", "models", "unknown", said, "Grant READ, or train and register the model."
        )
    elif snapshot.manifests:
        yield CheckResult(
            "mlflow",
            "models",
            "ok",
            f"every model of the {len(snapshot.manifests)} manifests is there",
        )
    if facts.stageless:
        yield CheckResult(
            "mlflow", "stages", "ok", "this registry keeps no stages: each lives as an alias"
        )
    else:
        yield CheckResult("mlflow", "stages", "ok", "this registry keeps stages")
    yield from _rights(facts, snapshot)


def _credentials(facts: MlflowFacts) -> CheckResult:
    if facts.token or facts.user is not None:
        return CheckResult(
            "mlflow",
            "credentials",
            "ok",
            "a token is set" if facts.token else "user and password are set",
        )
    said = "none are set, which is right only where the server asks for none"
    fix = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
    return CheckResult("mlflow", "credentials", "unknown", said, fix)


def _rights(facts: MlflowFacts, snapshot: Snapshot) -> Iterator[CheckResult]:
    if facts.rights is None:
        said = "whether this user may write cannot be told by reading"
        fix = (
            "Writing takes EDIT on each model, removing an alias MANAGE, creating a model that"
            " right."
        )
        if facts.over_http:
            yield CheckResult("mlflow", "rights", "unknown", said, fix)
        return
    below = sorted(name for name, right in facts.rights.items() if right not in ("EDIT", "MANAGE"))
    uses_aliases = {
        name
        for name, manifest in snapshot.manifests.items()
        if manifest.aliases or snapshot.policy.for_model(name, manifest.kind).stage_aliases
    }
    no_manage = sorted(
        name for name, right in facts.rights.items() if right == "EDIT" and name in uses_aliases
    )
    who = facts.user or "this user"
    if below:
        said = (
            f"{who} may not change {_some(below)}; reading is enough for plan, reconcile needs EDIT"
        )
        yield CheckResult(
            "mlflow",
            "rights",
            "missing",
            said,
            "Ask MLflow's administrator for EDIT on each model.",
        )
    if no_manage:
        said = (
            f"{who} may not remove an alias of {_some(no_manage)}, as emptying a stage does (EDIT"
            " is not enough)"
        )
        yield CheckResult(
            "mlflow", "alias-rights", "missing", said, "Ask MLflow's administrator for MANAGE."
        )
    if facts.rights and not below and not no_manage:
        yield CheckResult("mlflow", "rights", "ok", f"{who} may change every managed model")


def _stages_with_approvals(snapshot: Snapshot) -> set[str]:
    """The stages for which some model's policy wants approvals of a pull request."""
    names = set(snapshot.manifests) or {""}
    rules = [rule for name in names for rule in snapshot.policy.for_model(name).stages.values()]
    required = ((rule.name, rule.gates.settings(approvals.GATE)) for rule in rules)
    return {stage for stage, needed in required if needed and needed.source == "pull_request"}


def proposed_stages(snapshot: Snapshot) -> list[str]:
    """The stages that the policy wants new versions of some model proposed for."""
    sheets = snapshot.manifests.items()
    rules = [snapshot.policy.for_model(name, sheet.kind) for name, sheet in sheets] or [
        snapshot.policy.for_model("")
    ]
    return sorted({rule.propose for rule in rules if rule.propose is not None})


def _numbers(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _some(names: Collection[str]) -> str:
    return first_few(sorted(names), 3)
