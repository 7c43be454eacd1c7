"""Reads manifests and policies from git blobs. Each blob is read once, even if many commits have
it.

What a manifest means depends on the policy of its commit. This module combines the two, for the
planner and for the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.fast_manifest import (
    ManifestShape,
    ManifestTemplate,
    PackedManifest,
    packed,
)
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.manifests.snapshot import LINK
from mlflow_gitops.core.yaml.document import MAX_BYTES, Document
from mlflow_gitops.core.yaml.problems import Problem

ReadBlobs = Callable[[Iterable[str]], Mapping[str, bytes]]
"""Maps blob ids to contents. Blobs that are missing or too large are left out."""

ReadManifest = PackedManifest | str
"""A manifest, or the reason why it cannot be used."""
Recall = Callable[[str, str], "ReadManifest | None"]
"""What an earlier process read in the manifest with a path and a blob id; None if that is not
known."""

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


class Reading(NamedTuple):
    """What a manifest declares. `desired` is None if the file cannot be used; `fault` then gives
    the reason."""

    desired: Desired | None
    fault: str | None = None


class ManifestContents:
    """Parses manifests by their blob ids. `recall` has what earlier processes read."""

    def __init__(self, read_blobs: ReadBlobs, recall: Recall | None = None) -> None:
        self._read_blobs = read_blobs
        self._recall = recall
        self._contents: dict[str, bytes] = {}
        self._requested: set[str] = set()
        self.news: dict[str, dict[str, ReadManifest]] = {}
        """By path and blob id, what was read from contents, and not recalled."""
        self._others: dict[str, dict[str, ReadManifest]] = {}
        """In the same way, what was recalled, and which contents are missing."""

        # By path: the manifest that was read in full last, and the template made from it once a
        # second version of the file is read.
        self._latest: dict[str, tuple[ManifestShape, Document]] = {}
        self._templates: dict[str, ManifestTemplate] = {}

    def fetch(self, blobs: Iterable[str]) -> None:
        """Read these blobs in one batch, except those that were read before."""
        missing = set(blobs) - self._requested
        if missing:
            self._requested |= missing
            self._contents.update(self._read_blobs(missing))

    def fetch_manifests(
        self, manifests: Iterable[tuple[str, str]], policies: Iterable[str] = ()
    ) -> None:
        """Read in one batch the policies and these manifests, given by blob and path, except those
        that were read before, by this process or an earlier one."""
        unread = (blob for blob, path in manifests if blob and self._earlier(blob, path) is None)
        self.fetch((*policies, *unread))

    def add_content(self, path: str, blob: str, data: bytes | None) -> None:
        """Add the content of a manifest or policy that was read elsewhere, None if the blob has no
        usable content. A manifest is parsed at once."""
        self._requested.add(blob)
        if data is not None:
            self._contents[blob] = data
        if "/models/" in path:
            self._parse(blob, path)

    def forget_manifests(self) -> None:
        """Free the memory of every manifest that was read. It is read again if needed."""
        for memory in (self.news, self._others, self._templates, self._latest):
            memory.clear()

    def forget_recalled(self) -> None:
        """Free the memory of the manifests that can be recalled."""
        self._others.clear()

    def kind(self, blob: str, path: str) -> Kind:
        """The kind of the manifest in a fetched blob; "model" if it cannot be read."""
        shape = self._shape_with(b"prompt", blob, path)
        return shape.kind if shape is not None else "model"

    def former_names(self, manifests: Sequence[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
        """Read manifests by blob and path: the former names that each lists; none of one that
        cannot be read."""
        self.fetch_manifests(manifests)
        for blob, path in manifests:
            shape = self._shape_with(b"formerly", blob, path)
            yield shape.formerly if shape is not None else ()

    def _shape_with(self, text: bytes, blob: str, path: str) -> Manifest | None:
        """The manifest in a fetched blob, version numbers aside; None if it cannot be read, or if
        its text, which is not parsed then, lacks this text."""
        if (blob, path) in _UNREAD:
            return None
        result = self._earlier(blob, path)
        if result is None:
            if text not in self._contents.get(blob, b""):
                return None
            result = self._parse(blob, path)
        return None if isinstance(result, str) else result[0].manifest

    def _earlier(self, blob: str, path: str) -> ReadManifest | None:
        """What was read in a manifest before, by this process or an earlier one."""
        for memory in (self._others, self.news):
            if path in memory and blob in memory[path]:
                return memory[path][blob]
        result = self._recall(path, blob) if self._recall is not None else None
        if result is not None:
            self._others.setdefault(path, {})[blob] = result
        return result

    def _parsed(self, blob: str, path: str) -> Manifest | str:
        """The manifest in a blob, or the reason why it cannot be used."""
        result = self._earlier(blob, path)
        if result is None:
            result = self._parse(blob, path)
        if isinstance(result, str):
            return result
        shape, numbers = result
        return shape.with_numbers(numbers)

    def _parse(self, blob: str, path: str) -> ReadManifest:
        self.fetch((blob,))
        data = self._contents.pop(blob, None)
        if data is None:
            missing = _missing_content(blob)
            self._others.setdefault(path, {})[blob] = missing
            return missing

        # It would take much memory to keep the content of each version. It is read again if a file
        # with another name has it, too.
        self._requested.discard(blob)
        result = self._read(data, path)
        self.news.setdefault(path, {})[blob] = result
        return result

    def _read(self, data: bytes, path: str) -> ReadManifest:
        if path in self._latest:
            self._templates[path] = ManifestTemplate(*self._latest.pop(path))
        if path in self._templates:
            quickly_read = self._templates[path].read(data)
            if quickly_read is not None:
                return quickly_read

        manifest, document = read_manifest(data, path)
        if manifest is None:
            return _first_problem(document.problems)
        shape, numbers = packed(manifest, document)
        self._latest[path] = shape, document
        return shape, numbers


class ManifestReader(ManifestContents):
    """Reads manifests and policies by their blob ids. `stageless` is as in `Policy`."""

    def __init__(
        self, read_blobs: ReadBlobs, *, stageless: bool = False, recall: Recall | None = None
    ) -> None:
        super().__init__(read_blobs, recall)
        self._stageless = stageless
        self._policies: dict[str, tuple[Policy | None, str | None]] = {}
        self._readings: dict[tuple[str, str, int], Reading] = {}

    def forget_readings(self) -> None:
        """Free the memory of what manifests declare, as far as it can be had again without reading
        their contents."""
        self._readings.clear()
        self.forget_recalled()

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


def policy_problems(path: str, desired: Desired) -> list[Problem]:
    """What the policy finds wrong with a manifest that is valid by itself, without positions."""
    manifest = desired.manifest
    if _is_plainly_allowed(manifest, desired.policy):
        return []
    root = {
        "kind": manifest.kind,
        "stages": {stage: list(versions) for stage, versions in manifest.stages.items()},
        "aliases": manifest.aliases,
    }
    document = Document(path, root)
    check_policy(document, desired.policy)
    return document.problems


def _is_plainly_allowed(manifest: Manifest, policy: ModelPolicy) -> bool:
    """Whether it is certain that `check_policy` finds nothing, for most of the many manifests of a
    history. False means that it must look."""
    if manifest.kind == "prompt" or (manifest.aliases and policy.alias_only is not None):
        return False
    native: list[int] = []
    for stage, versions in manifest.stages.items():
        rule = policy.stages.get(stage)
        if rule is None or (rule.alias is not None and len(versions) > 1):
            return False
        if rule.native:
            native += versions
    if len(set(native)) < len(native):
        return False
    return not manifest.aliases or all(rule.alias is None for rule in policy.stages.values())


def _first_problem(problems: Iterable[Problem]) -> str:
    first = min(problems)
    return f"{first.code}: {first.message}"


def _missing_content(blob: str) -> str:
    if blob == "link":
        return LINK
    return f"larger than {MAX_BYTES >> 20} MiB, or its content is missing in git"
