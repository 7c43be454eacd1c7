"""`validate`: schema and cross-file checks, offline."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.given_files import files_of, is_codeowners, resolved, split
from mlflow_gitops.commands.output import note_for_people, print_result
from mlflow_gitops.core.manifests.names import folded, model_of
from mlflow_gitops.core.manifests.registry_folder import (
    ENVIRONMENTS,
    NOTIFY,
    RegistryFolder,
    stem_of,
)
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build, name_clashes
from mlflow_gitops.core.setup.codeowners import LOCATIONS as CODEOWNERS
from mlflow_gitops.core.wording import counted
from mlflow_gitops.core.yaml.problems import Problem, in_order
from mlflow_gitops.core.yaml.schema_check import schema_copy_problems
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import INVALID, OK, Failure, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(settings: Settings, paths: Sequence[Path], changed_since: str | None, form: str) -> int:
    """Check everything, the given paths, or what changed since a revision. Exits 3 on errors."""
    if paths and changed_since is not None:
        raise UsageFailure("Give paths or --changed-since, not both.")
    workspace = Workspace(settings, all_environments=True)
    environments = _environments(workspace)
    if environments is None:
        snapshot = _snapshot(workspace, paths, changed_since)
    else:
        parts = _of_environments(workspace, environments, paths, changed_since)
        snapshot = _joined([_environment_list(workspace), *parts])
    snapshot.problems = in_order([*snapshot.problems, *_notify_problems(workspace, paths)])
    snapshot.problems = _with_misplaced(snapshot.problems, workspace, paths)

    print_result(formats.VALIDATE, form, snapshot)
    counts = counted(len(snapshot.errors), "error")
    if snapshot.warnings:
        counts += f", {counted(len(snapshot.warnings), 'warning')}"
    note_for_people(settings, form, f"{counted(snapshot.count, 'manifest')}: {counts}.")
    if snapshot.errors:
        code = snapshot.errors[0].code
        note_for_people(settings, form, f"What a code means: mlflow-gitops explain {code}")
    return INVALID if snapshot.errors else OK


def _notify_problems(workspace: Workspace, paths: Sequence[Path]) -> list[Problem]:
    """What is wrong with the file that says who is notified, unless only other files are given."""
    file = workspace.top / workspace.root / NOTIFY
    if not file.exists() or not _is_given(file, paths):
        return []
    from mlflow_gitops.app.notifying.settings_file import tree_problems  # few have the file

    return tree_problems(workspace)


def _with_misplaced(
    problems: Sequence[Problem], workspace: Workspace, paths: Sequence[Path]
) -> list[Problem]:
    """Add the files that nothing reads. What is said of them replaces what one folder alone
    shows."""
    from mlflow_gitops.app.setup.misplaced import misplaced

    errors = {problem.file for problem in problems if problem.severity == "error"}
    added = [
        problem
        for problem in misplaced(workspace, _given_names(workspace, paths))
        if problem.file not in errors and _is_given(workspace.top / problem.file, paths)
    ]
    files = {problem.file for problem in added}
    others = [p for p in problems if p.code != "misplaced-file" or p.file not in files]
    return in_order([*others, *added])


def _given_names(workspace: Workspace, paths: Sequence[Path]) -> list[str] | None:
    """The given files as paths in the repository; None if all files count, or a folder's."""
    if not paths or any(path.is_dir() for path in paths):
        return None
    top = workspace.top.resolve()
    files = (resolved(path) for path in paths)
    return [file.relative_to(top).as_posix() for file in files if file.is_relative_to(top)]


def _is_given(file: Path, paths: Sequence[Path]) -> bool:
    target = file.resolve()
    return not paths or any(target.is_relative_to(path.resolve()) for path in paths)


def _snapshot(workspace: Workspace, paths: Sequence[Path], changed_since: str | None) -> Snapshot:
    if changed_since is not None:
        snapshot = _changed_files(workspace, changed_since)
    elif paths:
        snapshot = _given_files(workspace, paths)
    else:
        snapshot = _with_codeowners(workspace, workspace.tree(digests=False))
    # With --env and a list that is invalid, the folder is the one that the last valid list names.
    snapshot.problems = in_order([*snapshot.problems, *workspace.list_errors])
    return snapshot


def _environments(workspace: Workspace) -> list[Workspace] | None:
    """A workspace for each listed environment; empty if the list is invalid. None if the workspace
    is an environment itself, or the repository has no list."""
    if workspace.environment is not None or not workspace.has_environments:
        return None
    try:
        names = list(workspace.environments)
    except Failure:  # `_environment_list` reports why
        return []
    if workspace.list_errors:
        return []
    return [Workspace(replace(workspace.settings, environment=name)) for name in names]


def _environment_list(workspace: Workspace) -> Snapshot:
    """The problems of the list of environments itself."""
    from mlflow_gitops.core.manifests.environments import read_environments  # few have a list

    path = f"{workspace.root}/{ENVIRONMENTS}"
    read = workspace.checkout.read(path)
    if read.data is None:
        fault = read.fault or "cannot be read"
        return Snapshot(problems=[Problem(path, 1, 1, "not-a-file", fault)])
    return Snapshot(problems=read_environments(read.data, workspace.root)[1])


def _of_environments(
    workspace: Workspace,
    environments: Sequence[Workspace],
    paths: Sequence[Path],
    changed_since: str | None,
) -> Iterator[Snapshot]:
    """Each environment by itself. Given files are checked in the environment whose folder they are
    in, and the rest by itself."""
    if not paths:
        for environment in environments:
            yield _snapshot(environment, (), changed_since)
        return

    remaining = [file for path in paths for file in files_of(path)]
    for environment in environments:
        folder = (environment.top / environment.registry).resolve()
        inside = [
            file
            for file in remaining
            if resolved(file).is_relative_to(folder) or is_codeowners(workspace, file)
        ]
        remaining = [file for file in remaining if not resolved(file).is_relative_to(folder)]
        yield _given_files(environment, inside)

    elsewhere = [
        file
        for file in remaining
        if (file.name != ENVIRONMENTS or not file.exists()) and not is_codeowners(workspace, file)
    ]
    yield _given_files(workspace, elsewhere)


def _joined(snapshots: Sequence[Snapshot]) -> Snapshot:
    joined = Snapshot(count=sum(snapshot.count for snapshot in snapshots))
    joined.problems = in_order(problem for snapshot in snapshots for problem in snapshot.problems)
    return joined


def _changed_files(workspace: Workspace, ref: str) -> Snapshot:
    """Only the files that differ from `ref`, CODEOWNERS included, or everything if the policy does,
    since the policy is part of every manifest's rules.

    The problems of an unchanged policy are reported, too: no manifest was judged under it.
    """
    changed = set(workspace.git.changed_since(ref, workspace.registry, *CODEOWNERS))
    snapshot = _some_files(workspace, changed, ref)
    copies = schema_copy_problems(workspace.checkout.schema_copies())
    snapshot.problems = in_order([*snapshot.problems, *copies])
    return snapshot


def _some_files(workspace: Workspace, changed: Collection[str], ref: str | None = None) -> Snapshot:
    """The problems of some files of the registry folder, by their paths in the repository. With
    `ref`, they are what changed since, and so are clashes that other files have with them."""
    from mlflow_gitops.commands.changed_names import changed_former_names

    if any(_is_policy(workspace, path) for path in changed):
        return _with_codeowners(workspace, workspace.tree(digests=False))

    listing = workspace.checkout.registry_paths(workspace.registry)
    # Reading ten thousand manifests takes seconds. Only the changed ones are read, and the policy.
    models = f"{workspace.registry}/models/"
    to_read = [
        path
        for path in listing
        if path in changed or (not path.startswith(models) and _is_policy(workspace, path))
    ]
    sources = (workspace.checkout.read(path) for path in to_read)
    manifests = [path for path in listing if workspace.registry.classify(path) == "manifest"]
    stems = {path: stem_of(path) for path in manifests}
    snapshot = build(sources, workspace.registry, other_stems=set(stems.values()), digests=False)

    # A changed file may have the name of another one, which was not read, or its former name.
    names = {folded(model_of(stem_of(path))) for path in changed}
    clashes = name_clashes(path for path, stem in stems.items() if folded(model_of(stem)) in names)
    problems = [
        problem
        for problem in (*snapshot.problems, *clashes)
        if problem.file in changed or _is_policy(workspace, problem.file)
    ]
    problems += changed_former_names(workspace, ref, manifests, changed)
    snapshot.problems = in_order(dict.fromkeys(problems))
    return _with_codeowners(workspace, snapshot, changed)


def _with_codeowners(
    workspace: Workspace, snapshot: Snapshot, changed: Collection[str] | None = None
) -> Snapshot:
    """Add the problems of CODEOWNERS: for the changed manifests, or for all, also if CODEOWNERS
    itself changed. GitHub must ask the owners that the manifests name (RULES R9)."""
    from mlflow_gitops.app.setup import codeowners

    problems = codeowners.problems(workspace, snapshot, changed)
    if not problems and changed is not None and not set(CODEOWNERS).isdisjoint(changed):
        problems = codeowners.problems(workspace, workspace.tree())
    snapshot.problems = in_order([*snapshot.problems, *problems])
    return snapshot


def _is_policy(workspace: Workspace, path: str) -> bool:
    """Whether a file is the policy, or has the policy's place with a wrong file extension."""
    kind = workspace.registry.classify(path)
    is_model = path.startswith(f"{workspace.registry}/models/")
    return kind == "policy" or (kind == "extension" and not is_model)


def _given_files(workspace: Workspace, paths: Sequence[Path]) -> Snapshot:
    """The problems of the given files and folders.

    Files of the registry folder are checked with the others there and under its policy. If the
    policy is given, all of them are checked, since it is part of every manifest's rules. CODEOWNERS
    is checked for all of them. A file from elsewhere is checked by itself, as a manifest or, by its
    name, as a policy.
    """
    inside, outside = split(workspace, paths)
    parts = [_some_files(workspace, inside)] if inside else []
    return _joined([*parts, *map(_alone, outside)])


def _alone(file: Path) -> Snapshot:
    """Check one file as if it were the only one of a registry folder."""
    name = file.as_posix()
    read = files.read_file(file, name)
    if file.name == NOTIFY and read.data is not None:
        from mlflow_gitops.core.notifying.settings import read_notify

        return Snapshot(problems=read_notify(read.data, name)[1])
    inner = "policy.yaml" if file.name == "policy.yaml" else f"models/{file.name}"
    source = SourceFile(f"registry/{inner}", read.data, read.fault)
    snapshot = build([source], RegistryFolder("registry"), digests=False)
    snapshot.problems = [problem._replace(file=name) for problem in snapshot.problems]
    return snapshot
