"""The commits of an indexed line: each is made when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, MutableMapping
from sys import intern

from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.times import format_time
from mlflow_gitops.edges.git.index.rows import IndexFault, IndexRows

Details = tuple[str, str, str, str]
"""A commit's author, subject, committer and message, as `CommitRecord` has them."""

TABLE = "commits"
_SINGLE_READS = 200
"""So many commits are read one by one; after that, blocks of them."""
_BLOCK = 1024


def pack_details(details: Details) -> bytes:
    """git separates these texts by NUL, so none of them has one."""
    return "\0".join(details).encode()


def unpack_details(data: bytes) -> Details:
    """Raises ValueError for what `pack_details` did not make."""
    author, subject, committer, message = data.decode().split("\0")
    return author, subject, committer, subject if message == subject else message


class IndexedCommits(MutableMapping[str, Commit]):
    """The commits of a line that changed the registry folder, by their ids.

    Those at `positions` are in the index. One whose row is missing or damaged is read from git
    (`read_commit`). Others are added.
    """

    def __init__(
        self,
        rows: IndexRows,
        line: MainLine,
        positions: Collection[int],
        read_commit: Callable[[str], Details],
    ) -> None:
        self._rows = rows
        self._line = line
        self._positions = positions
        self._read_commit = read_commit
        self._made: dict[str, Commit] = {}
        self._reads = 0

    def __getitem__(self, sha: str) -> Commit:
        commit = self._made.get(sha)
        if commit is not None:
            return commit
        position = self._line.index[sha]
        if position not in self._positions:
            raise KeyError(sha)
        self._load(position)
        if sha not in self._made:
            self._made[sha] = self._commit(position, self._read_commit(sha))
        return self._made[sha]

    def __setitem__(self, sha: str, commit: Commit) -> None:
        self._made[sha] = commit

    def __delitem__(self, sha: str) -> None:
        raise NotImplementedError("the history of a line does not shrink")

    def __iter__(self) -> Iterator[str]:
        indexed = dict.fromkeys(self._line.shas[position] for position in sorted(self._positions))
        yield from indexed
        yield from (sha for sha in self._made if sha not in indexed)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _load(self, position: int) -> None:
        """Make the commit at a position, and its neighbours if many are read."""
        self._reads += 1
        first = last = position
        if self._reads > _SINGLE_READS:
            first = position - position % _BLOCK
            last = first + _BLOCK - 1
        shas = self._line.shas
        try:
            for row in self._rows.between(TABLE, first, last):
                sha = shas[row[0]]
                is_new = row[0] in self._positions and sha not in self._made
                if is_new and self._rows.is_right(TABLE, row, sha):
                    self._made[sha] = self._commit(row[0], unpack_details(row[1]))
        except (IndexFault, ValueError, TypeError, IndexError, AttributeError):
            return  # git has it

    def _commit(self, position: int, details: Details) -> Commit:
        at = format_time(self._line.times[position])
        author, subject, committer, message = details
        # Many commits have the same people: each name is kept once.
        return Commit(
            self._line.shas[position], at, intern(author), subject, intern(committer), message
        )
