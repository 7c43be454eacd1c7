"""`validate`: schema and cross-file checks, offline."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note_for_people, print_result
from mlflow_gitops.core.manifests.environments import read_environments
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS, RegistryFolder, stem_of
from mlflow_gitops.core.manifests.snapshot import (
    Snapshot,
    SourceFile,
    build,
    name_clashes,
    schema_copy_problems,
)
from mlflow_gitops.core.wording import counted
from mlflow_gitops.core.yaml.problems import Problem, in_order
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import INVALID, OK, Failure, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(settings: Settings, paths: Sequence[Path], changed_since: str | None, form: str) -> int:
    """Check everything, the given paths, or what changed since a revision; exit 3 if anything is
    wrong."""
    if paths and changed_since is not None:
        raise UsageFailure("Give paths or --changed-since, not both.")
    workspace = Workspace(settings, whole=True)
    each = _environments(workspace)
    if each is None:
        snapshot = _snapshot(workspace, paths, changed_since)
    else:
        snapshot = _joined(
            [_listing(workspace), *_everywhere(workspace, each, paths, changed_since)]
        )

    print_result(formats.VALIDATE, form, snapshot)
    counts = counted(len(snapshot.errors), "error")
    if snapshot.warnings:
        counts += f", {counted(len(snapshot.warnings), 'warning')}"
    note_for_people(settings, form, f"{counted(snapshot.count, 'manifest')}: {counts}.")
    return INVALID if snapshot.errors else OK


def _snapshot(workspace: Workspace, paths: Sequence[Path], changed_since: str | None) -> Snapshot:
    if changed_since is not None:
        return _changed(workspace, changed_since)
    return _given(workspace, paths) if paths else _with_codeowners(workspace, workspace.tree())


def _environments(workspace: Workspace) -> list[Workspace] | None:
    """A workspace for each environment that is listed, of those that can be read; None where it is
    one already, or the repository keeps no list."""
    if workspace.environment is not None or not workspace.has_environments:
        return None
    try:
        names = list(workspace.environments)
    except Failure:
        return []
    return [Workspace(replace(workspace.settings, environment=name)) for name in names]


def _listing(workspace: Workspace) -> Snapshot:
    """What is wrong with the list of environments itself."""
    shown = f"{workspace.root}/{ENVIRONMENTS}"
    read = files.read_file(workspace.top / shown, shown)
    if read.data is None:
        return Snapshot(
            problems=[Problem(shown, 1, 1, "not-a-file", read.fault or "cannot be read")]
        )
    return Snapshot(problems=read_environments(read.data, workspace.root)[1])


def _everywhere(
    workspace: Workspace,
    each: Sequence[Workspace],
    paths: Sequence[Path],
    changed_since: str | None,
) -> Iterator[Snapshot]:
    """Every environment by itself; of the given files, each in the environment whose folder it lies
    in."""
    if not paths:
        yield from (_snapshot(one, (), changed_since) for one in each)
        return
    left = [
        file
        for path in paths
        for file in (_below(path) if path.is_dir() and not path.is_symlink() else [path])
    ]
    for one in each:
        top = (one.top / one.registry).resolve()
        mine = [file for file in left if (file.parent.resolve() / file.name).is_relative_to(top)]
        left = [file for file in left if file not in mine]
        yield _given(one, mine)
    yield _given(
        workspace, [file for file in left if file.name != ENVIRONMENTS or not file.exists()]
    )


def _joined(each: Sequence[Snapshot]) -> Snapshot:
    whole = Snapshot(count=sum(one.count for one in each))
    whole.problems = in_order(problem for one in each for problem in one.problems)
    return whole


def _changed(workspace: Workspace, ref: str) -> Snapshot:
    """Only what differs from `ref`; everything when the policy does, since it is part of every
    manifest's rules.

    A policy that is wrong already is told all the same: under it no manifest was judged.
    """
    changed = set(workspace.git.changed_since(ref, workspace.registry))
    if any(_is_policy(workspace, path) for path in changed):
        return _with_codeowners(workspace, workspace.tree())
    listing = files.registry_paths(workspace.top, workspace.registry)
    # Of ten thousand paths few are looked at closely: what stands beside the manifests, and what
    # could be a changed one's twin.
    models = f"{workspace.registry}/models/"
    wanted = [
        p
        for p in listing
        if p in changed or (not p.startswith(models) and _is_policy(workspace, p))
    ]
    snapshot = build(
        (files.read_file(workspace.top / path, path) for path in wanted), workspace.registry
    )
    names = {stem_of(path).lower() for path in changed}
    alike = (path for path in listing if stem_of(path).lower() in names)
    siblings = name_clashes(
        path for path in alike if workspace.registry.classify(path) == "manifest"
    )
    copies = schema_copy_problems(files.schema_copies(workspace.top))
    keep = [
        one
        for one in (*snapshot.problems, *siblings)
        if one.file in changed or _is_policy(workspace, one.file)
    ]
    snapshot.problems = in_order([*keep, *copies])
    return _with_codeowners(workspace, snapshot, changed)


def _with_codeowners(
    workspace: Workspace, snapshot: Snapshot, changed: Collection[str] | None = None
) -> Snapshot:
    """With what is wrong with CODEOWNERS, of the changed manifests or of all: who is asked is as
    the owners say (RULES R9)."""
    from mlflow_gitops.commands import codeowners  # which tells invalid files as this module does

    snapshot.problems = in_order(
        [*snapshot.problems, *codeowners.problems(workspace, snapshot, changed)]
    )
    return snapshot


def _is_policy(workspace: Workspace, path: str) -> bool:
    """Whether a file is the policy, or is taken for it under another ending."""
    kind = workspace.registry.classify(path)
    return kind == "policy" or (
        kind == "extension" and not path.startswith(f"{workspace.registry}/models/")
    )


def _given(workspace: Workspace, paths: Sequence[Path]) -> Snapshot:
    """The problems of the given files and folders. Those of the registry folder are checked among
    their siblings and under its policy, and all of them where the policy is given, since it is part
    of every manifest's rules; any other file by itself, as a manifest or, by its name, as a
    policy."""
    top = workspace.top / workspace.registry
    inside: set[str] = set()
    outside: list[Path] = []
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise UsageFailure(f"There is no {path}.")
        found = _below(path) if path.is_dir() and not path.is_symlink() else [path]
        for file in found:
            absolute = file.parent.resolve() / file.name
            if absolute.is_relative_to(top.resolve()):
                inside.add(
                    (Path(workspace.registry) / absolute.relative_to(top.resolve())).as_posix()
                )
            else:
                outside.append(file)
    snapshot = Snapshot()
    problems: list[Problem] = []
    if inside:
        whole = workspace.tree()
        everything = any(_is_policy(workspace, path) for path in inside)
        problems += [
            one
            for one in whole.problems
            if everything or one.file in inside or _is_policy(workspace, one.file)
        ]
        manifests = sum(1 for path in inside if workspace.registry.classify(path) == "manifest")
        snapshot.count += whole.count if everything else manifests
    for file in outside:
        alone = _alone(file)
        problems += alone.problems
        snapshot.count += alone.count
    snapshot.problems = in_order(problems)
    return snapshot


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in (".yaml", ".yml"))


def _alone(file: Path) -> Snapshot:
    read = files.read_file(file, file.as_posix())
    inner = "policy.yaml" if file.name == "policy.yaml" else f"models/{file.name}"
    snapshot = build(
        [SourceFile(f"registry/{inner}", read.data, read.fault)], RegistryFolder("registry")
    )
    shown = file.as_posix()
    snapshot.problems = [
        Problem(shown, p.line, p.column, p.code, p.message, p.severity) for p in snapshot.problems
    ]
    return snapshot
