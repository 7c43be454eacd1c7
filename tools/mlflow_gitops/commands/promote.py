"""`promote`: gives a stage to a version, in the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.commands.file_pins import pins_of_holders
from mlflow_gitops.commands.finish_edit import (
    EditMessage,
    EditOptions,
    finish,
    override_lines,
    stage_sentences,
)
from mlflow_gitops.commands.manifest_file import (
    OpenManifest,
    observe_or_warn,
    open_manifest,
    stages_after,
)
from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.authoring.edit_pins import Pin
from mlflow_gitops.core.authoring.following_aliases import alias_moves
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.errors import Failure
from mlflow_gitops.settings import Settings


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """`add`: the version joins the current holders instead of replacing them. `pin`: pin the
    version if MLflow can be reached; `digest`: its files, too. `from_environment`: the version is
    one of that environment, and a copy of it gets the stage. `overrides`: GATE='reason'
    options."""

    add: bool
    pin: bool
    from_environment: str | None
    overrides: Sequence[str]
    digest: bool = True


def run(
    settings: Settings,
    model: str,
    version: int,
    stage: str,
    promotion: PromoteOptions,
    options: EditOptions,
) -> int:
    """Give a stage to a version. It replaces the current holders (joins them with `add` and in
    Archived) and leaves MLflow's other stages."""
    target = open_manifest(settings, model, options.form)
    environment = promotion.from_environment
    subject = f"Promote {target.name} {version} to {stage}"
    pins: Mapping[int, Mapping[str, Pin]] = {}
    if environment is not None:
        from mlflow_gitops.commands.promote_from import plan_copy

        original = version
        version, pins = plan_copy(target, environment, original)
        subject = f"Promote {target.name} {original} of {environment} to {stage}, as {version}"

    gate_overrides = override_lines(target, stage, promotion.overrides)
    holders = target.holders(stage)
    if version in holders:
        return finish(target, Edit(), EditMessage(subject), options)
    if promotion.add:
        _check_can_join(target, stage)

    joins = promotion.add or stage == "Archived"
    new_holders = tuple(sorted({*holders, version})) if joins else (version,)
    stages = stages_after(target, stage, new_holders)
    moves = alias_moves(target.manifest, target.rules, stage, stages)
    if promotion.pin and environment is None:
        pins = pins_of_holders(target, observe_or_warn(target), (version,), promotion.digest)
    edit = Edit(stages, pins, {move.path: move.new for move in moves})
    summary = " ".join(stage_sentences(target.manifest.stages, edit, moves))
    details = ["\n".join(gate_overrides)]
    message = EditMessage(subject, summary, details, [move.note for move in moves])
    return finish(target, edit, message, options)


def _check_can_join(target: OpenManifest, stage: str) -> None:
    """Raise Failure if the stage can hold only one version and has one."""
    alias, holders = target.rule(stage).alias, target.holders(stage)
    if alias and holders:
        raise Failure(
            f"{stage} is kept as the alias {alias!r} and can hold only one version;"
            f" {version_list(holders)} holds it. Omit --add to replace it."
        )
