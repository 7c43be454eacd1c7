"""`rollback`: gives a stage back to a version that held it before, in the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlflow_gitops.app.audit.line.recorded_line import read_main_line
from mlflow_gitops.app.reconciled_models import ReconciledModels
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.file_pins import pins_of_holders
from mlflow_gitops.commands.finish_edit import EditMessage, EditOptions, finish, stage_sentences
from mlflow_gitops.commands.manifest_file import (
    OpenManifest,
    observe_or_warn,
    open_manifest,
    stages_after,
)
from mlflow_gitops.commands.output import note, warn
from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.authoring.following_aliases import alias_moves
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, MainLine, Point
from mlflow_gitops.core.history.previous_holders import (
    PreviousHolder,
    PreviousHolders,
    previous_holders,
)
from mlflow_gitops.core.history.tenures import Tenure
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.wording import shell_words, version_list
from mlflow_gitops.errors import Failure, Refused
from mlflow_gitops.settings import Settings

_MAX_LISTED = 5


def run(
    settings: Settings,
    model: str,
    stage: str,
    to: int | None,
    *,
    pin: bool,
    options: EditOptions,
    digest: bool = True,
) -> int:
    """Give a stage back to its previous holders, by the main line and the receipts of reconciles.
    With `to`, give it to that version, which must have held it."""
    target = open_manifest(settings, model, options.form, by_last_policy=True)
    target.rule(stage)
    if stage == "Archived":
        raise Failure(
            "Archived cannot be rolled back. Name the stage that the version should hold again."
        )
    holders = target.holders(stage)
    if to is not None and to in holders:
        return finish(target, Edit(), EditMessage(""), options)

    observed = observe_or_warn(target)
    previous = _previous_holders(target, stage, observed)
    former, versions = _choose(target, stage, previous, to)

    stages = stages_after(target, stage, versions)
    moves = alias_moves(target.manifest, target.rules, stage, stages)
    pins = pins_of_holders(target, observed, versions, digest) if pin else {}
    edit = Edit(stages, pins, {move.path: move.new for move in moves})
    note(settings, _history_sentence(stage, former, versions, _with_subject))
    if former.rolled_back is not None:
        warn(f"{_rolled_back_sentence(stage, former)} The gates judge it like a new version.")

    # A forge could show the subject of another commit as live Markdown, so the message has only the
    # hash.
    history = _history_sentence(stage, former, versions, lambda commit: commit.sha[:12])
    message = EditMessage(
        subject=f"Roll {target.name} {stage} back to {version_list(versions)}",
        summary=" ".join([*stage_sentences(target.manifest.stages, edit, moves), history]),
        notes=[move.note for move in moves],
    )
    return finish(target, edit, message, options, {"held": _held_data(former, versions)})


def _previous_holders(
    target: OpenManifest, stage: str, observed: ObservedModel | None
) -> PreviousHolders:
    """The previous holders of a stage, and a report of what does not count."""
    line = _main_line(target.workspace)
    points: list[Point] = []
    if line.shas:
        git, registry = target.workspace.git, target.workspace.registry
        reader = ManifestReader(git.blobs, recall=git.recall)
        histories = HistoryReader(line, registry, git.blobs, reader=reader)
        points = histories.points_until(file_stem(target.name), line.shas[-1])
        git.remember(reader.news)

    tenures = _tenures(target, stage, observed, line, points)
    existing = observed.versions if observed is not None else None
    previous = previous_holders(points, stage, target.holders(stage), tenures, existing)

    if tenures is None and previous.holders:
        warn(
            f"No reconcile of {target.name} is recorded yet; the previous holders are known from"
            " git alone."
        )
    for versions in previous.passed_over:
        note(
            target.settings,
            f"{version_list(versions)} is passed over: git named it, but no reconcile put it in"
            f" {stage}, or MLflow does not have it any more.",
        )
    for former in previous.rolled_back:
        note(target.settings, _rolled_back_sentence(stage, former))
    return previous


def _main_line(workspace: Workspace) -> MainLine:
    if not workspace.git.has_commits():
        return MainLine([], [], {})
    if workspace.git.is_shallow():
        warn(
            "This clone is shallow: what held the stage before its first commit is not known. Run"
            " git fetch --unshallow."
        )
    return read_main_line(workspace, workspace.git.resolve(workspace.main_ref))


def _tenures(
    target: OpenManifest,
    stage: str,
    observed: ObservedModel | None,
    line: MainLine,
    points: Sequence[Point],
) -> Mapping[int, Tenure] | None:
    """Which versions held the stage, by receipts; None if the model was never reconciled, so that
    git alone counts. Raises Refused if the receipts are missing in this clone."""
    reconciled = ReconciledModels(target.workspace, line).history(target.name)
    if reconciled.runs:
        versions = observed.versions if observed is not None else {}
        model_created = observed.created if observed is not None else None
        return {
            number: tenure
            for number, tenure in reconciled.tenures(points, stage).items()
            if number not in versions
            or number
            in reconciled.since(versions[number].created, model_created).tenures(points, stage)
        }

    is_reconciled = observed is not None and observed.base is not None
    may_be_reconciled = observed is None and reconciled.fetch_hint is not None
    if not points or not (is_reconciled or may_be_reconciled):
        return None

    by_hand = _promote_by_hand(target, stage)
    hint = reconciled.fetch_hint
    raise Refused(
        f"No receipt in this clone records a reconcile of {target.name}, so it is not known which"
        f" versions held {stage}.",
        fix=f"{hint[0].upper()}{hint[1:]}" if hint else by_hand,
    )


def _promote_by_hand(target: OpenManifest, stage: str) -> str:
    arguments = shell_words(target.name, "VERSION", stage)
    return f"Name the version to use: mlflow-gitops promote {arguments}"


def _choose(
    target: OpenManifest, stage: str, previous: PreviousHolders, to: int | None
) -> tuple[PreviousHolder, tuple[int, ...]]:
    """The holders to go back to, and the versions of theirs that get the stage."""
    if to is None and previous.holders:
        return previous.holders[0], previous.holders[0].versions
    if to is None:
        raise Refused(
            f"There is no version to roll {stage} of {target.name} back to: on the main branch,"
            f" nothing held it before {version_list(target.holders(stage))} that was not rolled"
            " back itself."
            if previous.rolled_back
            else f"Nothing held {stage} of {target.name} before"
            f" {version_list(target.holders(stage))} on the main branch.",
            fix=_promote_by_hand(target, stage),
        )

    for former in (*previous.holders, *previous.rolled_back):
        if to in former.versions:
            return former, (to,)
    candidates = "; ".join(
        f"{version_list(former.versions)} (since {former.since})"
        for former in previous.holders[:_MAX_LISTED]
    )
    alternatives = f"These did: {candidates}." if candidates else "No other version did."
    raise Refused(
        f"Version {to} of {target.name} never held {stage}, so it cannot be rolled back to."
        f" {alternatives}"
    )


def _rolled_back_sentence(stage: str, former: PreviousHolder) -> str:
    """When and by which commit the stage went back from these versions."""
    commit = former.rolled_back
    when = f" on {commit.at} ({_with_subject(commit)})" if commit is not None else ""
    return f"{version_list(former.versions)} was rolled back from {stage}{when}."


def _history_sentence(
    stage: str,
    former: PreviousHolder,
    versions: tuple[int, ...],
    format_commit: Callable[[Commit], str],
) -> str:
    """Which commit gave the versions the stage, and from when to when they held it.
    `format_commit` formats a commit."""
    numbers = version_list(versions)
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
        "commit": stay.began.sha if stay.began else None,
        "until": stay.ended.at if stay.ended else None,
    }
