"""`github propose`: one pull request for each model proposes its newest version for a stage, and is
kept up to date.

Everything is read from the main branch and written to branches of its own on the remote: the
checkout stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.app.connect import connect
from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.app.forges import required_forge
from mlflow_gitops.app.held_versions import HeldVersions
from mlflow_gitops.app.proposal_branches import ProposalBranches
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.main_files import MainFiles, read_main_files
from mlflow_gitops.commands.output import (
    emit,
    note,
    report_invalid,
    steps,
    warn,
)
from mlflow_gitops.commands.proposer import Candidate, Proposer
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import INVALID, OK, Failure, ForgeFailure, GitFailure
from mlflow_gitops.render import proposals as render
from mlflow_gitops.render.problems import problem_lines
from mlflow_gitops.render.proposals import ProposalOutcome
from mlflow_gitops.settings import Settings

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def run(settings: Settings, models: Sequence[str], stage: str | None, *, dry_run: bool) -> int:
    """Propose the newest version of each managed model (with `models`, of these) for `stage`, by
    default the one that the policy's `propose` names. The output `branches` lists the branches that
    were pushed.

    Returns 3 if files on the main branch have errors: the proposals of their models stay as they
    are, and nothing is proposed at all while the policy is invalid.
    """
    workspace = Workspace(settings)
    git, remote = workspace.git, workspace.git.remote()
    if remote is None:
        raise GitFailure(
            "There is no remote, so no pull request can be opened.",
            fix="Add one: git remote add origin ADDRESS.",
        )
    forge = required_forge(git)
    main = read_main_files(workspace, forge)
    if main.snapshot.validity.policy:
        return report_invalid(main.snapshot, "text")

    validity = main.snapshot.validity.of(models) if models else main.snapshot.validity
    emit(problem_lines(validity.errors))
    code = INVALID if validity.errors else OK
    chosen = _chosen(settings, workspace, main.snapshot, models)
    stages = _stages(main.snapshot, chosen, stage)
    environment = workspace.environment.name if workspace.environment else None
    branches = ProposalBranches(git, remote, main.tip, environment)
    open_pulls = forge.open_pull_requests(branches.prefix, main.name)
    if not stages and not open_pulls:
        if chosen:
            note(
                settings,
                "The policy proposes nothing. Set propose: Staging in it, or pass --stage.",
            )
        return code

    steps(settings)("reading MLflow")
    registry = connect(workspace, warn)
    held_versions = HeldVersions(workspace, main.tip, stageless=registry.stageless)
    proposer = Proposer(
        forge,
        main.name,
        branches,
        open_pulls,
        RegistryEvidence(registry),
        held_versions.of,
        dry_run=dry_run,
    )
    candidates = _candidates(workspace, settings, main, stages, registry, only=bool(models))
    # A model may be below a folder that cannot be read: then none is taken for deleted.
    is_complete = not models and stage is None and not validity.others
    invalid = [_left_as_invalid(name, errors) for name, errors in validity.models.items()]
    _propose(proposer, branches, candidates, invalid, withdraw_surplus=is_complete)
    return code


def _chosen(
    settings: Settings, workspace: Workspace, snapshot: Snapshot, models: Sequence[str]
) -> list[str]:
    """The valid managed models to look at; notes each named one that is not managed."""
    invalid = snapshot.validity.models
    for name in models:
        if name not in snapshot.manifests and name not in invalid:
            note(
                settings,
                f"{name} has no manifest on {workspace.main_ref}: nothing is proposed for it.",
            )
    valid = [name for name in snapshot.manifests if name not in invalid]
    return [name for name in valid if not models or name in models]


def _left_as_invalid(name: str, problems: Sequence[Problem]) -> ProposalOutcome:
    first = problems[0]
    reason = f"{first.file}:{first.line}: {first.message}"
    return ProposalOutcome(name, "", (), None, "left", reason)


def _stages(snapshot: Snapshot, models: Sequence[str], stage: str | None) -> dict[str, str]:
    """The stage that each model's versions are proposed for, by the policy or as passed; models
    without one are left out. Raises Failure for a stage that no model has."""
    if stage == "Archived":
        raise Failure(
            "A new version cannot be proposed for Archived.",
            fix="Name the stage that it shall enter first.",
        )
    stages = {}
    existing: dict[str, None] = {}
    for name in models:
        rules = snapshot.policy.for_model(name, snapshot.manifests[name].kind)
        existing.update(dict.fromkeys(rules.stages))
        target = stage or rules.propose
        if target is not None and target in rules.stages:
            stages[name] = target

    if stage is not None and models and not stages:
        raise Failure(f"The policy has no stage {stage!r}; the stages are {', '.join(existing)}.")
    return stages


def _candidates(
    workspace: Workspace,
    settings: Settings,
    main: MainFiles,
    stages: Mapping[str, str],
    registry: Registry,
    *,
    only: bool,
) -> list[Candidate]:
    """Read the models of these stages from MLflow; with `only`, no other model."""
    manifests, policy = main.snapshot.manifests, main.snapshot.policy
    if registry.stageless:
        policy = policy.without_stages()
    observed = {}
    if stages:
        prompts = [name for name in stages if manifests[name].kind == "prompt"]
        observed = registry.observe(list(stages), only=only, prompts=prompts)

    candidates = []
    for name, stage in sorted(stages.items()):
        manifest = manifests[name]
        sheet = main.open(workspace, settings, manifest, policy)
        candidates.append(Candidate(sheet, stage, observed.get(name)))
    return candidates


def _propose(
    proposer: Proposer,
    branches: ProposalBranches,
    candidates: Sequence[Candidate],
    invalid: Sequence[ProposalOutcome],
    *,
    withdraw_surplus: bool,
) -> None:
    """Bring all proposals up to date, print what was done, and hand it over to the run. `invalid`
    are the models with invalid files, whose proposals stay. Raises the first failure, after
    everything else."""
    outcomes = list(invalid)
    failures: list[Failure] = []
    try:
        for candidate in candidates:
            try:
                outcome = proposer.update(candidate)
            except GitFailure as failure:  # somebody else pushed, say: the other models go on
                failures.append(failure)
                outcome = candidate.outcome(None, "left", str(failure))
            if outcome is not None:
                outcomes.append(outcome)
        if withdraw_surplus:
            left_models = [outcome.model for outcome in invalid]
            for withdrawn in proposer.withdraw_surplus(candidates, left_models):
                outcomes.append(withdrawn)  # each is reported even if the next one fails
    except ForgeFailure as failure:  # what was pushed before is reported all the same
        failures.append(failure)

    emit(render.text(outcomes))
    runner = current_runner()
    runner.add_summary("\n".join(render.summary(outcomes)))
    runner.set_output("branches", " ".join(branches.pushed))
    if failures:
        raise failures[0]
