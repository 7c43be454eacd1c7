"""`codeowners`: writes CODEOWNERS from the owners that the manifests and the policy name;
`validate` compares by it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import replace

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note_for_people, print_result, report_invalid
from mlflow_gitops.core.manifests.registry_folder import ENVIRONMENTS
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.setup import codeowners
from mlflow_gitops.core.setup.codeowners import LOCATIONS, CodeOwners
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import INVALID, OK, Failure
from mlflow_gitops.render import formats
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


def run(settings: Settings, *, check: bool, dry_run: bool, form: str) -> int:
    """Bring CODEOWNERS up to date and print the difference; with `check` or `dry_run`, only print
    it. With `check`, exits 3 if there is one."""
    workspace = Workspace(settings, whole=True)
    names = () if workspace.environment else tuple(workspace.environments)
    found = new = existing(workspace) or CodeOwners(LOCATIONS[0], "")
    for one in [Workspace(replace(settings, environment=name)) for name in names] or [workspace]:
        snapshot = one.tree()
        if snapshot.errors:
            return report_invalid(snapshot, form)
        new = replace(new, text=written(one, snapshot, new))
    wanted = new.text
    diff = _diff(found, wanted)
    if diff and not (check or dry_run):
        file = workspace.top / found.file
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(wanted.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise Failure(f"{found.file} cannot be written: {error.strerror or error}.") from None
    data = {"file": found.file, "changed": bool(diff), "diff": "\n".join(diff)}
    shown = "\n".join([*diff, ""])
    print_result(formats.CODEOWNERS, form, WrittenFiles(data, [shown]))
    note_for_people(settings, form, f"{found.file} {_state(wanted, diff, check or dry_run)}.")
    return INVALID if check and diff else OK


def _state(wanted: str, diff: Sequence[str], is_dry_run: bool) -> str:
    if not wanted:
        return "needs no lines: neither the policy nor a manifest names owners"
    if not diff:
        return "is up to date"
    return "differs" if is_dry_run else "is written; commit it"


def problems(
    workspace: Workspace, snapshot: Snapshot, changed: Collection[str] | None = None
) -> list[Problem]:
    """What `validate` says of CODEOWNERS. `changed` are the only manifests that were read, existing
    or gone.

    Where a manifest is invalid its owners are not known, so the others are looked at one by one.
    """
    found = existing(workspace)
    if found is None:
        return (
            codeowners.missing_file(workspace.registry.policy_path, snapshot)
            if changed is None
            else []
        )
    if changed is None and not snapshot.errors:
        return codeowners.stale_block(found, written(workspace, snapshot, found))
    lines = {one.file: codeowners.manifest_line(one) for one in snapshot.manifests.values()}
    gone = {
        path: None
        for path in changed or ()
        if workspace.registry.classify(path) == "manifest" and not (workspace.top / path).exists()
    }
    return codeowners.stale_manifests(found, workspace.registry, sorted((gone | lines).items()))


def existing(workspace: Workspace) -> CodeOwners | None:
    """The file that GitHub takes; None if there is none."""
    for place in LOCATIONS:
        file = workspace.top / place
        if file.is_file():
            try:
                return CodeOwners(place, file.read_bytes().decode("utf-8", "surrogateescape"))
            except OSError as error:
                raise Failure(f"{place} cannot be read: {error.strerror or error}.") from None
    return None


def written(workspace: Workspace, snapshot: Snapshot, found: CodeOwners) -> str:
    """The file's text as the owners want it."""
    listing = [f"{workspace.root}/{ENVIRONMENTS}"] if workspace.environment else []
    places = [
        *listing,
        "schemas/",
        *(["tools/"] if (workspace.top / "tools").is_dir() else []),
        ".github/",
    ]
    if not found.file.startswith(".github/"):
        places.append(found.file)
    return found.with_block(
        workspace.registry, codeowners.block_lines(snapshot, workspace.registry, places)
    )


def _diff(found: CodeOwners, wanted: str) -> list[str]:
    before, after = found.text.splitlines(), wanted.splitlines()
    names = (f"a/{found.file}" if found.text else "/dev/null", f"b/{found.file}")
    return list(difflib.unified_diff(before, after, *names, lineterm=""))
