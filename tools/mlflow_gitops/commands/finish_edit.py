"""What pin, promote and rollback do with an edit: print its diff, write it, commit it, open a pull
request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import note, print_result
from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.authoring.following_aliases import AliasMove
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
    """How far to go, and the user's reason. `branch` and `pull_request` imply a commit."""

    dry_run: bool = False
    commit: bool = False
    branch: str | None = None
    pull_request: bool = False
    message: str | None = None
    form: str = "text"

    @property
    def commits(self) -> bool:
        return self.commit or self.pull_request or self.branch is not None


@dataclass(frozen=True, slots=True)
class EditMessage:
    """The commit message of an edit: a subject, a first paragraph about what changes, and further
    paragraphs such as the lines that override gates. `notes` are printed beside the diff."""

    subject: str
    summary: str = ""
    details: Sequence[str] = ()
    notes: Sequence[str] = ()

    def body(self, reason: str | None) -> str:
        """The paragraphs, with the user's own reason after the first one."""
        return "\n\n".join(filter(None, [self.summary, *self.own_paragraphs(reason)]))

    def own_paragraphs(self, reason: str | None) -> list[str]:
        """The paragraphs that the diff does not already show: the reason and the details."""
        return [part for part in ((reason or "").strip(), *self.details) if part]

    def text(self, reason: str | None) -> str:
        return f"{self.subject}\n\n{self.body(reason)}\n"


@dataclass(slots=True)
class _Progress:
    """What was done so far, for the JSON document and for the notes on stderr. A failure after the
    commit is kept here, because the commit must be reported nevertheless."""

    commit: str | None = None
    branch: str | None = None
    pull_request: str | None = None
    notes: list[str] = field(default_factory=list)
    failure: Failure | None = None


def finish(
    target: OpenManifest,
    edit: Edit,
    message: EditMessage,
    options: EditOptions,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Print the diff of an edit and do what the options ask for: write it, commit it, push it, open
    a pull request. `details` are added to the JSON document."""
    new = apply_edit(target.data, target.file, edit, tuple(target.rules.stages))
    check_result(target, new)
    is_changed = new != target.data

    progress = _Progress()
    if not is_changed:
        progress.notes.append(f"Nothing to change in {target.file}.")
    elif options.commits:
        progress.notes += message.notes
        _commit(target, new, message, options, progress)
    else:
        progress.notes += message.notes
        if not options.dry_run:
            files.write_file(target.workspace.top / target.file, new)
        progress.notes += _next_steps(target, message, options)

    # Printed only now, so that a printed diff is one that was made.
    diff = unified(target.file, target.data, new) if is_changed else ""
    data = _data(target, edit, diff, progress)
    data["message"] = message.text(options.message) if is_changed else None
    data.update(details or {})
    lines = [progress.pull_request] if progress.pull_request else []
    print_result(formats.EDIT, options.form, WrittenFiles(data, [diff], lines))
    for line in progress.notes:
        note(target.settings, line)
    if progress.failure is not None:
        raise progress.failure
    return OK


def _data(target: OpenManifest, edit: Edit, diff: str, progress: _Progress) -> dict[str, Any]:
    """The JSON document (DESIGN §5), without the message."""
    return {
        "file": target.file,
        "model": target.name,
        "diff": diff,
        "commit": progress.commit,
        "branch": progress.branch,
        "pull_request": progress.pull_request,
        "stages": {
            stage: {"from": list(target.holders(stage)), "to": list(versions)}
            for stage, versions in edit.stages.items()
        },
        "aliases": {
            path[1]: {"from": target.manifest.aliases.get(path[1]), "to": value}
            for path, value in edit.values.items()
            if path[0] == "aliases"
        },
    }


def check_result(target: OpenManifest, new: bytes) -> None:
    """Raise Failure if the edited manifest breaks the policy, such as by an alias that may only
    follow the stage."""
    sources = {**target.sources, target.file: SourceFile(target.file, new)}
    errors = build(sources.values(), target.workspace.registry).errors
    if errors:
        raise Failure(
            f"The manifest would be invalid: {errors[0].message}"
            f" ({target.file}:{errors[0].line}). Nothing was changed.",
            fix="Make both changes by hand.",
        )


def _commit(
    target: OpenManifest,
    new: bytes,
    message: EditMessage,
    options: EditOptions,
    progress: _Progress,
) -> None:
    """Commit the edit and open a pull request if the options ask for it. A dry run only checks
    whether this is possible."""
    from mlflow_gitops.edges.git import commits

    git = target.workspace.git
    new_branch = options.branch
    if options.pull_request and new_branch is None:
        new_branch = _new_branch(target, message.subject)
    commits.check_can_commit(git, target.file, new_branch)
    forge = _forge(target) if options.pull_request else None
    branch = new_branch or git.branch()
    assert branch is not None  # check_can_commit refuses a detached HEAD
    if options.dry_run:
        progress.notes.append(
            f"Nothing was written. The commit would be on {branch}: {message.subject}"
        )
        return

    text = message.text(options.message)
    sha = commits.commit_edit(git, target.file, target.data, new, text, new_branch)
    progress.commit, progress.branch = sha, branch
    progress.notes.append(f"Committed {sha[:7]} on {branch}: {message.subject}")
    if forge is None:
        return
    try:
        body = message.body(options.message)
        progress.pull_request = _open_pull_request(target, forge, branch, message.subject, body)
    except Failure as failure:
        progress.failure = Failure(
            f"{sha[:7]} is committed on {branch}, but no pull request was opened: {failure}"
        )
        return
    progress.notes.append("Opened a pull request.")


def _open_pull_request(
    target: OpenManifest, forge: Forge, branch: str, subject: str, body: str
) -> str:
    """Push a branch, open a pull request for it, and return its address."""
    from mlflow_gitops.edges.git import commits
    from mlflow_gitops.edges.git.refs.branches import branch_name

    git = target.workspace.git
    commits.push(git, git.remote() or "origin", branch)
    base = branch_name(git, target.workspace.main_ref) or forge.default_branch
    return forge.open_pull_request(branch, subject, body, base)


def _forge(target: OpenManifest) -> Forge:
    """The forge for the pull request. Raises Failure, before anything is written, if there is
    none."""
    from mlflow_gitops.app.forges import required_forge

    if target.workspace.git.remote() is None:
        raise GitFailure(
            "There is no remote to push to, so no pull request can be opened.",
            fix="Add one: git remote add origin URL.",
        )
    return required_forge(target.workspace.git)


def _new_branch(target: OpenManifest, subject: str) -> str | None:
    """The name of a new branch for a pull request, made from the subject. None if a branch other
    than the main branch is checked out, which is then used."""
    from mlflow_gitops.edges.git.refs.branches import branch_name

    git = target.workspace.git
    current = git.branch()
    if current is not None and current != branch_name(git, target.workspace.main_ref):
        return None
    return re.sub(r"[^A-Za-z0-9]+", "-", subject).strip("-").lower()


def _next_steps(target: OpenManifest, message: EditMessage, options: EditOptions) -> Iterator[str]:
    if options.dry_run:
        yield "Nothing was written."
        return
    yield f"Wrote {target.file}. See what it does with mlflow-gitops plan, then commit it."
    paragraphs = message.own_paragraphs(options.message)
    if paragraphs:
        yield "Put this into the commit message:"
        for line in "\n\n".join(paragraphs).splitlines():
            yield f"  {line}" if line else ""


def stage_sentences(
    before: Mapping[str, Sequence[int]], edit: Edit, moves: Sequence[AliasMove] = ()
) -> Iterator[str]:
    """What a commit message says about each stage that changes, and about aliases that move along.
    The first stage is the one that the commit is about."""
    for index, (stage, versions) in enumerate(edit.stages.items()):
        old = before.get(stage, ())
        leaving = [version for version in old if version not in versions]
        if index > 0:
            yield f"{version_list(leaving)} leaves {stage}."
        elif leaving:
            yield f"It replaces {version_list(leaving)}."
        else:
            yield f"It joins {version_list(old)}." if old else f"{stage} was empty."
    for move in moves:
        yield move.sentence


def override_lines(target: OpenManifest, stage: str, options: Sequence[str]) -> list[str]:
    """The `Gate-Override:` lines of a commit message for GATE='reason' options.

    Raises UsageFailure for an option of another form, and Refused for a gate that the policy does
    not allow to be overridden: the line would have no effect.
    """
    lines = []
    stage_gates = target.rule(stage).gates.names
    for option in options:
        gate, equals, reason = (part.strip() for part in option.partition("="))
        if not equals or not reason or "\n" in reason or "\r" in reason:
            raise UsageFailure(
                f"--override takes GATE='reason', with a reason of one line, not {option!r}."
            )
        if gate not in target.rules.overrides:
            allowed = ", ".join(sorted(target.rules.overrides)) or "none"
            raise Refused(
                f"The policy does not allow the gate {gate!r} to be overridden; the gates that can"
                f" be overridden: {allowed}."
            )
        if gate not in stage_gates:
            note(target.settings, f"{stage} has no gate {gate}; the override has no effect.")
        lines.append(f"Gate-Override: {gate}: {reason}")
    return lines
