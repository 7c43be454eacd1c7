"""The manifest: the desired state of one model, read from the text of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.manifest_checks import check_manifest, kind_of
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import Document, parse

if TYPE_CHECKING:
    from mlflow_gitops.core.manifests.origin_pin import OriginPin


@dataclass(frozen=True, slots=True)
class DataPin:
    """A path tracked by DVC, and the MD5 that the run must have recorded for it."""

    path: str
    md5: str


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """What a manifest declares about one version: pins, description and tags. None means that the
    manifest does not set the field."""

    run_id: str | None = None
    source: str | None = None
    model_id: str | None = None
    dataset_digest: str | None = None
    data: DataPin | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None
    """The digest of the version's files (`core.recorded.file_digests`), or of a prompt's text
    (`core.observed.prompts`)."""
    origin: OriginPin | None = None
    """The version of another environment that this one is a copy of."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The values that the gates' metrics had when the version was pinned."""

    @property
    def can_be_registered(self) -> bool:
        """Whether reconcile can register the version if MLflow does not have it."""
        return self.source is not None or self.origin is not None

    @property
    def files_digest(self) -> str | None:
        """The pinned digest of the version's files. A copy has the files of its original."""
        return self.digest or (self.origin.digest if self.origin is not None else None)

    @property
    def registered_from(self) -> str | None:
        """The source, or the version of another environment, that reconcile registers it from, for
        people. A source is shown without credentials."""
        if self.origin is not None:
            return self.origin.label
        return self.source and shown_source(self.source)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The desired state of one model or prompt. `stages` maps a stage to its versions in ascending
    order, to () if the manifest sets it to null or []."""

    name: str
    file: str
    description: str | None
    owners: tuple[str, ...]
    tags: Mapping[str, str]
    stages: Mapping[str, tuple[int, ...]]
    aliases: Mapping[str, int]
    versions: Mapping[int, VersionSpec]
    kind: Kind = "model"
    formerly: tuple[str, ...] = ()
    """The names that the model had before, the latest one last."""


def read_manifest(data: bytes, file: str) -> tuple[Manifest | None, Document]:
    """Parse one manifest and check it by itself: YAML, schema, names. `check_policy` then checks it
    by the policy.

    Returns the manifest, None if it has errors, and the document with its problems and positions.
    """
    document = parse(data, file)
    if document.root is not None or not document.problems:
        schema_check.check(document, "model")
    if isinstance(document.root, dict):
        check_manifest(document)
    if document.problems:
        return None, document
    return _manifest(document), document


def _manifest(document: Document) -> Manifest:
    root = document.root
    name = root["name"]
    specs = root.get("versions", {})
    return Manifest(
        name=name,
        file=document.file,
        description=root.get("description"),
        owners=tuple(root.get("owners", ())),
        tags=dict(root.get("tags", {})),
        stages={stage: _versions(value) for stage, value in root["stages"].items()},
        aliases=dict(root.get("aliases", {})),
        versions={int(number): version_spec(entry, name) for number, entry in specs.items()},
        kind=kind_of(document),
        formerly=tuple(root.get("formerly", ())),
    )


def _versions(value: object) -> tuple[int, ...]:
    if isinstance(value, list):
        return tuple(sorted(value))
    return (value,) if isinstance(value, int) else ()


def version_spec(entry: Mapping[str, object], model: str) -> VersionSpec:
    """One entry below `versions`, which the schema has checked, of a model."""
    fields = dict(entry)
    origin = fields.get("origin")
    if isinstance(origin, Mapping):
        from mlflow_gitops.core.manifests.origin_pin import OriginPin  # few versions are copies

        fields["origin"] = OriginPin(**origin, model=model)
    data = fields.get("data")
    if isinstance(data, Mapping):
        fields["data"] = DataPin(**data)
    return VersionSpec(**fields)  # type: ignore[arg-type]  # the schema has checked every field
