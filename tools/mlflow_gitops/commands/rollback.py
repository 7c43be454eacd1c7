"""`rollback`: a stage goes back to a version that held it before, in the manifest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from mlflow_gitops.commands import manifest_file as sheets
from mlflow_gitops.commands.finish_edit import EditOptions, finish, stage_sentences
from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import note, warn
from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.previous_holders import Former, Formers, formers, stays
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.errors import Failure, Refused
from mlflow_gitops.settings import Settings

_LISTED = 5


def run(
    settings: Settings, model: str, stage: str, to: int | None, *, pin: bool, options: EditOptions
) -> int:
    """Give a stage back to what held it before, by the main line and by what reconciles stamped;
    with `to`, to that version, which must have held it."""
    sheet = sheets.open_manifest(settings, model, options.form)
    sheet.rule(stage)
    if stage == "Archived":
        raise Failure(
            "Archived is where versions go, not what one is rolled back to. Name the stage that it"
            " shall hold again."
        )
    now = sheet.holders(stage)
    if to is not None and to in now:
        return finish(sheet, Edit(), "", [""], options)
    seen = sheets.observe_or_warn(sheet)
    points = _points(sheet)
    known = formers(points, stage, now, seen)
    if seen is not None and known.held and not known.stamped:
        warn(
            f"No reconcile has stamped a version of {model} with {stage} yet; git alone says who"
            " held it."
        )
    for versions in known.passed_over:
        note(
            settings,
            f"{version_list(versions)} is passed over: git named it, and no reconcile put it in {stage}"
            " (or it is gone).",
        )
    former, versions = _chosen(sheet, stage, known, to)
    stages = sheets.stages_after(sheet, stage, versions)
    edit = Edit(stages, sheets.pins_for(sheet, seen, versions) if seen is not None and pin else {})
    note(
        settings,
        _told(stage, former, versions, lambda commit: f'{commit.sha[:7]} "{commit.subject}"'),
    )
    if to is None:
        _warn_of_return(points, stage, now, known, former)
    subject = f"Roll {sheet.name} {stage} back to {version_list(versions)}"
    # A subject of somebody else's has no place in a message that a forge may show as live Markdown.
    told = _told(stage, former, versions, lambda commit: commit.sha[:12])
    said = " ".join([*stage_sentences(sheet.manifest.stages, edit), told])
    more: dict[str, Any] = {
        "held": {
            "versions": list(versions), "since": former.since or None, "reconciled": former.held,
            "commit": former.stay.began.sha if former.stay and former.stay.began else None,
            "until": former.stay.ended.at if former.stay and former.stay.ended else None,
        }
    }  # fmt: skip
    return finish(sheet, edit, subject, [said], options, more)


def _points(sheet: OpenManifest) -> list[Point]:
    """What the main line wanted of the model, from its first manifest on."""
    workspace = sheet.workspace
    if not workspace.git.has_commits():
        return []
    line = workspace.git.line(workspace.main_ref, workspace.registry)
    histories = HistoryReader(line, workspace.registry, workspace.git.blobs)
    if not line.shas:
        return []
    return histories.points_until(file_stem(sheet.name), line.shas[-1])


def _chosen(
    sheet: OpenManifest, stage: str, known: Formers, to: int | None
) -> tuple[Former, tuple[int, ...]]:
    if to is None and known.held:
        return known.held[0], known.held[0].versions
    for former in known.held:
        if to in former.versions:
            return former, (to,)
    did = "; ".join(
        f"{version_list(one.versions)} (since {one.since})" for one in known.held[:_LISTED]
    )
    if to is not None:
        others = f"These did: {did}." if did else "No other did."
        raise Refused(
            f"Version {to} of {sheet.name} never held {stage}, so there is no going back to it."
            f" {others}"
        )
    raise Refused(
        f"Nothing held {stage} of {sheet.name} before {version_list(sheet.holders(stage))} on the main"
        f" branch. Name the version to go on with: mlflow-gitops promote {sheet.name} VERSION"
        f" {stage}"
    )


def _told(
    stage: str, former: Former, versions: tuple[int, ...], shown: Callable[[Commit], str]
) -> str:
    """Which commit gave it the stage, and from when to when it held it."""
    if former.stay is None:
        return (
            f"A reconcile put {version_list(versions)} in {stage} at {former.held}; the main branch of"
            " today tells no more of it."
        )
    stay = former.stay
    began, ended = (f"{one.at} ({shown(one)})" if one else "" for one in (stay.began, stay.ended))
    until = f" until {ended}" if ended else ", and on the main branch holds it still"
    return f"{version_list(versions)} held {stage} from {began}{until}."


def _warn_of_return(
    points: Sequence[Point], stage: str, now: tuple[int, ...], known: Formers, former: Former
) -> None:
    """Going back twice goes forward again; whoever wants to go further back is told how."""
    before = itertools.takewhile(lambda stay: stay != former.stay, stays(points, stage))
    if former.stay is not None and any(stay.versions == now for stay in before):
        further = next(
            (
                f" To go further back: --to {version_list(one.versions)}"
                for one in known.held
                if one is not former
            ),
            "",
        )
        warn(
            f"{version_list(now)} held {stage} before {version_list(former.versions)} did, so this goes forward"
            f" again.{further}"
        )
