"""What the manifests of a repository declare, as an earlier process read them: so that a history
needs no parsing of YAML.

The rows are keyed by content: each belongs to one path, to blob ids, and to the version of the
program that read them (`reading_version`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from functools import cached_property
from typing import Any

from mlflow_gitops.core.manifests.blob_reader import ReadManifest
from mlflow_gitops.core.manifests.fast_manifest import ManifestShape
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec, version_spec
from mlflow_gitops.edges.git.index.reading_version import reading_version
from mlflow_gitops.edges.git.index.rows import IndexFault, IndexRows, Key

TABLE = "manifests"

_PackedRow = tuple[list[list[Any]], dict[str, Any]]
"""The shapes of one path's manifests, and by blob id the number of a shape followed by version
numbers, or the reason why a manifest cannot be used."""
_DAMAGE = (IndexFault, ValueError, OverflowError, TypeError, KeyError, IndexError, AttributeError)


class IndexedManifests:
    """The manifests of one index. `find_rows` returns the rows of the index; None without one."""

    def __init__(self, find_rows: Callable[[], IndexRows | None]) -> None:
        self._find_rows = find_rows
        self._read: dict[str, dict[str, ReadManifest]] = {}

    @cached_property
    def _version(self) -> str:
        return reading_version()

    def recall(self, path: str, blob: str) -> ReadManifest | None:
        """What a manifest declares; None if that is not known."""
        if path not in self._read:
            self._read[path] = self._manifests_of(path)
        return self._read[path].get(blob)

    def remember(self, manifests: Mapping[str, Mapping[str, ReadManifest]]) -> None:
        """Add what was read in manifests, by path and blob id. Nothing is added if another process
        writes, or if the index cannot be written."""
        self._read.clear()  # it takes much memory, and the rows of these files change
        rows = self._find_rows()
        if rows is None or not manifests or not self._version:
            return
        try:
            rows.begin()
            try:
                rows.write(TABLE, self._grown(rows, manifests))
                rows.commit()
            except BaseException:
                rows.rollback()
                raise
        except (IndexFault, ValueError, OverflowError):
            return

    def _manifests_of(self, path: str) -> dict[str, ReadManifest]:
        rows = self._find_rows()
        if rows is None or not self._version:
            return {}
        try:
            return _unpacked_row(self._row(rows, path), path)
        except _DAMAGE:
            return {}

    def _row(self, rows: IndexRows, path: str) -> _PackedRow:
        data = rows.get(TABLE, path, self._version)
        if data is None:
            return [], {}
        shapes, readings = json.loads(data)
        if not isinstance(shapes, list) or not isinstance(readings, dict):
            raise IndexFault("damaged row of manifests")
        return shapes, readings

    def _grown(
        self, rows: IndexRows, manifests: Mapping[str, Mapping[str, ReadManifest]]
    ) -> Iterator[tuple[Key, bytes, str]]:
        for path, new in manifests.items():
            try:
                shapes, readings = self._row(rows, path)
                _unpacked_row((shapes, readings), path)
            except _DAMAGE:
                shapes, readings = [], {}  # damaged, or of another version of the program
            numbers: dict[int, int] = {}
            for blob, manifest in new.items():
                readings[blob] = _packed(manifest, shapes, numbers)
            data = json.dumps([shapes, readings], separators=(",", ":")).encode()
            yield path, data, self._version


def _packed(manifest: ReadManifest, shapes: list[list[Any]], numbers: dict[int, int]) -> Any:
    """A reading as JSON. Its shape is added to `shapes`, if it is new there; `numbers` has the
    place of each shape object."""
    if isinstance(manifest, str):
        return manifest
    shape, versions = manifest
    number = numbers.get(id(shape))
    if number is None:
        packed_shape = _packed_shape(shape)
        if packed_shape not in shapes:
            shapes.append(packed_shape)
        number = numbers[id(shape)] = shapes.index(packed_shape)
    return [number, *versions]


def _unpacked_row(row: _PackedRow, path: str) -> dict[str, ReadManifest]:
    """Raises what `_DAMAGE` has for what `_grown` did not make."""
    shapes = [_unpacked_shape(shape, path) for shape in row[0]]
    return {blob: _unpacked(shapes, reading) for blob, reading in row[1].items()}


def _unpacked(shapes: list[ManifestShape], reading: Any) -> ReadManifest:
    if isinstance(reading, str):
        return reading
    number, *versions = reading
    return shapes[number], tuple(versions)


def _packed_shape(shape: ManifestShape) -> list[Any]:
    manifest = shape.manifest
    packed = [
        *(manifest.name, manifest.kind, manifest.description, manifest.owners, manifest.formerly),
        *(manifest.tags, list(manifest.stages), manifest.aliases),
        {number: _packed_spec(spec) for number, spec in manifest.versions.items()},
        shape.slots,
    ]
    as_read: list[Any] = json.loads(json.dumps(packed))
    return as_read


def _packed_spec(spec: VersionSpec) -> dict[str, Any]:
    values = {field.name: getattr(spec, field.name) for field in fields(spec)}
    packed = {name: value for name, value in values.items() if value not in (None, {})}
    if spec.data is not None:
        packed["data"] = asdict(spec.data)
    if spec.origin is not None:
        packed["origin"] = {
            key: value for key, value in asdict(spec.origin).items() if key != "model"
        }
    return packed


def _unpacked_shape(packed: list[Any], path: str) -> ManifestShape:
    name, kind, description, owners, formerly, tags, stages, aliases, versions, slots = packed
    manifest = Manifest(
        name=name,
        file=path,
        description=description,
        owners=tuple(owners),
        tags=tags,
        stages=dict.fromkeys(stages, ()),
        aliases=aliases,
        versions={int(number): version_spec(spec, name) for number, spec in versions.items()},
        kind=kind,
        formerly=tuple(formerly),
    )
    return ManifestShape(manifest, [(section, key) for section, key in slots])
