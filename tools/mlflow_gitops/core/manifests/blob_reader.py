"""Reads manifests and policies from git blobs. Each blob is read once, even if many commits have
it.

What a manifest means depends on the policy of its commit. This module combines the two, for the
planner and for the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.fast_manifest import ManifestTemplate
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.manifests.snapshot import LINK
from mlflow_gitops.core.yaml.document import MAX_BYTES, Document
from mlflow_gitops.core.yaml.problems import Problem

ReadBlobs = Callable[[Iterable[str]], Mapping[str, bytes]]
"""Maps blob ids to contents. Blobs that are missing or too large are left out."""

DUPLICATE = ("", "")
"""Stands for two manifests of one name in a commit: as unreadable as a file that is not YAML."""
WRONG_ENDING = ("", ".yml")
"""Stands for a manifest whose file name does not end in `.yaml`, which is not read."""
TWINS = ("", "twins")
"""Stands for a manifest beside another one whose name some registries or file systems take for the
same (RULES R2)."""

_UNREAD = {
    DUPLICATE: "two manifests have its name",
    WRONG_ENDING: "its file name does not end in .yaml",
    TWINS: "some registries and file systems take its name for that of another manifest",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a manifest declares. `desired` is None if the file cannot be used; `fault` then gives
    the reason."""

    desired: Desired | None
    fault: str | None = None


class ManifestReader:
    """Reads manifests and policies by their blob ids. `stageless` is as in `Policy`."""

    def __init__(self, read_blobs: ReadBlobs, *, stageless: bool = False) -> None:
        self._read_blobs = read_blobs
        self._stageless = stageless
        self._contents: dict[str, bytes] = {}
        self._requested: set[str] = set()
        self._policies: dict[str, tuple[Policy | None, str | None]] = {}
        self._manifests: dict[tuple[str, str], Manifest | str] = {}
        self._readings: dict[tuple[str, str, int], Reading] = {}

        # By path: the manifest that was read in full last, and the template made from it once a
        # second version of the file is read.
        self._latest: dict[str, tuple[Manifest, Document]] = {}
        self._templates: dict[str, ManifestTemplate] = {}

    def fetch(self, blobs: Iterable[str]) -> None:
        """Read these blobs in one batch, except those that were read before."""
        missing = set(blobs) - self._requested
        if missing:
            self._requested |= missing
            self._contents.update(self._read_blobs(missing))

    def add_content(self, path: str, blob: str, data: bytes | None) -> None:
        """Add the content of a manifest or policy that was read elsewhere, None if the blob has no
        usable content. A manifest is parsed at once."""
        self._requested.add(blob)
        if data is not None:
            self._contents[blob] = data
        if "/models/" in path:
            self._manifests[blob, path] = self._parse(blob, path)

    def default_policy(self) -> Policy:
        """MLflow's own rules, which apply if there is no policy file."""
        policy, _ = self.policy(None)
        assert policy is not None
        return policy

    def policy(self, blob: str | None) -> tuple[Policy | None, str | None]:
        """The policy in a fetched blob, or the reason why it cannot be used. Without a blob, the
        default policy."""
        key = blob or ""
        if key not in self._policies:
            self._policies[key] = self._read_policy(blob)
        return self._policies[key]

    def manifest(self, blob: str, path: str, policy: Policy) -> Reading:
        """What the manifest in a fetched blob declares under a policy. Its `name` must fit the stem
        of the path."""
        if (blob, path) in _UNREAD:
            return Reading(None, _UNREAD[blob, path])
        manifest = self._parsed(blob, path)
        if isinstance(manifest, str):
            return Reading(None, manifest)

        rules = policy.for_model(manifest.name, manifest.kind)
        # The id stays unique: the policy keeps its rules, and this reader keeps every policy.
        key = (blob, path, id(rules))
        if key not in self._readings:
            desired = Desired(manifest, rules)
            problems = policy_problems(path, desired)
            fault = _first_problem(problems) if problems else None
            self._readings[key] = Reading(None if problems else desired, fault)
        return self._readings[key]

    def kind(self, blob: str, path: str) -> Kind:
        """The kind of the manifest in a fetched blob; "model" if it cannot be read."""
        if b"prompt" not in self._contents.get(blob, b""):
            return "model"
        manifest = self._parsed(blob, path)
        return "model" if isinstance(manifest, str) else manifest.kind

    def former_names(self, manifests: Sequence[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
        """Read manifests by blob and path: the former names that each lists; none of one that
        cannot be read."""
        self.fetch(blob for blob, _ in manifests)
        for blob, path in manifests:
            is_listed = b"formerly" in self._contents.get(blob, b"")
            manifest = self._parsed(blob, path) if is_listed else ""
            yield () if isinstance(manifest, str) else manifest.formerly

    def _read_policy(self, blob: str | None) -> tuple[Policy | None, str | None]:
        if blob is None:
            return Policy(stageless=self._stageless), None
        data = self._contents.get(blob)
        if data is None:
            return None, _missing_content(blob)
        policy, problems = read_policy(data, "policy.yaml")
        if policy is None:
            return None, _first_problem(problems)
        return (policy.without_stages() if self._stageless else policy), None

    def _parsed(self, blob: str, path: str) -> Manifest | str:
        """The manifest in a blob, or the reason why it cannot be used."""
        if (blob, path) not in self._manifests:
            self._manifests[blob, path] = self._parse(blob, path)
        return self._manifests[blob, path]

    def _parse(self, blob: str, path: str) -> Manifest | str:
        data = self._contents.get(blob)
        if data is None:
            return _missing_content(blob)

        if path in self._latest:
            self._templates[path] = ManifestTemplate(*self._latest.pop(path))
        if path in self._templates:
            manifest = self._templates[path].read(data)
            if manifest is not None:
                return manifest

        manifest, document = read_manifest(data, path)
        if manifest is None:
            return _first_problem(document.problems)
        self._latest[path] = manifest, document
        return manifest


def policy_problems(path: str, desired: Desired) -> list[Problem]:
    """What the policy finds wrong with a manifest that is valid by itself, without positions."""
    manifest = desired.manifest
    root = {
        "kind": manifest.kind,
        "stages": {stage: list(versions) for stage, versions in manifest.stages.items()},
        "aliases": manifest.aliases,
    }
    document = Document(path, root)
    check_policy(document, desired.policy)
    return document.problems


def _first_problem(problems: Iterable[Problem]) -> str:
    first = min(problems)
    return f"{first.code}: {first.message}"


def _missing_content(blob: str) -> str:
    if blob == "link":
        return LINK
    return f"larger than {MAX_BYTES >> 20} MiB, or its content is missing in git"
