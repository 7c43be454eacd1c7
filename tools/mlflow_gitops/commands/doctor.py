"""`doctor`: what is missing around the manifests, and how to fix it. It reads, and writes nothing
anywhere."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Collection, Iterator, Sequence

from mlflow_gitops import __version__
from mlflow_gitops.app.audit.line.recorded_line import changed_first_parents
from mlflow_gitops.app.forges import find_forge
from mlflow_gitops.app.health.reachable import health_facts
from mlflow_gitops.app.main_branch import main_branch_fault
from mlflow_gitops.app.notifying.checkup import notify_checks
from mlflow_gitops.app.setup import codeowners
from mlflow_gitops.app.setup.misplaced import misplaced
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import print_result, steps
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.doctor_git import GIT, GitFacts, check_git
from mlflow_gitops.core.setup.doctor_health import check_health
from mlflow_gitops.core.setup.doctor_mlflow import MlflowFacts, check_mlflow
from mlflow_gitops.core.setup.doctor_policy import (
    POLICY,
    PolicyFacts,
    TeamFact,
    approving_teams,
    asks_checks,
    asks_health,
    check_policy,
    pins_digests,
    proposed_stages,
)
from mlflow_gitops.core.setup.doctor_workflows import (
    ONE_MLFLOW,
    EnvironmentPair,
    WorkflowFacts,
    check_workflows,
)
from mlflow_gitops.core.setup.health_workflow import check_health_workflow, jobs_in_use
from mlflow_gitops.core.setup.workflow_files import Job, read_workflows, recording_environments
from mlflow_gitops.edges.forge import Forge, NotConfigured, ProtectedBranches
from mlflow_gitops.edges.git.index.head import common_directory, size_of_indexes
from mlflow_gitops.edges.git.receipts.branch import receipts_refspec
from mlflow_gitops.edges.git.receipts.unpushed import unpushed_receipts
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.edges.git.refs.default_branch import fetches_branch
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import ERROR, OK, Failure, ForgeFailure, GitFailure, RegistryFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.doctor import CheckResults
from mlflow_gitops.settings import Settings


def run(settings: Settings, form: str) -> int:
    """Run all checks and print their results; exits 1 if anything is missing."""
    workspace = Workspace(settings)  # of one environment: each has an MLflow of its own
    git = _repository(workspace)
    forge = find_forge(git if isinstance(git, Git) else None)
    results = list(_checks(settings, workspace, git, forge))
    print_result(formats.DOCTOR, form, CheckResults(results, _versions()))
    return ERROR if any(result.status == "missing" for result in results) else OK


def _checks(
    settings: Settings,
    workspace: Workspace,
    git: Git | GitFailure,
    forge: Forge | NotConfigured,
) -> Iterator[CheckResult]:
    """The results of all areas, in the order in which they are read."""
    progress = steps(settings)
    yield from _git(workspace, git)

    snapshot = _manifests(workspace)
    yield from _policy(workspace, snapshot, forge)
    if isinstance(snapshot, Failure):
        snapshot = Snapshot()

    yield from notify_checks(workspace)
    jobs, unread = read_workflows(workspace.checkout.workflow_texts())
    environments = _environments(workspace)
    proposed = proposed_stages(snapshot)
    digests = pins_digests(snapshot)
    facts = WorkflowFacts(
        jobs, unread, environments, proposed, digests, workspace.settings.receipts_branch
    )
    yield from check_workflows(facts, on_github=workspace.settings.github)
    is_watched = asks_health(snapshot)
    yield from check_health_workflow(jobs, is_watched)

    progress("reading MLflow")
    yield from check_mlflow(_mlflow_facts(workspace, snapshot))

    yield from check_health(health_facts(snapshot.policy, settings))

    progress("reading the forge")
    branch = _main_branch(workspace, git)
    protected = ProtectedBranches(branch, workspace.settings.receipts_branch)
    if workspace.settings.github or not isinstance(forge, NotConfigured):
        names = {name for pair in environments for name in (pair.read, pair.write)}
        if asks_checks(snapshot):
            names |= recording_environments(jobs)
        yield from _forge(forge, protected, jobs_in_use(jobs, is_watched), names)


# -- the clone --------------------------------------------------------------------------------


def _repository(workspace: Workspace) -> Git | GitFailure:
    try:
        return workspace.git
    except GitFailure as failure:
        return failure


def _git(workspace: Workspace, git: Git | GitFailure) -> Iterator[CheckResult]:
    if isinstance(git, GitFailure):
        fix = git.fix or "git init, or name a repository with --repo"
        yield GIT.missing("repository", git.message, fix)
        return
    yield GIT.ok("repository", str(workspace.top))
    yield from check_git(_git_facts(workspace, git))


def _git_facts(workspace: Workspace, git: Git) -> GitFacts:
    main, fault, branch_fault, commits = None, "", "", 0
    try:
        main = workspace.main_ref
        commits = len(workspace.main_line)
        branch_fault = main_branch_fault(workspace)
    except GitFailure as failure:
        fault = str(failure)

    remote = git.remote()
    branch = workspace.settings.receipts_branch
    common_dir = common_directory(workspace.top)
    return GitFacts(
        version=git.output("version").removeprefix("git version "),
        remote=remote,
        main=main,
        main_fault=fault,
        branch_fault=branch_fault,
        commits=commits,
        is_shallow=git.is_shallow(),
        has_receipts=bool(workspace.receipts_branch.refs()),
        fetches_receipts=remote is not None and fetches_branch(git, remote, branch),
        receipts_branch=branch,
        fetch_command=workspace.receipts_branch.fetch_command,
        refspec=receipts_refspec(workspace.receipts_branch),
        unpushed_receipts=_unpushed_receipts(workspace),
        changed_first_parents=changed_first_parents(workspace) if main else (),
        index_bytes=size_of_indexes(common_dir) if common_dir is not None else 0,
    )


def _unpushed_receipts(workspace: Workspace) -> list[str] | None:
    try:
        return unpushed_receipts(workspace.receipts_branch)
    except GitFailure:
        return None


def _main_branch(workspace: Workspace, git: Git | GitFailure) -> str | None:
    """The main branch's name; None if it is not known."""
    if isinstance(git, GitFailure):
        return None
    try:
        return branch_name(git, workspace.main_ref)
    except GitFailure:
        return None


# -- manifests and policy ---------------------------------------------------------------------


def _manifests(workspace: Workspace) -> Snapshot | Failure:
    """The working tree's manifests and policy; a failure if there is no registry folder."""
    try:
        return workspace.tree()
    except Failure as failure:
        return failure


def _policy(
    workspace: Workspace, snapshot: Snapshot | Failure, forge: Forge | NotConfigured
) -> Iterator[CheckResult]:
    if isinstance(snapshot, Failure):
        yield POLICY.missing("files", snapshot.message, snapshot.fix or "mlflow-gitops init")
        return
    has_codeowners = codeowners.existing(workspace) is not None
    facts = PolicyFacts(
        snapshot,
        has_policy=workspace.checkout.exists(workspace.registry.policy_path),
        forge_fix=forge.fix if isinstance(forge, NotConfigured) else None,
        codeowners=codeowners.problems(workspace, snapshot) if has_codeowners else None,
        schema_copies=workspace.checkout.schema_copies(),
        teams=_teams(snapshot, forge),
        misplaced=misplaced(workspace),
        on_github=workspace.settings.github,
    )
    yield from check_policy(facts)


def _teams(snapshot: Snapshot, forge: Forge | NotConfigured) -> dict[str, TeamFact]:
    """What the forge answers about the teams whose approval the policy asks for."""
    if isinstance(forge, NotConfigured):
        return {}
    facts: dict[str, TeamFact] = {}
    for team in approving_teams(snapshot):
        try:
            facts[team] = TeamFact(len(forge.team_members(team)))
        except ForgeFailure as failure:
            is_answer = failure.status in (403, 404)
            facts[team] = TeamFact(0, failure.message, failure.fix, is_answer)
    return facts


def _environments(workspace: Workspace) -> Sequence[EnvironmentPair]:
    """The deployment environments of each MLflow."""
    environments = workspace.environments.values()
    pairs = [EnvironmentPair(entry.read, entry.write) for entry in environments]
    return pairs or ONE_MLFLOW


# -- the registry and the forge ---------------------------------------------------------------


def _mlflow_facts(workspace: Workspace, snapshot: Snapshot) -> MlflowFacts:
    """Read the registry. Only the models that manifests name are read."""
    from mlflow_gitops.app.connect import connect

    client = importlib.metadata.version("mlflow-skinny")
    names = list(snapshot.manifests)
    try:
        registry = connect(workspace)
    except RegistryFailure as failure:
        return MlflowFacts(client, "", fault=failure.message, fix=failure.fix)

    from mlflow_gitops.edges.mlflow.rights import permissions

    is_http = registry.uri.startswith(("http://", "https://"))
    server = permissions.credentials(registry.uri) if is_http else permissions.ServerFacts()
    fault, fix, observed, lacks = None, "", {}, list[str]()
    try:
        observed = registry.observe(names, only=bool(names))
    except RegistryFailure as failure:
        fault, fix = failure.message, failure.fix

    if is_http and fault is None:
        # MLflow 3.17 keeps a prompt's permissions apart from a model's.
        models = {name for name in names if name in observed and not observed[name].is_prompt}
        server = permissions.read_access(registry.uri, models)
        lacks = registry.version.lacks
    return MlflowFacts(
        client,
        registry.display_uri,
        fault=fault,
        fix=fix,
        is_http=is_http,
        server=registry.version.text if fault is None else None,
        lacks=lacks,
        user=server.user,
        has_token=server.has_token,
        is_stageless=fault is None and registry.stageless,
        models=list(observed),
        permissions=server.permissions,
        version_permission=server.version_permission,
        snapshot=snapshot,
    )


def _forge(
    forge: Forge | NotConfigured,
    branches: ProtectedBranches,
    jobs: Sequence[Job],
    names: Collection[str],
) -> Iterator[CheckResult]:
    """The settings of the forge, as far as its token may read them; `names` are the environments
    that hold credentials."""
    if isinstance(forge, NotConfigured):
        yield CheckResult(forge.area, "access", "unknown", forge.detail, forge.fix)
        return
    try:
        yield from forge.check_settings(branches, jobs, names)
    except ForgeFailure as failure:
        yield CheckResult(forge.area, "access", "unknown", str(failure), forge.permission_hint)


def _versions() -> dict[str, str]:
    versions = {"mlflow-gitops": __version__, "python": platform.python_version()}
    for name, package in (("mlflow", "mlflow-skinny"), ("pygithub", "PyGithub")):
        try:
            versions[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
