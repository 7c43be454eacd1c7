"""Where a version was copied from: another environment's registry (`origin:` in a manifest)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from mlflow_gitops.core.manifests.names import RESERVED_TAG_PREFIXES

ORIGIN_TAG = "gitops.origin"
"""On a copied version: whose copy it is. On its run and its logged model: the same, and what they
are found by again."""
COPY_TAG = "gitops.copy"
"""On the run and the logged model of a copy: the digest of what it is a copy of."""


def copied_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of a version's tags that its copy gets: people's, not the tools'."""
    return {key: value for key, value in tags.items() if not key.startswith(RESERVED_TAG_PREFIXES)}


@dataclass(frozen=True, slots=True)
class OriginPin:
    """A version of another environment, and what tells it from any other that may come to have its
    number: the digest of its artifacts, its run and its logged model there. `model` is the
    registered model's name, the same here and there."""

    environment: str
    version: int
    digest: str
    run_id: str | None = None
    model_id: str | None = None
    model: str = ""

    @property
    def label(self) -> str:
        """Where it is, for people: `staging/14`."""
        return f"{self.environment}/{self.version}"

    @property
    def stamp(self) -> str:
        """What a copy of exactly this is stamped with."""
        return f"{self.label}@{self.digest}"

    @property
    def key(self) -> str:
        """What a copy is found again by. No name stands in it, since no name can stand in every
        filter of MLflow's."""
        said = "\0".join((self.environment, self.model, str(self.version), self.digest))
        return hashlib.sha256(said.encode()).hexdigest()
