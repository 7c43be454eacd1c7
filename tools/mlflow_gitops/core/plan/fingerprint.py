"""What a plan was made from, as digests: if none of them moved, the plan still holds (RULES R4)."""

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
        parts[f"model {name}"] = _digest(_seen(model) if model else None)
    return Fingerprint(parts)


def _seen(model: ObservedModel) -> dict[str, object]:
    """All that is known of a model. `asdict` says the same, and copies what nobody changes, at five
    times the cost."""
    versions = {
        number: {key: getattr(one, key) for key in _OF_VERSION}
        for number, one in model.versions.items()
    }
    return {key: getattr(model, key) for key in _OF_MODEL} | {"versions": versions}


_OF_MODEL = tuple(one.name for one in fields(ObservedModel))
_OF_VERSION = tuple(
    one.name for one in fields(ObservedVersion) if one.name != "origin"
)  # which MLflow does not show


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=dict).encode()).hexdigest()
