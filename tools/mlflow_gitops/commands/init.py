"""`init`: writes what a repository needs around its manifests. Existing files are never
overwritten; `--update` renews those that nobody edited."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow_gitops import __version__
from mlflow_gitops.app.setup.scaffold_files import (
    FileResult,
    codeowners_result,
    covers_all_environments,
    result_for,
    scaffold_files,
)
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.next_steps import aligned, steps_after_import
from mlflow_gitops.commands.output import note, print_result
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.setup import scaffold
from mlflow_gitops.core.setup.scaffold import ACTION, ScaffoldTarget
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.edges.system import files
from mlflow_gitops.edges.system.redaction import without_credentials
from mlflow_gitops.errors import OK, GitFailure, UsageFailure
from mlflow_gitops.installation import Requirement, installed_requirement
from mlflow_gitops.render import formats
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings

_GITHUB_COM = re.compile(
    r"(?:\w+://)?(?:[^/@]*@)?(?:ssh\.)?(?:github\.com|[\w-]+\.ghe\.com)(?::\d+)?[:/]", re.IGNORECASE
)
_ANSWERS = {"": None, "y": True, "yes": True, "n": False, "no": False}
Ask = Callable[[str, str], str]
"""Asks a person a question, with a default answer, and returns the answer."""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The answers to the questions of `init`. None is asked, or takes the default if nobody can be
    asked."""

    owner: str | None
    github: bool | None
    aliases: bool | None
    requirement: str | None
    update: bool
    dry_run: bool
    form: str


def run(settings: Settings, options: InitOptions, ask: Ask | None) -> int:
    """Write the files and print the next steps. Without `ask`, no questions are asked."""
    workspace = Workspace(settings, all_environments=True)
    if options.update:
        ask = None
    covers_all = covers_all_environments(workspace)
    policy_path = workspace.registry.policy_path
    needs_policy = not covers_all and not workspace.checkout.exists(policy_path)
    on_github = _ask_github(workspace, options, ask)
    policy = _initial_policy(policy_path, options, ask if needs_policy else None, on_github)

    requirement = _requirement(options)
    target = ScaffoldTarget(
        workspace.root,
        _branch(workspace),
        requirement.text,
        __version__,
        tuple(workspace.environments.values()),
        may_skip_deployments=may_skip_deployments(_remote_url(workspace)),
    )
    new_files = scaffold_files(
        workspace, policy, target, on_github=on_github, is_update=options.update
    )
    results = [
        result_for(workspace.top, file, update=options.update)
        for file in new_files
        if not workspace.checkout.is_left_out(file.path)
    ]
    if on_github and not covers_all:
        owners = codeowners_result(workspace, policy if needs_policy else None)
        results += [owners] if owners is not None else []
    if not options.dry_run:
        _write(workspace, results)

    _report(settings, options, results)
    if options.owner is not None and not needs_policy:
        note(settings, f"{policy_path} exists and names its owners; --owner had no effect.")
    if on_github:
        note(settings, requirement.fault or f"The workflows install {requirement.text}")
    if not options.dry_run:
        for line in _next_steps(settings, workspace):
            note(settings, line)
    return OK


def ask_on_terminal(question: str, default: str) -> str:
    """Ask the person at the terminal."""
    import typer

    answer: str = typer.prompt(question, default=default, show_default=False, err=True)
    return answer


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _write(workspace: Workspace, results: Sequence[FileResult]) -> None:
    for result in results:
        if result.result in ("created", "updated"):
            is_new = result.result == "created"
            files.put_file(workspace.top, result.file, result.data, new=is_new)


# -- questions ----------------------------------------------------------------------------------


def _ask_github(workspace: Workspace, options: InitOptions, ask: Ask | None) -> bool:
    default = True
    if options.update:
        default = (workspace.git.top / ACTION / "action.yml").is_file()
    return _yes_or_no(options.github, default, "Is the repository on GitHub?", ask)


def _initial_policy(
    policy_path: str, options: InitOptions, ask: Ask | None, on_github: bool
) -> bytes:
    """The policy to start with. Raises UsageFailure if its owner is not one that GitHub knows."""
    owner = options.owner
    if owner is None and ask is not None and on_github:
        owner = ask("Which team owns the policy (@org/team; empty for none)?", "").strip() or None
    question = "Keep each stage as an alias, too (models:/<model>@production)?"
    aliases = _yes_or_no(options.aliases, False, question, ask)

    folder = policy_path.rpartition("/")[0]
    policy = scaffold.initial_policy(folder, owner, aliases=aliases)
    _, problems = read_policy(policy, policy_path)
    if problems:
        raise UsageFailure(
            f"{owner!r} cannot be an owner: use @user, @org/team or an e-mail address."
        )
    return policy


def _yes_or_no(option: bool | None, default: bool, question: str, ask: Ask | None) -> bool:
    """An option's value; without one, a person's answer; otherwise the default."""
    if option is not None:
        return option
    if ask is None:
        return default
    choices = "Y/n" if default else "y/N"
    while True:  # any other answer was probably meant for another question, so ask again
        text = ask(f"{question} [{choices}]", "").strip().lower()
        if text in _ANSWERS:
            answer = _ANSWERS[text]
            return default if answer is None else answer


# -- facts about the repository and this installation -------------------------------------------


def _branch(workspace: Workspace) -> str:
    """The name of the main branch on its remote. Before the first push, the branch that is checked
    out."""
    try:
        branch = branch_name(workspace.git, workspace.main_ref)
    except GitFailure:
        branch = None
    return branch or workspace.git.branch() or "main"


def _remote_url(workspace: Workspace) -> str:
    remote = workspace.git.remote()
    return workspace.git.query("remote", "get-url", remote) if remote else ""


def may_skip_deployments(url: str) -> bool:
    """Whether a remote is a GitHub that knows environments without deployments, as GitHub.com and
    ghe.com do. An Enterprise Server takes the whole workflow for invalid."""
    return _GITHUB_COM.match(url) is not None


def _requirement(options: InitOptions) -> Requirement:
    if options.requirement:
        return Requirement(options.requirement)
    return installed_requirement(__version__)


# -- output -------------------------------------------------------------------------------------


def _report(settings: Settings, options: InitOptions, results: Sequence[FileResult]) -> None:
    outcomes = ("created", "updated", "unchanged", "left")
    counts = {outcome: sum(result.result == outcome for result in results) for outcome in outcomes}
    shows_new_files = options.dry_run or settings.verbosity > 0
    diffs, created = [], []
    for result in results:
        if result.result == "updated" or (result.diff and shows_new_files):
            diffs.append(result.diff)
        elif result.result == "created":
            created.append(f"created {result.file}")

    files_data = [
        {"file": result.file, "result": result.result, "diff": result.diff, "why": result.reason}
        for result in results
    ]
    data = {"files": files_data, "summary": counts}
    print_result(formats.INIT, options.form, WrittenFiles(data, diffs, created))
    for result in results:
        if result.result == "left":
            note(settings, f"Left {result.file}: {result.reason}.")

    summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    ending = " Nothing was written." if options.dry_run else ""
    note(settings, f"{len(results)} files: {summary}.{ending}")


def _next_steps(settings: Settings, workspace: Workspace) -> Iterator[str]:
    """What to do next, as commands that can be run as they are."""
    yield "Next:"
    if Path.cwd().resolve() != workspace.top.resolve():
        yield f"  cd {shlex.quote(str(workspace.top))}"
    if workspace.has_environments:
        name = workspace.environment.name if workspace.environment else "NAME"
        yield f"  export MLFLOW_GITOPS_ENV={name}"
    elif settings.tracking_uri or not os.environ.get("MLFLOW_TRACKING_URI"):
        uri = without_credentials(settings.tracking_uri or "http://localhost:5000")
        yield f"  export MLFLOW_TRACKING_URI={shlex.quote(uri)}   # where your MLflow is"
    yield from aligned(("mlflow-gitops import", "writes manifests of what MLflow has now"))
    yield from steps_after_import(workspace)
