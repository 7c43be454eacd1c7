"""What pin, promote and rollback do with an edit: show its diff, write it, commit it, open a pull
request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import note, print_result
from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import OK, Failure, GitFailure, Refused, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.diff import unified
from mlflow_gitops.render.written_files import WrittenFiles

if TYPE_CHECKING:
    from mlflow_gitops.edges.forge import Forge


@dataclass(frozen=True, slots=True)
class EditOptions:
    """How far to go, and why. `branch` and `pull_request` both ask for a commit, too."""

    dry_run: bool = False
    commit: bool = False
    branch: str | None = None
    pull_request: bool = False
    message: str | None = None
    form: str = "text"

    @property
    def commits(self) -> bool:
        return self.commit or self.pull_request or self.branch is not None


def finish(
    sheet: OpenManifest,
    edit: Edit,
    subject: str,
    body: Sequence[str],
    options: EditOptions,
    more: Mapping[str, Any] | None = None,
) -> int:
    """Show the diff of an edit, and as far as the options say write it, commit it, push it and open
    a pull request.

    `body` are paragraphs; the user's own message goes between the first and the rest.
    """
    new = apply_edit(sheet.data, sheet.file, edit, tuple(sheet.rules.stages))
    check_result(sheet, new)
    changed = new != sheet.data
    diff = unified(sheet.file, sheet.data, new) if changed else ""
    said = [body[0], *([options.message.strip()] if options.message else []), *body[1:]]
    text = "\n\n".join(part for part in said if part)
    report: dict[str, Any] = {
        "file": sheet.file, "model": sheet.name, "diff": diff, "commit": None, "branch": None, "pull_request": None,
        "stages": {stage: {"from": list(sheet.holders(stage)), "to": list(held)} for stage, held in edit.stages.items()},
        "message": f"{subject}\n\n{text}\n" if changed else None, **(more or {}),
    }  # fmt: skip
    told: list[str] = []
    failure = None
    if not changed:
        told.append(f"Nothing to change in {sheet.file}.")
    elif options.commits:
        failure = _commit(sheet, new, subject, text, options, report, told)
    else:
        if not options.dry_run:
            files.write_file(sheet.workspace.top / sheet.file, new)
        told += _next(sheet, said, options)
    # Only now, since a diff that is shown was made.
    lines = [report["pull_request"]] if report["pull_request"] else []
    print_result(formats.EDIT, options.form, WrittenFiles(report, [diff], lines))
    for line in told:
        note(sheet.settings, line)
    if failure is not None:
        raise failure
    return OK


def check_result(sheet: OpenManifest, new: bytes) -> None:
    """What the policy forbids in the result (an alias, say, that may only follow the stage) stops
    the edit."""
    sources = {**sheet.sources, sheet.file: SourceFile(sheet.file, new)}
    errors = build(sources.values(), sheet.workspace.registry).errors
    if errors:
        raise Failure(
            f"The manifest would be invalid: {errors[0].message} ({sheet.file}:{errors[0].line})."
            " Nothing was changed; make both changes by hand."
        )


def _commit(
    sheet: OpenManifest,
    new: bytes,
    subject: str,
    text: str,
    options: EditOptions,
    report: dict[str, Any],
    told: list[str],
) -> Failure | None:
    """Commit, and go as far beyond as is asked for; a dry run checks whether that can be. What was
    done goes into `report` and `told`. A failure after the commit is returned, since the commit is
    to be told all the same."""
    from mlflow_gitops.edges.git import commits
    from mlflow_gitops.edges.git.branches import branch_name

    git = sheet.workspace.git
    branch = options.branch
    if options.pull_request and branch is None:
        branch = _new_branch(sheet, subject)
    commits.check_can_commit(git, sheet.file, branch)
    forge = _forge(sheet) if options.pull_request else None
    on = branch or git.branch()
    assert on is not None  # `check` has seen to it
    if options.dry_run:
        told.append(f"Nothing was written. It would be committed on {on}: {subject}")
        return None
    sha = commits.commit_edit(git, sheet.file, sheet.data, new, f"{subject}\n\n{text}\n", branch)
    report.update(commit=sha, branch=on)
    told.append(f"Committed {sha[:7]} on {on}: {subject}")
    if forge is None:
        return None
    try:
        commits.push(git, git.remote() or "origin", on)
        base = branch_name(git, sheet.workspace.main_ref) or forge.default_branch
        report["pull_request"] = forge.open_pull_request(on, subject, text, base)
    except Failure as failure:
        return Failure(f"{sha[:7]} is committed on {on}, and no pull request was opened: {failure}")
    told.append("Opened a pull request.")
    return None


def _forge(sheet: OpenManifest) -> Forge:
    """The forge on which a pull request can be opened. Raises Failure before anything is written."""
    from mlflow_gitops.app.forges import required_forge

    if sheet.workspace.git.remote() is None:
        raise GitFailure(
            "There is no remote to push to, so no pull request can be opened. Add one: git remote"
            " add origin URL."
        )
    return required_forge(sheet.workspace.git)


def _new_branch(sheet: OpenManifest, subject: str) -> str | None:
    """A branch for a pull request where the main branch is checked out, or none; else the one that
    is checked out."""
    from mlflow_gitops.edges.git.branches import branch_name

    current = sheet.workspace.git.branch()
    if current is not None and current != branch_name(
        sheet.workspace.git, sheet.workspace.main_ref
    ):
        return None
    return re.sub(r"[^A-Za-z0-9]+", "-", subject).strip("-").lower()


def _next(sheet: OpenManifest, said: Sequence[str], options: EditOptions) -> Iterator[str]:
    """What there is to do still."""
    if options.dry_run:
        yield "Nothing was written."
        return
    yield f"Wrote {sheet.file}. See what it does with mlflow-gitops plan, then commit it."
    own = [part for part in said[1:] if part]
    if own:
        yield "Say this in the commit message:"
        for line in "\n\n".join(own).splitlines():
            yield f"  {line}" if line else ""


def stage_sentences(before: Mapping[str, Sequence[int]], edit: Edit) -> Iterator[str]:
    """What a commit message says of the stages that change, the first of them being what the commit
    is about."""
    for i, (stage, versions) in enumerate(edit.stages.items()):
        old = before.get(stage, ())
        gone = [version for version in old if version not in versions]
        if i == 0 and gone:
            yield f"It replaces {version_list(gone)}."
        elif i == 0:
            yield f"It joins {version_list(old)}." if old else f"{stage} was empty."
        else:
            yield f"{version_list(gone)} leaves {stage}."


def override_lines(sheet: OpenManifest, stage: str, given: Sequence[str]) -> list[str]:
    """The `Gate-Override:` lines for GATE='reason' options. Raises UsageFailure for what is none,
    and Refused for a gate that the policy does not let a commit override: the line would be
    ignored."""
    lines = []
    gates = sheet.rule(stage).gates.names
    for one in given:
        gate, equals, reason = (part.strip() for part in one.partition("="))
        if not equals or not reason or "\n" in reason or "\r" in reason:
            raise UsageFailure(
                f"--override takes GATE='reason', with a reason of one line, not {one!r}."
            )
        if gate not in sheet.rules.overrides:
            allowed = ", ".join(sorted(sheet.rules.overrides)) or "none"
            raise Refused(
                f"The policy lets no commit override {gate!r}; it lets be overridden: {allowed}."
            )
        if gate not in gates:
            note(sheet.settings, f"{stage} has no gate {gate}; the override changes nothing.")
        lines.append(f"Gate-Override: {gate}: {reason}")
    return lines
