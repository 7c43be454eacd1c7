"""`origin:` in a manifest: the version of another environment that a version is a copy of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from mlflow_gitops.core.manifests.names import RESERVED_TAG_PREFIXES

ORIGIN_TAG = "gitops.origin"
"""The tag that names the origin of a copied version. Its run and its logged model have it too, so
that an interrupted copy can be continued."""

COPY_TAG = "gitops.copy"
"""The tag of a copy's run and logged model with the digest of the original."""


def copied_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a version that its copy gets: all but those reserved for the tools."""
    return {key: value for key, value in tags.items() if not key.startswith(RESERVED_TAG_PREFIXES)}


@dataclass(frozen=True, slots=True)
class OriginPin:
    """A version of another environment. The digest of its artifacts, its run and its logged model
    distinguish it from any other version that may get the same number. `model` is the name of the
    registered model, which is the same in both environments."""

    environment: str
    version: int
    digest: str
    run_id: str | None = None
    model_id: str | None = None
    model: str = ""

    @property
    def label(self) -> str:
        """The version for a person to read: `staging/14`."""
        return f"{self.environment}/{self.version}"

    @property
    def stamp(self) -> str:
        """The value of ORIGIN_TAG on a copy of exactly this version."""
        return f"{self.label}@{self.digest}"

    @property
    def key(self) -> str:
        """A digest by which a copy can be searched in MLflow. It contains no names, because
        MLflow's search filters cannot express every name."""
        identity = "\0".join((self.environment, self.model, str(self.version), self.digest))
        return hashlib.sha256(identity.encode()).hexdigest()
