"""What the MLflow registry holds, normalised: versions are int, descriptions are text, stages are
in MLflow's spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.prompts import PromptText

BASE_TAG = "gitops.commit"
OWNER_TAG = "gitops.owner"
REPOSITORY_TAG = "gitops.repository"
AT_TAG = "gitops.at"
HIGHEST_TAG = "gitops.highest"
PIN_TAG = "gitops.pin"
AUTHOR_TAG = "gitops.author"
PR_TAG = "gitops.pr"
APPROVED_TAG = "gitops.approved_by"
HELD_PREFIX = "gitops.held."


@dataclass(frozen=True, slots=True)
class ObservedVersion:
    """One model version in MLflow. `stage` is `None`, `Staging`, `Production` or `Archived`, as
    text; `status` is empty for one that MLflow does not have yet. `created` is when it was
    registered, RFC 3339 in UTC: it never moves, so that plans of one state have one fingerprint,
    and a number that was deleted and given again shows in it."""

    number: int
    stage: str = "None"
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    source: str | None = None
    model_id: str | None = None
    status: str = "READY"
    created: str | None = None
    words: PromptText | None = None
    """What a prompt's version says; None for a model's."""
    origin: OriginPin | None = None
    """Of a version that MLflow does not have yet: the one of another environment that it will be a
    copy of."""

    @property
    def digest(self) -> str | None:
        """What pins a prompt's version."""
        return self.words.digest if self.words is not None else None


@dataclass(frozen=True, slots=True)
class ObservedModel:
    """One registered model in MLflow, or one prompt, with its visible versions by number."""

    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[int, ObservedVersion] = field(default_factory=dict)
    is_prompt: bool = False
    created: str | None = None
    """When MLflow registered it, RFC 3339 in UTC, with milliseconds: a model that was deleted and
    made again has another time; a rename changes none. None if MLflow does not say."""
    fault: str | None = None
    """Why what MLflow shows of it cannot be read; None if it can be. The other fields are then
    incomplete."""

    @property
    def kind(self) -> Kind:
        return "prompt" if self.is_prompt else "model"

    def holders(self, stage: str) -> tuple[int, ...]:
        """The versions that MLflow shows in a native stage, ascending. The highest is the one it
        serves."""
        return tuple(sorted(v.number for v in self.versions.values() if v.stage == stage))

    @property
    def base(self) -> str | None:
        """The commit that the model was last reconciled to, by its stamp."""
        return self.tags.get(BASE_TAG) or None

    @property
    def owner(self) -> str | None:
        return self.tags.get(OWNER_TAG) or None

    @property
    def highest_number(self) -> int:
        """The highest version number that MLflow is known to have used, 0 if none: of a visible
        version, or noted by a reconcile. MLflow never uses a number twice."""
        return max([0, *self.versions, version_number(self.tags.get(HIGHEST_TAG, ""))])


def version_number(text: str) -> int:
    """The version number in a tag, which may hold anything; 0 if it is no number."""
    return int(text) if re.fullmatch("[0-9]{1,10}", text, re.ASCII) else 0
