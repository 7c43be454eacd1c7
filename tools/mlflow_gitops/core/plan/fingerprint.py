"""Digests of what a plan was made from: if none changed, the plan still holds (RULES R4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Digests by what they cover: `files` (manifests and policy), `registry` (its URI without
    credentials, and the workspace), `owner`, and `model <name>` for what MLflow showed of each
    planned model."""

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One digest over all of them, `sha256:…`."""
        return "sha256:" + _digest(self.parts)


def fingerprint(
    files: str,
    registry: str,
    workspace: str,
    owner: str | None,
    observed: Iterable[tuple[str, ObservedModel | None]],
) -> Fingerprint:
    """Take the fingerprint of a plan. `files` is the snapshot's own digest: the tree of the
    registry folder, not the commit, so that a plan made in a pull request holds for the merge of
    the same tree."""
    parts = {"files": files, "registry": _digest([registry, workspace]), "owner": _digest(owner)}
    for name, model in observed:
        parts[f"model {name}"] = _digest(_content(model) if model else None)
    return Fingerprint(parts)


def _content(model: ObservedModel) -> dict[str, object]:
    """Everything that is known of a model. `dataclasses.asdict` gives the same; it copies what
    nobody changes, which takes five times as long."""
    versions = {
        number: {name: getattr(version, name) for name in _VERSION_FIELDS}
        for number, version in model.versions.items()
    }
    return {name: getattr(model, name) for name in _MODEL_FIELDS} | {"versions": versions}


# The times at which versions were registered show that a model was made again.
_LEFT_OUT = {"fault", "created"}
_MODEL_FIELDS = tuple(field.name for field in fields(ObservedModel) if field.name not in _LEFT_OUT)
# MLflow does not show an origin: it belongs to a version that is still to be copied.
_VERSION_FIELDS = tuple(field.name for field in fields(ObservedVersion) if field.name != "origin")


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=dict).encode()).hexdigest()
