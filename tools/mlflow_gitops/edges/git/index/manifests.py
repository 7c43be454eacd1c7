"""What the manifests of a repository declare, as an earlier process read them: so that a history
needs no parsing of YAML.

The rows are keyed by content: each belongs to one path, to blob ids, and to the version of the
program that read them (`reading_version`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from functools import cached_property
from typing import Any

from mlflow_gitops.core.manifests.blob_reader import ReadManifest
from mlflow_gitops.core.manifests.fast_manifest import ManifestShape
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec, version_spec
from mlflow_gitops.edges.git.index.reading_version import reading_version
from mlflow_gitops.edges.git.index.rows import IndexFault, IndexRows, Key

TABLE = "manifests"

_FEW = 4
"""So many readings of one row are looked for in its text; after that, the text is taken apart."""
_MOST_ROWS = 256
"""Rows that are kept in memory."""
_DAMAGE = (IndexFault, ValueError, OverflowError, TypeError, KeyError, IndexError, AttributeError)


class _Row:
    """The row of one path: its first line has the shapes of the path's manifests, as JSON. Each
    further line has a blob id and the number of its shape, followed by version numbers, or the
    reason why the manifest cannot be used, as JSON.

    There may be thousands of readings, of which one is needed.
    """

    def __init__(self, data: bytes, path: str) -> None:
        """Raises what `_DAMAGE` has for what `pack` did not make."""
        packed_shapes, _, text = data.decode().partition("\n")
        self.packed_shapes: list[list[Any]] = json.loads(packed_shapes)
        self._shapes = [_unpacked_shape(shape, path) for shape in self.packed_shapes]
        self._text = f"\n{text}"
        self._lookups = 0

    def reading(self, blob: str) -> ReadManifest | None:
        """Raises what `_DAMAGE` has for what `pack` did not make."""
        self._lookups += 1
        packed = self.packed_readings.get(blob) if self._lookups > _FEW else self._find(blob)
        if packed is None:
            return None
        if packed.startswith('"'):
            return str(json.loads(packed))
        number, *versions = map(int, packed.split(" "))
        return self._shapes[number], tuple(versions)

    @cached_property
    def packed_readings(self) -> dict[str, str]:
        """The text of each reading by its blob id."""
        entries = (line.partition(" ") for line in self._text.split("\n") if line)
        return {blob: packed for blob, _, packed in entries}

    def _find(self, blob: str) -> str | None:
        start = self._text.find(f"\n{blob} ") + len(blob) + 2
        if start < len(blob) + 2:
            return None
        return self._text[start : self._text.index("\n", start)]

    @staticmethod
    def pack(shapes: list[list[Any]], readings: Mapping[str, str]) -> bytes:
        lines = (f"{blob} {packed}\n" for blob, packed in readings.items())
        return f"{json.dumps(shapes, separators=(',', ':'))}\n{''.join(lines)}".encode()


_NO_ROW = _Row(b"[]\n", "")


class IndexedManifests:
    """The manifests of one index. `find_rows` returns the rows of the index; None without one."""

    def __init__(self, find_rows: Callable[[], IndexRows | None]) -> None:
        self._find_rows = find_rows
        self._rows: dict[str, _Row] = {}

    @cached_property
    def _version(self) -> str:
        return reading_version()

    def recall(self, path: str, blob: str) -> ReadManifest | None:
        """What a manifest declares; None if that is not known."""
        if path not in self._rows:
            if len(self._rows) >= _MOST_ROWS:
                self._rows.clear()
            self._rows[path] = self._row_of(path)
        try:
            return self._rows[path].reading(blob)
        except _DAMAGE:
            self._rows[path] = _NO_ROW
            return None

    def unknown(self, files: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the files, given by path and blob id, that cannot be recalled. Each row is read
        once, in whatever order the files are."""
        by_path: dict[str, list[str]] = {}
        for path, blob in files:
            by_path.setdefault(path, []).append(blob)
        return {
            (path, blob)
            for path, blobs in by_path.items()
            for blob in blobs
            if self.recall(path, blob) is None
        }

    def remember(self, manifests: Mapping[str, Mapping[str, ReadManifest]]) -> bool:
        """Add what was read in manifests, by path and blob id. Return whether that was done: not if
        another process writes, or if the index cannot be written."""
        self._rows.clear()  # it takes much memory, and the rows of these files change
        rows = self._find_rows()
        if rows is None or not manifests or not self._version:
            return False
        try:
            rows.begin()
            try:
                rows.write(TABLE, self._grown(rows, manifests))
                rows.commit()
            except BaseException:
                rows.rollback()
                raise
        except (IndexFault, ValueError, OverflowError):
            return False
        return True

    def _row_of(self, path: str) -> _Row:
        rows = self._find_rows()
        if rows is None or not self._version:
            return _NO_ROW
        try:
            data = rows.get(TABLE, path, self._version)
            return _Row(data, path) if data is not None else _NO_ROW
        except _DAMAGE:  # or of another version of the program
            return _NO_ROW

    def _grown(
        self, rows: IndexRows, manifests: Mapping[str, Mapping[str, ReadManifest]]
    ) -> Iterator[tuple[Key, bytes, str]]:
        for path, new in manifests.items():
            row = self._row_of(path)
            try:
                for blob in row.packed_readings:
                    row.reading(blob)
            except _DAMAGE:
                row = _NO_ROW
            shapes, readings = list(row.packed_shapes), dict(row.packed_readings)
            numbers: dict[int, int] = {}
            for blob, manifest in new.items():
                readings[blob] = _packed(manifest, shapes, numbers)
            yield path, _Row.pack(shapes, readings), self._version


def _packed(manifest: ReadManifest, shapes: list[list[Any]], numbers: dict[int, int]) -> str:
    """A reading as text. Its shape is added to `shapes`, if it is new there; `numbers` has the
    place of each shape object."""
    if isinstance(manifest, str):
        return json.dumps(manifest)
    shape, versions = manifest
    number = numbers.get(id(shape))
    if number is None:
        packed_shape = _packed_shape(shape)
        if packed_shape not in shapes:
            shapes.append(packed_shape)
        number = numbers[id(shape)] = shapes.index(packed_shape)
    return " ".join(map(str, (number, *versions)))


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
