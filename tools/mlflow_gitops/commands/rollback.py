"""`rollback`: gives a stage back to a version that held it before, in the manifest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from mlflow_gitops.app.recorded_line import read_main_line
from mlflow_gitops.commands.finish_edit import EditMessage, EditOptions, finish, stage_sentences
from mlflow_gitops.commands.manifest_file import (
    OpenManifest,
    observe_or_warn,
    open_manifest,
    pins_for,
    stages_after,
)
from mlflow_gitops.commands.output import note, warn
from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.previous_holders import (
    PreviousHolder,
    PreviousHolders,
    previous_holders,
    stays,
)
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.errors import Failure, Refused
from mlflow_gitops.settings import Settings

_MAX_LISTED = 5


def run(
    settings: Settings, model: str, stage: str, to: int | None, *, pin: bool, options: EditOptions
) -> int:
    """Give a stage back to its previous holders, by the main line and the stamps of reconciles.
    With `to`, give it to that version, which must have held it."""
    target = open_manifest(settings, model, options.form)
    target.rule(stage)
    if stage == "Archived":
        raise Failure(
            "Archived cannot be rolled back. Name the stage that the version should hold again."
        )
    holders = target.holders(stage)
    if to is not None and to in holders:
        return finish(target, Edit(), EditMessage(""), options)

    observed = observe_or_warn(target)
    points = _points(target)
    previous = previous_holders(points, stage, holders, observed)
    _report_evidence(target, stage, observed, previous)
    former, versions = _choose(target, stage, previous, to)

    stages = stages_after(target, stage, versions)
    pins = pins_for(target, observed, versions) if observed is not None and pin else {}
    edit = Edit(stages, pins)
    note(settings, _history_sentence(stage, former, versions, _with_subject))
    if to is None:
        _warn_of_return(points, stage, holders, previous, former)

    # A forge could show the subject of another commit as live Markdown, so the message has only the
    # hash.
    history = _history_sentence(stage, former, versions, lambda commit: commit.sha[:12])
    message = EditMessage(
        subject=f"Roll {target.name} {stage} back to {version_list(versions)}",
        summary=" ".join([*stage_sentences(target.manifest.stages, edit), history]),
    )
    return finish(target, edit, message, options, {"held": _held_data(former, versions)})


def _points(target: OpenManifest) -> list[Point]:
    """The desired states of the model on the main line, from its first manifest on."""
    workspace = target.workspace
    if not workspace.git.has_commits():
        return []
    line = read_main_line(workspace, workspace.git.resolve(workspace.main_ref))
    histories = HistoryReader(line, workspace.registry, workspace.git.blobs)
    if not line.shas:
        return []
    return histories.points_until(file_stem(target.name), line.shas[-1])


def _report_evidence(
    target: OpenManifest, stage: str, observed: ObservedModel | None, previous: PreviousHolders
) -> None:
    """Report if only git knows the previous holders, and which versions do not count."""
    if observed is not None and previous.holders and not previous.uses_stamps:
        warn(
            f"No reconcile has stamped a version of {target.name} with {stage} yet; the previous"
            " holders are known from git alone."
        )
    for versions in previous.passed_over:
        note(
            target.settings,
            f"{version_list(versions)} is passed over: git named it, but no reconcile put it in"
            f" {stage}, or MLflow does not have it any more.",
        )


def _choose(
    target: OpenManifest, stage: str, previous: PreviousHolders, to: int | None
) -> tuple[PreviousHolder, tuple[int, ...]]:
    """The holders to go back to, and the versions of theirs that get the stage."""
    if to is None and previous.holders:
        return previous.holders[0], previous.holders[0].versions
    for former in previous.holders:
        if to in former.versions:
            return former, (to,)

    if to is not None:
        candidates = "; ".join(
            f"{version_list(former.versions)} (since {former.since})"
            for former in previous.holders[:_MAX_LISTED]
        )
        alternatives = f"These did: {candidates}." if candidates else "No other version did."
        raise Refused(
            f"Version {to} of {target.name} never held {stage}, so it cannot be rolled back to."
            f" {alternatives}"
        )
    raise Refused(
        f"Nothing held {stage} of {target.name} before {version_list(target.holders(stage))} on the"
        " main branch.",
        fix=f"Name the version to use: mlflow-gitops promote {target.name} VERSION {stage}",
    )


def _history_sentence(
    stage: str,
    former: PreviousHolder,
    versions: tuple[int, ...],
    format_commit: Callable[[Commit], str],
) -> str:
    """Which commit gave the versions the stage, and from when to when they held it.
    `format_commit` formats a commit."""
    numbers = version_list(versions)
    if former.stay is None:
        return (
            f"A reconcile put {numbers} in {stage} at {former.reconciled_at}; the history of the"
            " main branch does not show it."
        )

    began, ended = former.stay.began, former.stay.ended
    start = f"{began.at} ({format_commit(began)})" if began else ""
    end = " and still holds it on the main branch"
    if ended is not None:
        end = f" until {ended.at} ({format_commit(ended)})"
    return f"{numbers} held {stage} from {start}{end}."


def _with_subject(commit: Commit) -> str:
    return f'{commit.sha[:7]} "{commit.subject}"'


def _held_data(former: PreviousHolder, versions: tuple[int, ...]) -> dict[str, Any]:
    """The `held` object of the JSON document (DESIGN §5)."""
    stay = former.stay
    return {
        "versions": list(versions),
        "since": former.since or None,
        "reconciled": former.reconciled_at,
        "commit": stay.began.sha if stay and stay.began else None,
        "until": stay.ended.at if stay and stay.ended else None,
    }


def _warn_of_return(
    points: Sequence[Point],
    stage: str,
    holders: tuple[int, ...],
    previous: PreviousHolders,
    former: PreviousHolder,
) -> None:
    """A second rollback would return to the version that the first one replaced. Warn about that,
    and show how to go further back."""
    if former.stay is None:
        return
    earlier_stays = itertools.takewhile(lambda stay: stay != former.stay, stays(points, stage))
    if not any(stay.versions == holders for stay in earlier_stays):
        return

    further_back = [other for other in previous.holders if other is not former]
    hint = (
        f" To go further back: --to {version_list(further_back[0].versions)}"
        if further_back
        else ""
    )
    warn(
        f"{version_list(holders)} held {stage} before {version_list(former.versions)} did, so this"
        f" goes forward again.{hint}"
    )
