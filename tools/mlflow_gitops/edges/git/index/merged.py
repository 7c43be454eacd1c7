"""What the true merges of an indexed line brought in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from mlflow_gitops.core.history.mainline import Commit, MainLine, Merged
from mlflow_gitops.edges.git.index.rows import IndexFault, IndexRows, Key

TABLE = "merges"


def read_merged(
    rows: IndexRows, line: MainLine, positions: Sequence[int]
) -> dict[int, list[Merged]]:
    """The commits that the merges at these positions brought in, as far as they are known. Raises
    IndexFault and ValueError for damaged rows."""
    merged: dict[int, list[Merged]] = {}
    requested = set(positions)
    for row in rows.between(TABLE, min(requested), max(requested)):
        position, data, _ = row
        if position not in requested:
            continue
        if not rows.is_right(TABLE, row, line.shas[position]):
            raise IndexFault("damaged row of merges")
        merged[position] = [
            Merged(Commit(*commit), tuple(paths)) for *commit, paths in json.loads(data)
        ]
    return merged


def write_merged(rows: IndexRows, line: MainLine, merged: Mapping[int, Sequence[Merged]]) -> None:
    """Raises IndexFault if another process writes."""
    rows.begin()
    try:
        rows.write(TABLE, _rows(line, merged))
        rows.commit()
    except BaseException:
        rows.rollback()
        raise


def _rows(
    line: MainLine, merged: Mapping[int, Sequence[Merged]]
) -> Iterator[tuple[Key, bytes, str]]:
    for position, commits in merged.items():
        values = [
            (
                *(commit.sha, commit.at, commit.author, commit.subject),
                *(commit.committer, commit.message, paths),
            )
            for commit, paths in ((entry.commit, entry.paths) for entry in commits)
        ]
        data = json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
        yield position, data, line.shas[position]
