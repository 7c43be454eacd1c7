"""`codeowners`: writes CODEOWNERS from the owners that the manifests and the policy name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mlflow_gitops.app.setup.codeowners import existing, expected_text
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note_for_people, print_result, report_errors
from mlflow_gitops.core.setup.codeowners import LOCATIONS, CodeOwners
from mlflow_gitops.core.yaml.problems import Problem, in_order
from mlflow_gitops.errors import INVALID, OK, Failure
from mlflow_gitops.render import formats
from mlflow_gitops.render.problems import problem_data
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


def run(settings: Settings, *, check: bool, dry_run: bool, form: str) -> int:
    """Bring CODEOWNERS up to date and print the difference; with `check` or `dry_run`, only print
    it. With `check`, returns 3 if there is one.

    Returns 3 as well if files have errors: the lines of invalid manifests stay as they are, and so
    does the whole block of a folder whose policy is invalid.
    """
    workspace = Workspace(settings, all_environments=True)
    current = existing(workspace) or CodeOwners(LOCATIONS[0], "")
    new, errors = _new_text(workspace, settings, current)

    is_dry_run = check or dry_run
    diff = _diff(current, new.text)
    if diff and not is_dry_run:
        _write(workspace, new)
    data: dict[str, Any] = {
        "file": current.file,
        "changed": bool(diff),
        "diff": "\n".join(diff),
    }
    if errors:
        data["errors"] = [problem_data(error) for error in errors]
    diff_text = "\n".join([*diff, ""])
    print_result(formats.CODEOWNERS, form, WrittenFiles(data, [diff_text]))

    if errors:
        report_errors(errors)
        remark = "The owners of files with errors are not known: their lines stay as they are."
        note_for_people(settings, form, remark)
    if diff or not errors:
        state = _state(new.text, diff, is_dry_run=is_dry_run)
        note_for_people(settings, form, f"{current.file} {state}.")
    return INVALID if errors or (check and diff) else OK


def update(
    workspace: Workspace, settings: Settings, current: CodeOwners
) -> tuple[str, list[Problem]]:
    """Bring CODEOWNERS up to date. Returns its text then, and the errors of files whose lines stay
    as they are."""
    new, errors = _new_text(workspace, settings, current)
    if new.text != current.text:
        _write(workspace, new)
    return new.text, errors


def _new_text(
    workspace: Workspace, settings: Settings, current: CodeOwners
) -> tuple[CodeOwners, list[Problem]]:
    """The file as it should be, and the errors of all registry folders."""
    new = current
    errors: dict[Problem, None] = {}
    for registry_workspace in _workspaces(workspace, settings):
        snapshot = registry_workspace.tree()
        errors |= dict.fromkeys(snapshot.errors)
        if not snapshot.validity.policy:
            new = new._replace(text=expected_text(registry_workspace, snapshot, new))
    return new, in_order([*workspace.list_errors, *errors])


def _workspaces(workspace: Workspace, settings: Settings) -> list[Workspace]:
    """One workspace for each registry folder: all environments, or the one that is chosen."""
    if workspace.environment or not workspace.environments:
        return [workspace]
    return [Workspace(replace(settings, environment=name)) for name in workspace.environments]


def _write(workspace: Workspace, new: CodeOwners) -> None:
    workspace.checkout.check_can_write(new.file)
    file = workspace.top / new.file
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(new.text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise Failure(f"{new.file} cannot be written: {error.strerror or error}.") from None


def _state(new_text: str, diff: Sequence[str], *, is_dry_run: bool) -> str:
    if not new_text:
        return "needs no lines: neither the policy nor a manifest names owners"
    if not diff:
        return "is up to date"
    return "differs" if is_dry_run else "is written; commit it"


def _diff(current: CodeOwners, new_text: str) -> list[str]:
    before, after = current.text.splitlines(), new_text.splitlines()
    names = (f"a/{current.file}" if current.text else "/dev/null", f"b/{current.file}")
    return list(difflib.unified_diff(before, after, *names, lineterm=""))
