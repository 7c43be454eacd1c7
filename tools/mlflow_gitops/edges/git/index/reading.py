"""Reading those rows of an index whose checksums other rows name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlflow_gitops.edges.git.index.files import CatalogEntry, unpack_catalog
from mlflow_gitops.edges.git.index.head import Head
from mlflow_gitops.edges.git.index.rows import IndexFault, IndexRows
from mlflow_gitops.edges.git.index.spine import Spine


def read_spine(rows: IndexRows, line_ids: list[str]) -> tuple[Head, Spine]:
    """The head and the commits of an index; `line_ids` is as in `Spine.add`. Raises IndexFault and
    ValueError."""
    head = Head.unpack(rows.get("head", 0) or b"")
    spine = Spine()
    for number, data, checksum in rows.with_keys("spine"):
        if head.spine[int(number)] != checksum:
            raise IndexFault("damaged row of spine")
        spine.add(data, line_ids)
    if not spine.shas or len(spine.shas) != head.count:
        raise IndexFault("a spine of another length")
    return head, spine


def read_catalog(rows: IndexRows, head: Head) -> dict[str, CatalogEntry]:
    """Every file of the index. Raises IndexFault and ValueError."""
    data = rows.get("catalog", 0) or b""
    if rows.sum_of("catalog", 0, data).hex() != head.catalog:
        raise IndexFault("damaged row of catalog")
    return unpack_catalog(data)


def read_files(
    rows: IndexRows, catalog: Mapping[str, CatalogEntry], paths: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """The packed changes of these files. Raises IndexFault."""
    count = 0
    is_all = len(paths) == len(catalog)
    for path, data, checksum in rows.with_keys("files", None if is_all else paths):
        if catalog[str(path)].checksum != checksum:
            raise IndexFault("damaged row of files")
        count += 1
        yield str(path), data
    if count != len(paths):
        raise IndexFault("missing row of files")
