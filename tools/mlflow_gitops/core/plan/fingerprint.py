"""Digests of what a plan was made from: if none changed, the plan still holds (RULES R4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

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


class _PartsOnDemand(Mapping[str, str]):
    """Parts that `take` computes when the first of them is read: most plans are only shown, and
    nobody reads the digests of their models."""

    def __init__(self, take: Callable[[], Mapping[str, str]]) -> None:
        self._take = take

    @cached_property
    def _parts(self) -> Mapping[str, str]:
        return self._take()

    def __getitem__(self, part: str) -> str:
        return self._parts[part]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def fingerprint(
    files: str,
    registry: str,
    workspace: str,
    owner: str | None,
    observed: Iterable[tuple[str, ObservedModel | None]],
) -> Fingerprint:
    """The fingerprint of a plan. `files` is the snapshot's own digest: the tree of the
    registry folder, not the commit, so that a plan made in a pull request holds for the merge of
    the same tree."""
    models = tuple(observed)

    def take() -> dict[str, str]:
        parts = {"files": files, "registry": _digest([registry, workspace])}
        parts["owner"] = _digest(owner)
        for name, model in models:
            parts[f"model {name}"] = _digest(_content(model) if model else None)
        return parts

    return Fingerprint(_PartsOnDemand(take))


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
