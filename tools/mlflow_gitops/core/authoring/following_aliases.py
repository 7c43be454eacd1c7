"""Plain aliases that have to follow a stage (`aliases.only`, RULES R2): an edit that replaces the
version of the stage moves them along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.authoring.set_value import Path
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.wording import or_list, version_list
from mlflow_gitops.errors import Failure

Stages = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class AliasMove:
    """An alias that moves along with a stage, since it may point only at versions in `only`."""

    alias: str
    old: int
    new: int
    only: Sequence[str]

    @property
    def path(self) -> Path:
        """Where a manifest has the alias."""
        return ("aliases", self.alias)

    @property
    def sentence(self) -> str:
        """What moves and why, for a commit message."""
        return f"The alias {self.alias} moves from {self.old} to {self.new}, {self._reason}."

    @property
    def note(self) -> str:
        """What moves and why, for the terminal."""
        return f"alias {self.alias}: {self.old} → {self.new}, {self._reason}"

    @property
    def _reason(self) -> str:
        return f"since the policy lets it point only at versions in {or_list(self.only)}"


def alias_moves(
    manifest: Manifest, rules: ModelPolicy, stage: str, changed_stages: Stages
) -> list[AliasMove]:
    """The aliases that move along if an edit gives `stage` other versions.

    `changed_stages` are all stages that the edit changes, with their new versions. An alias moves
    if its version loses its last stage of `aliases.only`, and one version replaces it in `stage`.
    Raises Failure if an alias loses its last stage and no single version replaces it.
    """
    only = rules.alias_only
    if only is None:
        return []

    after = {**manifest.stages, **changed_stages}
    may_stay = {version for name in only for version in after.get(name, ())}
    moves = []
    for alias, version in manifest.aliases.items():
        if version in may_stay:
            continue
        is_replaced = stage in only and version in manifest.stages.get(stage, ())
        versions = _replacements(manifest.stages, after, stage) if is_replaced else ()
        if len(versions) != 1:
            raise _cannot_follow(manifest.file, alias, version, only, versions)
        moves.append(AliasMove(alias, version, versions[0], only))
    return moves


def _replacements(before: Stages, after: Stages, stage: str) -> Sequence[int]:
    """The versions that take the place of those that leave a stage: the new ones, or if there are
    none, those that stay."""
    joining = [version for version in after[stage] if version not in before.get(stage, ())]
    return joining or after[stage]


def _cannot_follow(
    file: str, alias: str, version: int, only: Sequence[str], versions: Sequence[int]
) -> Failure:
    stages = or_list(only) if only else "no stage at all"
    replaced = f"{version_list(versions)} replace it" if versions else "no version replaces it"
    return Failure(
        f"The alias {alias} points at version {version}. The policy lets it point only at versions"
        f" in {stages}; {version} would leave, and {replaced}. Nothing was changed.",
        fix=(
            f"Remove the alias from {file}, or point it at a version that stays, and run the"
            " command again; or make both changes by hand."
        ),
    )
