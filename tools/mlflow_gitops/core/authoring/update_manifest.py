"""How a manifest that is there follows MLflow, and what of it stays: the work of importing again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.authoring.edit_pins import IDENTITY
from mlflow_gitops.core.authoring.new_manifest import ManifestContent
from mlflow_gitops.core.authoring.set_value import Path
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.wording import version_list


@dataclass(frozen=True, slots=True)
class Basis:
    """What a manifest is compared with, to tell hand edits from what MLflow did: itself at the
    commit that the model was last reconciled to (`reconciled`) or, before that, at the last commit.
    None where it was in neither."""

    manifest: Manifest | None
    reconciled: bool


def update_edit(
    manifest: Manifest, taken: ManifestContent, rules: ModelPolicy, basis: Callable[[], Basis]
) -> tuple[Edit, list[str]]:
    """The edit by which a manifest follows MLflow, and what it does not follow.

    What was changed here since the basis stays, and so does what MLflow does not have: a line is
    taken out only where a reconcile had put it into MLflow. `basis` is asked only where something
    differs.
    """
    notes: list[str] = []
    values: dict[Path, str | int | None] = {}
    edit = Edit(
        _follow_stages(manifest, taken, rules, basis, notes),
        _follow_pins(manifest, taken, notes),
        values,
    )
    for alias in sorted(manifest.aliases.keys() | taken.aliases.keys()):
        mine, theirs = manifest.aliases.get(alias), taken.aliases.get(alias)
        if mine == theirs:
            continue
        based = basis()
        before = based.manifest.aliases.get(alias) if based.manifest else mine
        if _stays(mine, before, theirs, based):
            notes.append(_kept(f"alias {alias}", mine, theirs))
        else:
            values[("aliases", alias)] = theirs
    for path, text in taken.texts.items():
        mine_text = _stands(manifest, path)
        if mine_text is None:
            values[path] = text
        elif mine_text != text:
            based = basis()
            if based.reconciled and based.manifest and _stands(based.manifest, path) == mine_text:
                values[path] = text
            else:
                notes.append(f"{'.'.join(path)} stays as it is, MLflow has another text")
    return edit, notes


def _stays(mine: object, before: object, theirs: object, basis: Basis) -> bool:
    return mine != before or (not theirs and not basis.reconciled)


def _follow_stages(
    manifest: Manifest,
    taken: ManifestContent,
    rules: ModelPolicy,
    basis: Callable[[], Basis],
    notes: list[str],
) -> dict[str, tuple[int, ...]]:
    names = [stage for stage in rules.stages if stage != "Archived"]
    mine = {stage: manifest.stages.get(stage, ()) for stage in names}
    wanted: dict[str, tuple[int, ...]] = {}
    kept: dict[str, bool] = {}
    for stage in names:
        theirs = taken.stages.get(stage, ())
        wanted[stage] = theirs
        if mine[stage] == theirs:
            continue
        based = basis()
        before = based.manifest.stages.get(stage, ()) if based.manifest else mine[stage]
        if _stays(mine[stage], before, theirs, based):
            wanted[stage] = mine[stage]
            kept[stage] = mine[stage] != before
    # No version in two of MLflow's stages: a hand edit goes before MLflow, and MLflow before what
    # only stayed.
    native = [stage for stage in names if rules.stages[stage].native]
    taken_by: dict[int, str] = {}
    for stage in sorted(
        native, key=lambda stage: 0 if kept.get(stage) else 2 if stage in kept else 1
    ):
        wanted[stage] = tuple(v for v in wanted[stage] if taken_by.setdefault(v, stage) == stage)
    archived = manifest.stages.get("Archived", ())
    wanted["Archived"] = tuple(v for v in archived if v not in taken_by)
    mine["Archived"] = archived
    for stage in kept:
        if wanted[stage] == mine[stage]:
            theirs = taken.stages.get(stage, ())
            notes.append(
                _kept(
                    stage,
                    mine[stage] and version_list(mine[stage]),
                    theirs and version_list(theirs),
                )
            )
    return {stage: held for stage, held in wanted.items() if held != mine[stage]}


def _follow_pins(
    manifest: Manifest, taken: ManifestContent, notes: list[str]
) -> dict[int, dict[str, str | None]]:
    """Pins of versions that have none. One that differs is not touched: it may be what was
    reviewed."""
    pins: dict[int, dict[str, str | None]] = {}
    for number, known in taken.pins.items():
        spec = manifest.versions.get(number, VersionSpec())
        if not any(getattr(spec, word) for word in IDENTITY):
            pins[number] = dict(known)
            continue
        for word, value in known.items():
            if getattr(spec, word) not in (None, value):
                notes.append(
                    f"version {number} is pinned to {word} {getattr(spec, word)}, MLflow has"
                    f" {value}"
                )
    return pins


def _stands(manifest: Manifest, path: Path) -> str | None:
    """The text that a manifest has at a place."""
    about: Manifest | VersionSpec = manifest
    if path[0] == "versions":
        about, path = manifest.versions.get(int(path[1]), VersionSpec()), path[2:]
    return about.description if path[0] == "description" else about.tags.get(path[1])


def _kept(what: str, mine: object, theirs: object) -> str:
    return f"{what}: the manifest keeps {mine or 'it empty'}, MLflow has {theirs or 'nothing'}"
