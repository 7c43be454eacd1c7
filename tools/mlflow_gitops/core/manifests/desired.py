"""Desired state as fields: what one manifest, under one policy, wants of each single thing in
MLflow.

A field is one version's native stage, one alias, one tag or one description (RULES R2). Comparing
the fields of several commits tells what git changed, and comparing them with MLflow tells what is
to be done.
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
    """One managed thing. `version` is None for what belongs to the model; `key` is an alias's or a
    tag's name."""

    kind: FieldKind
    version: int | None = None
    key: str | None = None


@dataclass(frozen=True)
class Desired:
    """A manifest under the policy of its commit."""

    manifest: Manifest
    policy: ModelPolicy

    def after_removal(self) -> Desired:
        """What is wanted once the manifest is gone: every stage empty on purpose, and nothing
        declared."""
        gone = Manifest(
            self.manifest.name, self.manifest.file, None, (), {}, {stage: () for stage in self.policy.stages}, {}, {},
            self.manifest.kind,
        )  # fmt: skip
        return Desired(gone, self.policy)

    def holders(self, stage: str) -> tuple[int, ...]:
        """The versions that the manifest gives a stage, ascending."""
        return self.manifest.stages.get(stage, ())

    @cached_property
    def native_stages(self) -> dict[int, str]:
        """Version to the native stage that names it."""
        return {
            v: s
            for s, versions in self.manifest.stages.items()
            for v in versions
            if self._is_native(s)
        }

    @cached_property
    def custom_stages(self) -> dict[int, tuple[str, ...]]:
        """Version to the stages of the team's own that name it; such stages live as aliases alone,
        so it may hold several."""
        found: dict[int, tuple[str, ...]] = {}
        for stage, versions in self.manifest.stages.items():
            if not self._is_native(stage):
                found.update({version: (*found.get(version, ()), stage) for version in versions})
        return found

    def stages_of(self, version: int) -> tuple[str, ...]:
        """Every stage that names a version, MLflow's own first. A version's stamp names the commit
        that last changed this."""
        native = self.native_stages.get(version)
        return (*((native,) if native else ()), *self.custom_stages.get(version, ()))

    @cached_property
    def fields(self) -> Mapping[Field, str | int | None]:
        """Every declared field and its value. An alias that follows an empty stage is declared as
        None: absent."""
        return dict(self._declared())

    def _declared(self) -> Iterator[tuple[Field, str | int | None]]:
        manifest = self.manifest
        if manifest.description is not None:
            yield Field("description"), manifest.description
        for key, value in manifest.tags.items():
            yield Field("tag", None, key), value
        for version, stages in self.custom_stages.items():
            # `None` in MLflow; the value here only tells a change of this from a change of nothing.
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
