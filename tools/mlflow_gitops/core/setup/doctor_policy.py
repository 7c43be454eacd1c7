"""`doctor`'s checks of files: manifests, policy, CODEOWNERS, copies of the schemas."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.setup.doctor import Area, CheckResult, run_checks
from mlflow_gitops.core.verdicts.pinned_files import asks_digest
from mlflow_gitops.core.wording import and_list, counted
from mlflow_gitops.core.yaml.problems import Problem

POLICY = Area("policy")


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """The working tree.

    `forge_fix` says how to connect to the forge, None if it can be read. `codeowners` are the
    problems of CODEOWNERS, None if the file is missing. `schema_copies` are the schemas of which
    the repository has a copy. `teams` are those whose approval the policy asks for.
    """

    snapshot: Snapshot
    has_policy: bool
    forge_fix: str | None
    codeowners: Collection[Problem] | None
    schema_copies: Collection[str]
    teams: Mapping[str, TeamFact] = field(default_factory=dict)
    misplaced: Sequence[Problem] = ()
    """The files of this program that nothing reads, because of their folder or their name."""
    on_github: bool = True
    """Whether the repository is on GitHub: nothing else reads CODEOWNERS here."""


@dataclass(frozen=True, slots=True)
class TeamFact:
    """What the forge answered about a team that the policy names: how many members it has, or why
    they are not shown, and what to do. `is_answer` is false if the forge gave no answer at all."""

    members: int = 0
    fault: str | None = None
    fix: str | None = None
    is_answer: bool = True


def check_policy(facts: PolicyFacts) -> Iterator[CheckResult]:
    """Run all checks of the working tree."""
    return run_checks(CHECKS, facts)


def _files(facts: PolicyFacts) -> Iterator[CheckResult]:
    errors = len(facts.snapshot.errors)
    if errors:
        detail = f"{counted(errors, 'error')} in manifests and policy"
        yield POLICY.missing("files", detail, "mlflow-gitops validate shows them.")
    else:
        yield POLICY.ok("files", f"{counted(facts.snapshot.count, 'manifest')}, all valid")


def _places(facts: PolicyFacts) -> Iterator[CheckResult]:
    for problem in facts.misplaced:
        fix = "Move or rename it, so that it is read."
        yield POLICY.missing("places", f"{problem.file} {problem.message}", fix)


def _policy(facts: PolicyFacts) -> Iterator[CheckResult]:
    if not facts.has_policy:
        yield POLICY.ok(
            "policy", "there is none: MLflow's four stages, no gates, Production protected"
        )


def _approvals(facts: PolicyFacts) -> Iterator[CheckResult]:
    stages = ", ".join(sorted(_stages_with_approvals(facts.snapshot)))
    if not stages:
        return
    if facts.forge_fix is None:
        yield POLICY.ok("approvals", f"{stages}: counted from pull requests")
        return
    yield POLICY.missing(
        "approvals",
        f"{stages} requires approvals of a pull request, and the forge cannot be read from here",
        f"{facts.forge_fix} Or let the policy count lines: approvals: {{count: 1, from: message}}",
    )


def _aliases(facts: PolicyFacts) -> Iterator[CheckResult]:
    """Services load aliases, too: one that no stage owns is judged by no gate."""
    rules = facts.snapshot.policy.with_exceptions(())
    gated = [rule.name for rule in rules.stages.values() if rule.gates.names]
    if not gated:
        return
    if rules.alias_only is not None:
        yield POLICY.ok("aliases", "aliases of manifests follow the policy's aliases.only")
        return
    stage = "Production" if "Production" in gated else gated[0]
    yield POLICY.missing(
        "aliases",
        f"{and_list(gated)} {'has' if len(gated) == 1 else 'have'} gates, and a manifest may give"
        " any other alias to any version without them",
        f"Write aliases: {{only: [{stage}]}} into the policy; or, for an alias that services load,"
        f" aliases: {{NAME: {{as: {stage}}}}}.",
    )


def _approvers(facts: PolicyFacts) -> Iterator[CheckResult]:
    for team, fact in sorted(facts.teams.items()):
        check = f"approvers {team}"
        if fact.fault is not None:
            result = POLICY.missing if fact.is_answer else POLICY.unknown
            yield result(check, fact.fault, fact.fix or "Try again later.")
        elif not fact.members:
            detail = f"{team} has no members, and the policy asks for their approval"
            yield POLICY.missing(check, detail, "Add the people who approve to the team.")
        else:
            yield POLICY.ok(check, f"{team}: {counted(fact.members, 'member')} may approve")


def _owners(facts: PolicyFacts) -> Iterator[CheckResult]:
    if facts.snapshot.policy.owners or not facts.on_github:
        return
    yield POLICY.missing(
        "owners",
        "the policy names no platform team: nobody has to review policy, schemas and workflows",
        'Write owners: ["@your-org/platform"] into the policy.',
    )


def _codeowners(facts: PolicyFacts) -> Iterator[CheckResult]:
    command = "mlflow-gitops codeowners"
    if not facts.on_github:
        yield POLICY.ok("codeowners", "not on GitHub: skipped")
    elif facts.codeowners is None:
        detail = "there is no CODEOWNERS: no owner is asked for a review"
        yield POLICY.missing("codeowners", detail, command)
    elif facts.codeowners:
        yield POLICY.missing("codeowners", "CODEOWNERS is out of date", command)
    else:
        yield POLICY.ok("codeowners", "CODEOWNERS is up to date")


def _schemas(facts: PolicyFacts) -> Iterator[CheckResult]:
    warnings = facts.snapshot.warnings
    outdated = [problem.file for problem in warnings if problem.code == "schema-copy-differs"]
    if outdated:
        yield POLICY.missing(
            "schemas",
            f"{and_list(outdated)} differ from the schemas in use: editors check by other rules",
            "Update them: mlflow-gitops init --update",
        )
    elif len(facts.schema_copies) < 2:
        yield POLICY.missing(
            "schemas",
            "the repository has no copy of the schemas: editors do not check manifests",
            "Copy the shipped ones: mlflow-gitops init",
        )
    else:
        yield POLICY.ok("schemas", "schemas/ is up to date")


CHECKS: tuple[Callable[[PolicyFacts], Iterator[CheckResult]], ...] = (
    _files,
    _places,
    _policy,
    _approvals,
    _aliases,
    _approvers,
    _owners,
    _codeowners,
    _schemas,
)
"""All checks, in the order in which their results are printed."""


def approving_teams(snapshot: Snapshot) -> set[str]:
    """Return the teams whose approval some model's policy asks for."""
    names = set(snapshot.manifests) or {""}
    rules = [rule for name in names for rule in snapshot.policy.for_model(name).stages.values()]
    required = (rule.gates.settings(approvals.GATE) for rule in rules)
    return {name for setting in required if setting for name in setting.of if "/" in name}


def _stages_with_approvals(snapshot: Snapshot) -> set[str]:
    """The stages for which some model's policy requires approvals of a pull request."""
    names = set(snapshot.manifests) or {""}
    rules = [rule for name in names for rule in snapshot.policy.for_model(name).stages.values()]
    required = ((rule.name, rule.gates.settings(approvals.GATE)) for rule in rules)
    return {stage for stage, needed in required if needed and needed.source == "pull_request"}


def proposed_stages(snapshot: Snapshot) -> list[str]:
    """Return the stages for which the policy has new versions of some model proposed."""
    rules = _rules(snapshot)
    return sorted({rule.propose for rule in rules if rule.propose is not None})


def pins_digests(snapshot: Snapshot) -> bool:
    """Whether the policy asks for the digest of some model's files."""
    return any(asks_digest(stage) for rules in _rules(snapshot) for stage in rules.stages.values())


def asks_health(snapshot: Snapshot) -> bool:
    """Whether the policy asks for the health of some stage."""
    rules = (rule for policy in _rules(snapshot) for rule in policy.stages.values())
    return any(rule.health is not None for rule in rules)


def asks_checks(snapshot: Snapshot) -> bool:
    """Whether some stage wants versions that were checked."""
    rules = (rule for policy in _rules(snapshot) for rule in policy.stages.values())
    return any("checked" in rule.gates.built_in for rule in rules)


def _rules(snapshot: Snapshot) -> list[ModelPolicy]:
    """The rules of each model; without models, those of any."""
    models = [(name, manifest.kind) for name, manifest in snapshot.manifests.items()]
    if not models:
        return [snapshot.policy.for_model("")]
    return [snapshot.policy.for_model(name, kind) for name, kind in models]
