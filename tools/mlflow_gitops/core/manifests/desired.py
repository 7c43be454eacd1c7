"""The desired state as fields: the value that a manifest, under a policy, sets for each single item
in MLflow.

A field is the native stage of one version, one alias, one tag or one description (RULES R2).
Comparing the fields of several commits shows what git changed; comparing them with MLflow shows
what must be done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.policy import ModelPolicy

FieldKind = Literal["stage", "alias", "tag", "description"]


class Field(NamedTuple):
    """One managed item. `version` is None if it belongs to the model; `key` is the name of an alias
    or a tag."""

    kind: FieldKind
    version: int | None = None
    key: str | None = None


@dataclass(frozen=True)
class Desired:
    """A manifest together with the policy of its commit."""

    manifest: Manifest
    policy: ModelPolicy

    def after_removal(self) -> Desired:
        """The desired state after the manifest is deleted: every stage explicitly empty, and
        nothing else declared."""
        empty = Manifest(
            name=self.manifest.name,
            file=self.manifest.file,
            description=None,
            owners=(),
            tags={},
            stages={stage: () for stage in self.policy.stages},
            aliases={},
            versions={},
            kind=self.manifest.kind,
        )
        return Desired(empty, self.policy)

    def holders(self, stage: str) -> tuple[int, ...]:
        """The versions that the manifest lists for a stage, ascending; for `@alias`, the version
        behind an alias of the manifest's own (RULES R2)."""
        if stage.startswith("@"):
            version = self.manifest.aliases.get(stage[1:])
            return (version,) if version is not None else ()
        return self.manifest.stages.get(stage, ())

    @cached_property
    def native_stages(self) -> dict[int, str]:
        """Version to the native stage that lists it."""
        return {
            version: stage
            for stage, versions in self.manifest.stages.items()
            for version in versions
            if self._is_native(stage)
        }

    @cached_property
    def custom_stages(self) -> dict[int, tuple[str, ...]]:
        """Version to the stages of the team's own that list it. Such stages exist in MLflow only as
        aliases, so a version can hold several."""
        stages_by_version: dict[int, tuple[str, ...]] = {}
        for stage, versions in self.manifest.stages.items():
            if self._is_native(stage):
                continue
            for version in versions:
                stages_by_version[version] = (*stages_by_version.get(version, ()), stage)
        return stages_by_version

    def stages_of(self, version: int) -> tuple[str, ...]:
        """Every stage that lists a version, MLflow's own first. The stamp of a version names the
        commit that last changed this."""
        native = self.native_stages.get(version)
        custom = self.custom_stages.get(version, ())
        return custom if native is None else (native, *custom)

    @cached_property
    def fields(self) -> Mapping[Field, str | int | None]:
        """Every declared field and its value. The alias of an empty stage is declared as None: it
        must not exist."""
        return dict(self._declared())

    def _declared(self) -> Iterator[tuple[Field, str | int | None]]:
        manifest = self.manifest
        if manifest.description is not None:
            yield Field("description"), manifest.description
        for key, value in manifest.tags.items():
            yield Field("tag", None, key), value
        for version, stages in self.custom_stages.items():
            # Such a version has the stage `None` in MLflow. The value here only lets a comparison
            # of two commits notice a change.
            yield Field("stage", version), f"({', '.join(stages)})"
        for version, stage in self.native_stages.items():
            yield Field("stage", version), stage
        for alias, stage in self.policy.stage_aliases.items():
            holders = self.holders(stage)
            yield Field("alias", None, alias), holders[-1] if holders else None
        for alias, version in manifest.aliases.items():
            yield Field("alias", None, alias), version
        for version, spec in manifest.versions.items():
            if spec.description is not None:
                yield Field("description", version), spec.description
            for key, value in spec.tags.items():
                yield Field("tag", version, key), value

    def _is_native(self, stage: str) -> bool:
        rule = self.policy.stages.get(stage)
        return rule is not None and rule.native
