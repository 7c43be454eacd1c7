"""`init`: what a repository needs around its manifests. Nothing that is there is overwritten;
`--update` renews what nobody edited."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlflow_gitops import __version__
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands import codeowners
from mlflow_gitops.commands.output import note, print_result
from mlflow_gitops.core.manifests.policy import read_policy
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build
from mlflow_gitops.core.setup import scaffold
from mlflow_gitops.core.setup.codeowners import LOCATIONS, CodeOwners
from mlflow_gitops.core.setup.scaffold import ACTION, TEMPLATE, ScaffoldFile, ScaffoldTarget
from mlflow_gitops.edges.git.branches import branch_name
from mlflow_gitops.edges.system import files
from mlflow_gitops.edges.system.redaction import without_credentials
from mlflow_gitops.errors import OK, GitFailure, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.diff import unified
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings
from mlflow_gitops.shared import shared_path

_ANSWERS = {"": None, "y": True, "yes": True, "n": False, "no": False}
Ask = Callable[[str, str], str]
"""Puts a question and a default to a person."""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The answers. None is asked for, or taken to be the default where nobody is to be asked."""

    owner: str | None
    github: bool | None
    aliases: bool | None
    requirement: str | None
    update: bool
    dry_run: bool
    form: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file. A file that is left is not as it would be written."""

    file: str
    result: Literal["created", "updated", "unchanged", "left"]
    diff: str
    data: bytes = b""
    why: str = ""


def run(settings: Settings, options: InitOptions, ask: Ask | None) -> int:
    """Scaffold the repository and say what comes next. `ask` None: nobody is asked."""
    workspace = Workspace(settings, whole=True)
    top = workspace.git.top
    has_action = (top / ACTION / "action.yml").is_file()
    if options.update:
        ask = None
    github = _yes(
        options.github, has_action if options.update else True, "Is the repository on GitHub?", ask
    )
    owner = options.owner
    policy_file = workspace.registry.policy_path
    fresh = not _is_whole(workspace) and not os.path.lexists(workspace.top / policy_file)
    if owner is None and ask is not None and github and fresh:
        owner = ask("Which team owns the policy (@org/team; empty for none)?", "").strip() or None
    aliases = _yes(
        options.aliases,
        False,
        "Keep each stage as an alias, too (models:/<model>@production)?",
        ask if fresh else None,
    )
    places = tuple(workspace.environments.values())
    place = ScaffoldTarget(
        workspace.root,
        _branch(workspace),
        options.requirement or _requirement(),
        __version__,
        places,
    )
    rules = scaffold.initial_policy(policy_file.rpartition("/")[0], owner, aliases=aliases)
    if read_policy(rules, policy_file)[1]:
        raise UsageFailure(f"{owner!r} is no owner: one is @user, @org/team or an e-mail address.")
    wanted = list(_wanted(workspace, rules, place, github=github))
    done = [_outcome(workspace.top, one, update=options.update) for one in wanted]
    if github and not _is_whole(workspace):
        done += _owners(workspace, rules if fresh else None)
    for one in done:
        if not options.dry_run and one.result in ("created", "updated"):
            files.put_file(workspace.top, one.file, one.data, new=one.result == "created")
    _tell(settings, options, done)
    if options.owner is not None and not fresh:
        note(settings, f"{policy_file} says who owns it; --owner changed nothing.")
    if not options.dry_run:
        for line in _next(settings, workspace, github=github):
            note(settings, line)
    return OK


def _yes(given: bool | None, default: bool, question: str, ask: Ask | None) -> bool:
    if given is not None or ask is None:
        return default if given is None else given
    # What is neither is asked again: it was meant for another question.
    while (
        answer := ask(f"{question} [{'Y/n' if default else 'y/N'}]", "").strip().lower()
    ) not in _ANSWERS:
        pass
    said = _ANSWERS[answer]
    return default if said is None else said


def _branch(workspace: Workspace) -> str:
    """The main branch's name on its remote; of a repository that is still to be pushed, the one that
    is checked out."""
    try:
        if branch := branch_name(workspace.git, workspace.main_ref):
            return branch
    except GitFailure:
        pass
    return workspace.git.branch() or "main"


def _requirement() -> str:
    """What pip installs to have this very version: the commit that it was installed from, or a
    release."""
    try:
        told = importlib.metadata.distribution("mlflow-gitops").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        told = None
    origin = json.loads(told) if told else {}
    vcs = origin.get("vcs_info")
    if vcs and "@" not in origin["url"].partition("//")[2].partition("/")[0]:
        return f"mlflow-gitops @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"
    return f"mlflow-gitops=={__version__}"


def _wanted(
    workspace: Workspace, rules: bytes, place: ScaffoldTarget, *, github: bool
) -> Iterator[ScaffoldFile]:
    if not _is_whole(workspace):
        yield ScaffoldFile(workspace.registry.policy_path, rules, "never")
        if not (workspace.top / workspace.registry / "models").is_dir():
            yield ScaffoldFile(f"{workspace.registry}/models/.gitkeep", scaffold.KEEP, "never")
    for file in sorted(shared_path("schemas").glob("*.schema.json")):
        if file.name.startswith("environments.") and not workspace.has_environments:
            continue
        yield ScaffoldFile(f"schemas/{file.name}", file.read_bytes(), "always")
    if github:
        for one in scaffold.for_github(_shipped(), place):
            twin = next(_templates(workspace.top), None) if one.path == TEMPLATE else None
            if twin is None or twin == TEMPLATE:
                yield one


def _is_whole(workspace: Workspace) -> bool:
    """Whether this is about all environments together: what surrounds them is written, and with
    --env an environment's own policy and folder."""
    return workspace.environment is None and workspace.has_environments


def _shipped() -> dict[str, bytes]:
    """GitHub's files as this command ships them: path to content."""
    home = shared_path(".github")
    found = [
        *(home / "workflows").glob("*.yml"),
        *(home / "actions").rglob("*.yml"),
        home / Path(TEMPLATE).name,
    ]
    shipped = {f".github/{file.relative_to(home).as_posix()}": file.read_bytes() for file in found}
    return {**shipped, f"{ACTION}/constraints.txt": shared_path("constraints.txt").read_bytes()}


def _templates(top: Path) -> Iterator[str]:
    """Pull request templates that are there, wherever GitHub looks, in any case."""
    for folder in (top / ".github", top, top / "docs"):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.name.lower() in (
                "pull_request_template.md",
                "pull_request_template.txt",
                "pull_request_template",
            ):
                yield file.relative_to(top).as_posix()


def _outcome(top: Path, one: ScaffoldFile, *, update: bool) -> FileResult:
    here = files.read_file(top / one.path, one.path)
    if here.data is None and not os.path.lexists(top / one.path):
        return FileResult(one.path, "created", unified(one.path, None, one.data), one.data)
    if here.data is None:
        return FileResult(one.path, "left", "", why=here.fault or "it cannot be read")
    if here.data.replace(b"\r\n", b"\n") == one.data:
        return FileResult(one.path, "unchanged", "")
    diff = unified(one.path, here.data, one.data)
    if one.renewal == "never":
        return FileResult(one.path, "left", diff, why="it is yours")
    if one.renewal == "unedited" and not scaffold.is_unedited(here.data):
        return FileResult(one.path, "left", diff, why="it was edited here, or is not from init")
    if not update:
        return FileResult(
            one.path,
            "left",
            diff,
            why="it is another release's; renew it with mlflow-gitops init --update",
        )
    return FileResult(one.path, "updated", diff, one.data)


def _owners(workspace: Workspace, rules: bytes | None) -> list[FileResult]:
    """CODEOWNERS, in which only this command's own block is touched. `rules` is a policy that is
    written only now."""
    there = (workspace.top / workspace.registry).is_dir()
    sources = list(files.registry_files(workspace.top, workspace.registry)) if there else []
    if rules is not None:
        sources.append(SourceFile(workspace.registry.policy_path, rules))
    snapshot: Snapshot = build(sources, workspace.registry)
    found = codeowners.existing(workspace)
    old = found or CodeOwners(LOCATIONS[0], "")
    if snapshot.errors:
        return [
            FileResult(
                old.file,
                "left",
                "",
                why="manifests or policy have errors; mlflow-gitops validate says which",
            )
        ]
    new = codeowners.written(workspace, snapshot, old)
    if not new:
        return []
    before, after = (
        old.text.encode("utf-8", "surrogateescape"),
        new.encode("utf-8", "surrogateescape"),
    )
    if before == after:
        return [FileResult(old.file, "unchanged", "")]
    diff = unified(old.file, before if found else None, after)
    return [FileResult(old.file, "updated" if found else "created", diff, after)]


def _tell(settings: Settings, options: InitOptions, done: Sequence[FileResult]) -> None:
    results = ("created", "updated", "unchanged", "left")
    counts = {result: sum(one.result == result for one in done) for result in results}
    with_new_files = options.dry_run or settings.verbosity > 0
    diffs, created = [], []
    for result in done:
        if result.result == "updated" or (result.diff and with_new_files):
            diffs.append(result.diff)
        elif result.result == "created":
            created.append(f"created {result.file}")
    files_data = [
        {"file": result.file, "result": result.result, "diff": result.diff, "why": result.why}
        for result in done
    ]
    data = {"files": files_data, "summary": counts}
    print_result(formats.INIT, options.form, WrittenFiles(data, diffs, created))
    for one in done:
        if one.result == "left":
            note(settings, f"Left {one.file}: {one.why}.")
    said = [f"{counts[result]} {result}" for result in results if counts[result]]
    note(
        settings,
        f"{len(done)} files: {', '.join(said)}."
        + (" Nothing was written." if options.dry_run else ""),
    )


def _next(settings: Settings, workspace: Workspace, *, github: bool) -> Iterator[str]:
    """What to do next: commands that can be run as they stand."""
    yield "Next:"
    if Path.cwd().resolve() != workspace.top.resolve():
        yield f"  cd {shlex.quote(str(workspace.top))}"
    if workspace.root != "registry":
        yield f"  export MLFLOW_GITOPS_REGISTRY_DIR={shlex.quote(workspace.root)}"
    if workspace.has_environments:
        yield "  export MLFLOW_GITOPS_ENV=" + (
            workspace.environment.name if workspace.environment else "NAME"
        )
    elif settings.tracking_uri or not os.environ.get("MLFLOW_TRACKING_URI"):
        uri = without_credentials(settings.tracking_uri or "http://localhost:5000")
        yield f"  export MLFLOW_TRACKING_URI={shlex.quote(uri)}   # where your MLflow is"
    yield "  mlflow-gitops import              # manifests of what MLflow has now"
    yield "  mlflow-gitops validate"
    yield "  mlflow-gitops plan                # nothing is to change yet"
    folders = " ".join(
        shlex.quote(each) for each in (workspace.root, "schemas", *([".github"] if github else []))
    )
    remote = workspace.git.remote()  # what is reconciled is what it has
    push = f" && git push -u {shlex.quote(remote)} HEAD" if remote else ""
    yield f"  git add {folders} && git commit -m 'Manifests for our models'{push}"
    yield "  mlflow-gitops reconcile           # from here on git leads"
    yield "  mlflow-gitops doctor              # what is still missing, and how to mend it"


def ask_on_terminal(question: str, default: str) -> str:
    """Ask the person at the terminal."""
    import typer

    answer: str = typer.prompt(question, default=default, show_default=False, err=True)
    return answer


def is_interactive() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()
