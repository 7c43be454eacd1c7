"""`doctor`: what is missing around the manifests, and how to mend it. Reads, and writes nothing
anywhere."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Collection, Iterator

from mlflow_gitops import __version__
from mlflow_gitops.app.forges import configured_forge, find_forge
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands import codeowners
from mlflow_gitops.commands.output import print_result, steps
from mlflow_gitops.core.audit.receipts import NOTES_REF
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.setup import doctor
from mlflow_gitops.core.setup.doctor import CheckResult, GitFacts, MlflowFacts
from mlflow_gitops.core.setup.doctor_workflows import Job, judge_workflows, read_workflows
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.edges.forge import NotConfigured
from mlflow_gitops.edges.git.branches import branch_name
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import ERROR, OK, Failure, GitFailure, RegistryFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.doctor import CheckResults
from mlflow_gitops.settings import Settings


def run(settings: Settings, form: str) -> int:
    """Look at everything and print what was found; exits 1 if anything is missing."""
    workspace = Workspace(settings)  # of one environment: each has its own MLflow to be asked
    progress = steps(settings)
    found: list[CheckResult] = []
    git, main = _git(workspace, found)
    snapshot = _files(workspace, git, found)
    jobs, unread = read_workflows(files.workflow_texts(workspace.top))
    places = [(one.read, one.write) for one in workspace.environments.values()] or [
        ("mlflow-read", "mlflow-write")
    ]
    found += judge_workflows(jobs, unread, places, doctor.proposed_stages(snapshot))
    progress("asking MLflow")
    found += doctor.judge_mlflow(_mlflow(workspace, snapshot), snapshot)
    progress("asking GitHub")
    found += _forge(git, main, jobs, {name for pair in places for name in pair})
    print_result(formats.DOCTOR, form, CheckResults(found, _versions()))
    return ERROR if any(one.status == "missing" for one in found) else OK


def _git(workspace: Workspace, found: list[CheckResult]) -> tuple[Git | None, str | None]:
    """The repository and its main branch, as far as they are known."""
    try:
        git = workspace.git
    except GitFailure as failure:
        found.append(
            CheckResult(
                "git",
                "repository",
                "missing",
                *_parted(failure, "git init, or name one with --repo"),
            )
        )
        return None, None
    found.append(CheckResult("git", "repository", "ok", str(workspace.top)))
    main, fault, commits = None, "", 0
    try:
        main = workspace.main_ref
        commits = len(workspace.main_line)
    except GitFailure as failure:
        fault = str(failure)
    remote = git.remote()
    fetched = git.query("config", "--get-all", f"remote.{remote}.fetch") if remote else ""
    facts = GitFacts(
        version=git.output("version").removeprefix("git version "),
        remote=remote,
        main=main,
        main_fault=fault,
        commits=commits,
        shallow=git.is_shallow(),
        notes=git.ref(NOTES_REF) is not None,
        refspecs=fetched.splitlines(),
    )
    found += doctor.judge_git(facts)
    return git, main


def _files(workspace: Workspace, git: Git | None, found: list[CheckResult]) -> Snapshot:
    """The working tree's manifests and policy; empty where there is no registry folder."""
    try:
        snapshot = workspace.tree()
    except Failure as failure:
        found.append(
            CheckResult("policy", "files", "missing", *_parted(failure, "mlflow-gitops init"))
        )
        return Snapshot()
    owned: list[Problem] | None = None
    if codeowners.existing(workspace) is not None:
        owned = codeowners.problems(workspace, snapshot)
    found += doctor.judge_policy(
        snapshot,
        has_policy=(workspace.top / workspace.registry.policy_path).is_file(),
        github=configured_forge(git) is not None,
        owned=owned,
        copies=files.schema_copies(workspace.top),
    )
    return snapshot


def _mlflow(workspace: Workspace, snapshot: Snapshot) -> MlflowFacts:
    """What the registry tells of itself. Every model that a manifest names is looked for, and no
    other is read."""
    from mlflow_gitops.app.connect import connect

    client = importlib.metadata.version("mlflow")
    names = list(snapshot.manifests)
    try:
        registry = connect(workspace)
        http = registry.uri.startswith(("http://", "https://"))
    except RegistryFailure as failure:
        return MlflowFacts(client, "", fault=str(failure))
    from mlflow_gitops.edges.mlflow import permissions

    known = permissions.credentials(registry.uri) if http else permissions.ServerFacts()
    try:
        seen = registry.observe(names, only=bool(names))
    except RegistryFailure as failure:
        return MlflowFacts(
            client,
            registry.display_uri,
            fault=str(failure),
            over_http=http,
            user=known.user,
            token=known.has_token,
        )
    # A prompt's rights are asked for elsewhere (MLflow 3.17 keeps its grants apart from a model's).
    models = {name for name in names if name in seen and not seen[name].is_prompt}
    told = permissions.read_access(registry.uri, models) if http else known
    return MlflowFacts(
        client, registry.display_uri, over_http=http, server=told.version, user=told.user, token=told.has_token,
        stageless=registry.stageless, seen=list(seen), rights=told.permissions,
    )  # fmt: skip


def _forge(
    git: Git | None, main: str | None, jobs: list[Job], environments: Collection[str]
) -> Iterator[CheckResult]:
    """The settings of the forge, as far as its token may read them."""
    forge = find_forge(git)
    if isinstance(forge, NotConfigured):
        yield CheckResult("github", "access", "unknown", forge.detail, forge.fix)
        return
    branch = branch_name(git, main) if git is not None and main is not None else None
    try:
        yield from forge.check_settings(branch, jobs, environments)
    except Failure as failure:
        yield CheckResult("github", "access", "unknown", str(failure), forge.permission_hint)


def _versions() -> dict[str, str]:
    versions = {"mlflow-gitops": __version__, "python": platform.python_version()}
    for package in ("mlflow", "PyGithub"):
        try:
            versions[package.lower()] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _parted(failure: Failure, otherwise: str) -> tuple[str, str]:
    """A failure's sentence, and the way out that follows it."""
    said, _, way = str(failure).partition(". ")
    return said.removesuffix("."), way or otherwise
