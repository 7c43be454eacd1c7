"""Manifests and policies by their blobs: each is read once, however many commits hold it.

What a manifest means depends on the policy of its commit, so the two are put together here, for
planning and for the audit alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.fast_manifest import ManifestTemplate
from mlflow_gitops.core.manifests.manifest import Manifest, check_policy, read_manifest
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import Policy, read_policy
from mlflow_gitops.core.manifests.snapshot import LINK
from mlflow_gitops.core.yaml.document import MAX_BYTES, Document
from mlflow_gitops.core.yaml.problems import Problem

ReadBlobs = Callable[[Iterable[str]], Mapping[str, bytes]]

DUPLICATE = ("", "")
"""Two manifests of one name: as unreadable as one that is no YAML."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says; `desired` is None where `fault` says why it cannot be used."""

    desired: Desired | None
    fault: str | None = None


class ManifestReader:
    """Reads blobs through `read_blobs`, which maps ids to contents and leaves out what is no file
    of a fair size.

    `stageless` is as in `Policy`.
    """

    def __init__(self, read_blobs: ReadBlobs, *, stageless: bool = False) -> None:
        self._read = read_blobs
        self._stageless = stageless
        self._blobs: dict[str, bytes] = {}
        self._asked: set[str] = set()
        self._policies: dict[str, tuple[Policy | None, str | None]] = {}
        self._manifests: dict[tuple[str, str], Manifest | str] = {}
        self._latest: dict[str, tuple[Manifest, Document]] = {}
        self._templates: dict[str, ManifestTemplate] = {}
        self._readings: dict[tuple[str, str, int], Reading] = {}

    def fetch(self, blobs: Iterable[str]) -> None:
        """Get these blobs in one batch, as far as they are not here."""
        missing = set(blobs) - self._asked
        if missing:
            self._asked |= missing
            self._blobs.update(self._read(missing))

    def add_content(self, path: str, blob: str, data: bytes | None) -> None:
        """Take a manifest's or a policy's content before it is asked for, None if there is none; a
        manifest is read at once."""
        self._asked.add(blob)
        if data is not None:
            self._blobs[blob] = data
        if "/models/" in path:
            self._manifests[blob, path] = self._parse(blob, path)

    def default_policy(self) -> Policy:
        """MLflow's own rules, which hold where there is no policy file."""
        found = self.policy(None)[0]
        assert found is not None
        return found

    def policy(self, blob: str | None) -> tuple[Policy | None, str | None]:
        """The policy of a blob that was fetched, or why it cannot be used; without a blob MLflow's
        own rules."""
        key = blob or ""
        if key not in self._policies:
            self._policies[key] = (
                (Policy(stageless=self._stageless), None) if blob is None else self._policy(blob)
            )
        return self._policies[key]

    def manifest(self, blob: str, path: str, policy: Policy) -> Reading:
        """What a blob that was fetched wants under a policy. The path's stem is what the model must
        be called."""
        if (blob, path) == DUPLICATE:
            return Reading(None, "two manifests have its name")
        manifest = self._known(blob, path)
        if isinstance(manifest, str):
            return Reading(None, manifest)
        rules = policy.for_model(manifest.name, manifest.kind)
        key = (
            blob,
            path,
            id(rules),
        )  # the rules of a policy live as long as it, and this keeps every policy
        if key not in self._readings:
            document = Document(
                path,
                {
                    "kind": manifest.kind,
                    "stages": _listed(manifest.stages),
                    "aliases": manifest.aliases,
                },
            )
            check_policy(document, rules)
            fault = _told(document.problems) if document.problems else None
            self._readings[key] = Reading(None if fault else Desired(manifest, rules), fault)
        return self._readings[key]

    def kind(self, blob: str, path: str) -> Kind:
        """What a blob that was fetched is a manifest of; a model where that cannot be read."""
        if b"prompt" not in self._blobs.get(blob, b""):
            return "model"
        manifest = self._known(blob, path)
        return "model" if isinstance(manifest, str) else manifest.kind

    def _known(self, blob: str, path: str) -> Manifest | str:
        if (blob, path) not in self._manifests:
            self._manifests[blob, path] = self._parse(blob, path)
        return self._manifests[blob, path]

    def _policy(self, blob: str) -> tuple[Policy | None, str | None]:
        data = self._blobs.get(blob)
        if data is None:
            return None, _no_file(blob)
        policy, problems = read_policy(data, "policy.yaml")
        if policy is None:
            return None, _told(problems)
        return (policy.without_stages() if self._stageless else policy), None

    def _parse(self, blob: str, path: str) -> Manifest | str:
        data = self._blobs.get(blob)
        if data is None:
            return _no_file(blob)
        if path in self._latest:
            self._templates[path] = ManifestTemplate(*self._latest.pop(path))
        if path in self._templates and (quick := self._templates[path].read(data)):
            return quick
        manifest, document = read_manifest(data, path)
        if manifest is None:
            return _told(document.problems)
        self._latest[path] = manifest, document
        return manifest


def _listed(stages: Mapping[str, tuple[int, ...]]) -> dict[str, list[int]]:
    return {stage: list(versions) for stage, versions in stages.items()}


def _told(problems: Iterable[Problem]) -> str:
    first = min(problems)
    return f"{first.code}: {first.message}"


def _no_file(blob: str) -> str:
    return (
        LINK if blob == "link" else f"larger than {MAX_BYTES >> 20} MiB, or git lacks its content"
    )
