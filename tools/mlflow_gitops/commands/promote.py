"""`promote`: a version comes to hold a stage, in the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow_gitops.commands import manifest_file as sheets
from mlflow_gitops.commands.finish_edit import EditOptions, finish, override_lines, stage_sentences
from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.authoring.edit_pins import Pin
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.errors import Failure
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    model: str,
    version: int,
    stage: str,
    *,
    add: bool,
    pin: bool,
    origin: str | None = None,
    overrides: Sequence[str],
    options: EditOptions,
) -> int:
    """Give a stage to a version, which replaces whatever held it (joins it, with `add` and in
    Archived) and leaves MLflow's other stages. With `pin`, the version is pinned too, where MLflow
    can be asked. With `origin`, the version is that environment's, and a copy of it comes to hold
    the stage."""
    sheet = sheets.open_manifest(settings, model, options.form)
    copied: Mapping[int, Mapping[str, Pin]] = {}
    if origin is not None:
        from mlflow_gitops.commands.promote_from import copied as copy_of

        there = version
        version, copied = copy_of(sheet, origin, version)
    rule = sheet.rule(stage)
    lines = override_lines(sheet, stage, overrides)
    held = sheet.holders(stage)
    subject = f"Promote {sheet.name} {version} to {stage}"
    if origin is not None:
        subject = f"Promote {sheet.name} {there} of {origin} to {stage}, as {version}"
    if version in held:
        return finish(sheet, Edit(), subject, [""], options)
    if add and rule.alias and held:
        raise Failure(
            f"{stage} is kept as the alias {rule.alias!r} and holds one version;"
            f" {version_list(held)} holds it. Leave --add away to replace it."
        )
    # Who is archived joins those that are; anywhere else the stage is handed over.
    new = tuple(sorted({*held, version})) if add or stage == "Archived" else (version,)
    stages = sheets.stages_after(sheet, stage, new)
    seen = sheets.observe_or_warn(sheet) if pin and origin is None else None
    pins = sheets.pins_for(sheet, seen, [version]) if seen is not None else copied
    edit = Edit(stages, pins)
    said = " ".join(stage_sentences(sheet.manifest.stages, edit))
    return finish(sheet, edit, subject, [said, "\n".join(lines)], options)
