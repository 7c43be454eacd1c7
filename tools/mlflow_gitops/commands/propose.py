"""`github propose`: one pull request for each model proposes its newest version for a stage, and is
kept up to date.

Everything is read from the main branch and written to branches of its own on the remote: the
checkout stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_gitops.app.connect import connect
from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.app.forges import required_forge
from mlflow_gitops.app.proposal_branches import ProposalBranches
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import emit, note, report_invalid, steps, warn
from mlflow_gitops.commands.proposer import Candidate, Proposer
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build
from mlflow_gitops.edges.git.branches import branch_name
from mlflow_gitops.errors import OK, Failure, ForgeFailure, GitFailure
from mlflow_gitops.render import proposals as render
from mlflow_gitops.render.proposals import ProposalOutcome
from mlflow_gitops.settings import Settings


@dataclass(frozen=True, slots=True)
class _MainBranch:
    """The main branch's files, and the branch's name."""

    name: str
    tip: str
    sources: Mapping[str, SourceFile]
    snapshot: Snapshot


@dataclass
class _Run:
    """What happened so far. `failures` are errors after which the other models go on."""

    outcomes: list[ProposalOutcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def run(settings: Settings, models: Sequence[str], stage: str | None, *, dry_run: bool) -> int:
    """Propose the newest version of each managed model (with `models`, of these) for `stage`, by
    default the one that the policy's `propose` names. The output `branches` lists the branches that
    were pushed."""
    workspace = Workspace(settings)
    git, remote = workspace.git, workspace.git.remote()
    if remote is None:
        raise GitFailure(
            "There is no remote, so no pull request can be opened.",
            fix="Add one: git remote add origin ADDRESS.",
        )
    forge = required_forge(git)
    tip = git.resolve(workspace.main_ref)
    sources = {file.path: file for file in git.files_at(tip, workspace.registry)}
    snapshot = build(sources.values(), workspace.registry)
    if snapshot.errors:
        return report_invalid(snapshot, "text")

    chosen = _chosen(settings, workspace, snapshot, models)
    stages = _stages(snapshot, chosen, stage)
    main = _MainBranch(
        branch_name(git, workspace.main_ref) or forge.default_branch, tip, sources, snapshot
    )
    environment = workspace.environment.name if workspace.environment else None
    branches = ProposalBranches(git, remote, tip, environment)
    proposer = Proposer(forge, main.name, branches, dry_run)
    if not stages and not proposer.open_pull_requests:
        if chosen:
            note(
                settings,
                "The policy proposes nothing. Set propose: Staging in it, or pass --stage.",
            )
        return OK

    done = _Run()
    try:
        for candidate in _candidates(workspace, settings, main, stages, proposer, branches, models):
            _update(proposer, candidate, done)
        if not models and stage is None:
            current = {branches.name(name) for name in stages}
            for branch in sorted(proposer.open_pull_requests.keys() - current):
                done.outcomes.append(proposer.withdraw_surplus(branch))
    except ForgeFailure as failure:  # what was pushed before is reported all the same
        done.failures.append(failure)
    return _report(done, branches)


def _chosen(
    settings: Settings, workspace: Workspace, snapshot: Snapshot, models: Sequence[str]
) -> list[str]:
    """The managed models to look at; notes each named one that is not managed."""
    for name in models:
        if name not in snapshot.manifests:
            note(
                settings,
                f"{name} has no manifest on {workspace.main_ref}: nothing is proposed for it.",
            )
    return [name for name in snapshot.manifests if not models or name in models]


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
    main: _MainBranch,
    stages: Mapping[str, str],
    proposer: Proposer,
    branches: ProposalBranches,
    named: Sequence[str],
) -> Iterator[Candidate]:
    """Read the models from MLflow, and give the proposer its evidence."""
    progress = steps(settings)
    progress("reading MLflow")
    registry = connect(workspace, warn)
    proposer.evidence = RegistryEvidence(registry)
    manifests, policy = main.snapshot.manifests, main.snapshot.policy
    if registry.stageless:
        policy = policy.without_stages()
    observed = {}
    if stages:
        prompts = [name for name in stages if manifests[name].kind == "prompt"]
        observed = registry.observe(list(stages), only=bool(named), prompts=prompts)

    for name, stage in sorted(stages.items()):
        manifest = manifests[name]
        rules = policy.for_model(name, manifest.kind)
        sheet = OpenManifest(workspace, settings, main.sources, manifest.file, manifest, rules)
        yield Candidate(sheet, stage, branches.name(name), observed.get(name))


def _update(proposer: Proposer, candidate: Candidate, done: _Run) -> None:
    """Update one proposal. If git fails, because somebody else pushed, say, the next model goes
    on."""
    try:
        outcome = proposer.update(candidate)
    except GitFailure as failure:
        done.failures.append(failure)
        outcome = candidate.outcome(None, "left", str(failure))
    if outcome is not None:
        done.outcomes.append(outcome)


def _report(done: _Run, branches: ProposalBranches) -> int:
    """Print and hand over what was done. Raises the first failure."""
    emit(render.text(done.outcomes))
    runner = current_runner()
    runner.add_summary("\n".join(render.summary(done.outcomes)))
    runner.set_output("branches", " ".join(branches.pushed))
    if done.failures:
        raise done.failures[0]
    return OK
