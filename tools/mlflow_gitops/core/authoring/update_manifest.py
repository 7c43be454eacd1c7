"""How an existing manifest is brought up to date with MLflow, and what of it is kept: a second
import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.authoring.edit_pins import IDENTITY
from mlflow_gitops.core.authoring.manifest_content import ManifestContent
from mlflow_gitops.core.authoring.set_value import Path
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.wording import version_list


@dataclass(frozen=True, slots=True)
class Basis:
    """An earlier state of the manifest, to distinguish edits by hand from changes in MLflow: the
    manifest at the commit that the model was last reconciled to (`reconciled`), or before the first
    reconcile at the last commit. None if that commit has no such manifest."""

    manifest: Manifest | None
    reconciled: bool


def update_edit(
    manifest: Manifest, content: ManifestContent, rules: ModelPolicy, basis: Callable[[], Basis]
) -> tuple[Edit, list[str]]:
    """The edit that brings a manifest up to date with MLflow, and notes about what it does not
    change.

    Values that were edited by hand since the basis are kept, and so are values that MLflow does not
    have, unless a reconcile had set them there. `basis` is called only if something differs.
    """
    update = _Update(manifest, content, rules, basis)
    edit = Edit(
        stages=update.stages(),
        pins=update.pins(),
        values={**update.aliases(), **update.texts()},
    )
    return edit, update.notes


@dataclass(slots=True)
class _Update:
    manifest: Manifest
    content: ManifestContent
    rules: ModelPolicy
    basis: Callable[[], Basis]
    notes: list[str] = field(default_factory=list)

    def stages(self) -> dict[str, tuple[int, ...]]:
        """The stages that change, with their new versions."""
        names = [stage for stage in self.rules.stages if stage != "Archived"]
        current = {stage: self.manifest.stages.get(stage, ()) for stage in names}
        kept_stages = self._kept_stages(names)
        new = {
            stage: current[stage] if stage in kept_stages else self.content.stages.get(stage, ())
            for stage in names
        }
        owner = self._remove_from_other_stages(new, kept_stages)

        current["Archived"] = self.manifest.stages.get("Archived", ())
        new["Archived"] = tuple(v for v in current["Archived"] if v not in owner)
        for stage in kept_stages:
            if new[stage] == current[stage]:
                in_mlflow = self.content.stages.get(stage, ())
                self._note_kept(stage, _list_or_empty(current[stage]), _list_or_empty(in_mlflow))
        return {stage: versions for stage, versions in new.items() if versions != current[stage]}

    def _kept_stages(self, names: list[str]) -> dict[str, bool]:
        """The stages that differ from MLflow and are kept, each with whether it was edited by
        hand."""
        edited_by_hand: dict[str, bool] = {}
        for stage in names:
            current = self.manifest.stages.get(stage, ())
            in_mlflow = self.content.stages.get(stage, ())
            if current == in_mlflow:
                continue
            basis = self.basis()
            before = basis.manifest.stages.get(stage, ()) if basis.manifest else current
            if _is_kept(current, before, in_mlflow, basis):
                edited_by_hand[stage] = current != before
        return edited_by_hand

    def _remove_from_other_stages(
        self, stages: dict[str, tuple[int, ...]], kept_stages: Mapping[str, bool]
    ) -> dict[int, str]:
        """Leave each version in one of MLflow's stages only, and return that stage by version. A
        stage that was edited by hand comes before one from MLflow, and that before one that was
        only kept."""

        def precedence(stage: str) -> int:
            if stage not in kept_stages:
                return 1
            return 0 if kept_stages[stage] else 2

        native = [stage for stage in self.rules.stages if self.rules.stages[stage].native]
        stage_of: dict[int, str] = {}
        for stage in sorted((stage for stage in native if stage in stages), key=precedence):
            stages[stage] = tuple(
                version for version in stages[stage] if stage_of.setdefault(version, stage) == stage
            )
        return stage_of

    def aliases(self) -> dict[Path, int | None]:
        """The aliases that change, by their paths; None for one that is removed."""
        changes: dict[Path, int | None] = {}
        for alias in sorted(self.manifest.aliases.keys() | self.content.aliases.keys()):
            current = self.manifest.aliases.get(alias)
            in_mlflow = self.content.aliases.get(alias)
            if current == in_mlflow:
                continue
            basis = self.basis()
            before = basis.manifest.aliases.get(alias) if basis.manifest else current
            if _is_kept(current, before, in_mlflow, basis):
                self._note_kept(f"alias {alias}", current, in_mlflow)
            else:
                changes[("aliases", alias)] = in_mlflow
        return changes

    def texts(self) -> dict[Path, str]:
        """The descriptions and tags that change, by their paths."""
        changes: dict[Path, str] = {}
        for path, text in self.content.texts.items():
            current = _text_at(self.manifest, path)
            if current is None:
                changes[path] = text
            elif current != text:
                basis = self.basis()
                before = _text_at(basis.manifest, path) if basis.manifest else None
                if basis.reconciled and before == current:
                    changes[path] = text
                else:
                    self.notes.append(f"{'.'.join(path)} is kept; MLflow has another text")
        return changes

    def pins(self) -> dict[int, dict[str, str | None]]:
        """New pins, for versions that have none. A pin that differs from MLflow is reported and
        kept: it may be what was reviewed."""
        changes: dict[int, dict[str, str | None]] = {}
        for number, pins in self.content.pins.items():
            spec = self.manifest.versions.get(number, VersionSpec())
            if not any(getattr(spec, name) for name in IDENTITY):
                changes[number] = dict(pins)
                continue
            for name, value in pins.items():
                pinned = getattr(spec, name)
                if pinned not in (None, value):
                    self.notes.append(
                        f"version {number} is pinned to {name} {pinned}, MLflow has {value}"
                    )
        return changes

    def _note_kept(self, label: str, current: object, in_mlflow: object) -> None:
        kept_value = f"the manifest keeps {current}" if current else "the manifest keeps it empty"
        self.notes.append(f"{label}: {kept_value}, MLflow has {in_mlflow or 'nothing'}")


def _is_kept(current: object, before: object, in_mlflow: object, basis: Basis) -> bool:
    """Whether a value that differs from MLflow stays: it was edited by hand, or MLflow has none and
    no reconcile had set it there."""
    return current != before or (not in_mlflow and not basis.reconciled)


def _list_or_empty(versions: tuple[int, ...]) -> str:
    return version_list(versions) if versions else ""


def _text_at(manifest: Manifest, path: Path) -> str | None:
    """The description or tag of a manifest at a path."""
    holder: Manifest | VersionSpec = manifest
    if path[0] == "versions":
        holder, path = manifest.versions.get(int(path[1]), VersionSpec()), path[2:]
    return holder.description if path[0] == "description" else holder.tags.get(path[1])
