"""The edit of a manifest that gives a stage back to its last healthy holder (RULES R14)."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow_gitops.app.health.earlier_holders import EarlierHolders
from mlflow_gitops.commands.file_pins import digest_pins
from mlflow_gitops.commands.finish_edit import check_result, stage_sentences
from mlflow_gitops.commands.manifest_file import OpenManifest, observe, pins_for, stages_after
from mlflow_gitops.core.authoring import proposals
from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.authoring.following_aliases import alias_moves
from mlflow_gitops.core.health.verdict import HealthVerdict
from mlflow_gitops.core.health.way_back import EarlierHolder
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.verdicts.pinned_files import asks_digest
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.way_back import evidence_line


@dataclass(frozen=True, slots=True)
class RollbackEdit:
    """A manifest in which a stage went back to `target`, and what its commit says."""

    target: EarlierHolder
    sheet: OpenManifest
    content: bytes
    subject: str
    message: str


def rollback_edit(
    sheet: OpenManifest, verdict: HealthVerdict, earlier: EarlierHolders
) -> RollbackEdit | None:
    """The edit that rolls the stage of an unhealthy version back; None if no version is left to
    roll back to.

    Raises RegistryFailure if MLflow cannot be reached, and Failure if the policy or a pin forbids
    the edit.
    """
    stage = verdict.stage
    observed = observe(sheet)
    target = earlier.last_healthy(verdict, sheet.holders(stage), observed.versions)
    if target is None:
        return None

    stages = stages_after(sheet, stage, target.versions)
    moves = alias_moves(sheet.manifest, sheet.rules, stage, stages)
    pins = pins_for(sheet, observed, target.versions)
    if asks_digest(sheet.rule(stage)):
        # A digest that is pinned is compared by the reconcile, before its first write.
        specs = sheet.manifest.versions
        unpinned = [v for v in target.versions if not specs.get(v, VersionSpec()).files_digest]
        for version, fields in digest_pins(sheet, observed, unpinned).items():
            pins.setdefault(version, {}).update(fields)
    edit = Edit(stages, pins, {move.path: move.new for move in moves})
    content = apply_edit(sheet.data, sheet.file, edit, tuple(sheet.rules.stages))
    check_result(sheet, content)

    sentences = " ".join(stage_sentences(sheet.manifest.stages, edit, moves))
    subject = proposals.rollback_subject(sheet.name, stage, version_list(target.versions))
    trailers = f"{evidence_line(verdict)}\n{proposals.SIGNED}\n"
    return RollbackEdit(target, sheet, content, subject, f"{subject}\n\n{sentences}\n\n{trailers}")
